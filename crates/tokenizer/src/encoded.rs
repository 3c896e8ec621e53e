//! What a text becomes.

/// Token ids of one text, ready for a text tower.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// `[context]`: start of text, the words, end of text, then zeros.
    pub ids: Vec<u32>,
    /// Position of the (first) end-of-text token, where a CLIP text tower takes its embedding.
    pub end: usize,
    /// True if the text was longer than the context and lost its tail.
    pub truncated: bool,
}
