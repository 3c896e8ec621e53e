//! What a protocol says about one image.

/// Scores of each query and the query of each pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prediction {
    /// `[K, H, W]`, 255 being a score of 1.
    pub(super) scores: Vec<Vec<u8>>,
    /// `[H, W]`: 1 + the query with the largest score.
    pub(super) exclusive: Vec<u8>,
}
