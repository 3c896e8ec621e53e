//! Masks as run lengths.
//!
//! Runs alternate, background first; a mask that starts inside has a first run of 0. **Pixels are counted row by row**, because
//! rows stream. COCO counts down the columns: transpose the mask first ([`transpose_mask`](crate::transpose_mask)), then a reader
//! of COCO files with `size: [H, W]` gets the mask upright.

use core::fmt;

/// Runs or text that do not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RleError {
    /// The place for runs, text or mask words is full.
    Full,
    /// A run exceeds what 32 bits count.
    RunTooLong,
    /// A row has not the words of its width, or the runs do not add up to the mask.
    Length {
        /// What it must be.
        expected: u64,
        /// What it is.
        found: u64,
    },
    /// A byte of the text is not of the COCO alphabet, or the text ends within a number.
    Text {
        /// Position of the byte.
        position: usize,
    },
}

impl fmt::Display for RleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("run lengths: expected no more than the capacity; raise it or coarsen the mask"),
            Self::RunTooLong => write!(f, "run lengths: expected runs up to {} pixels; cut the image", u32::MAX),
            Self::Length { expected, found } => write!(f, "run lengths: expected {expected} pixels, found {found}"),
            Self::Text { position } => {
                write!(f, "COCO counts, byte {position}: expected characters from '0' to 'o' that end a number")
            }
        }
    }
}

impl core::error::Error for RleError {}

/// Where finished runs go.
pub trait RunSink {
    /// Takes the next run, or says that it has no room.
    fn push_run(&mut self, run: u32) -> Result<(), RleError>;
}

impl RunSink for heapless::VecView<u32> {
    fn push_run(&mut self, run: u32) -> Result<(), RleError> {
        self.push(run).map_err(|_| RleError::Full)
    }
}

impl<const CAPACITY: usize> RunSink for heapless::Vec<u32, CAPACITY> {
    fn push_run(&mut self, run: u32) -> Result<(), RleError> {
        const { assert!(CAPACITY > 0, "a mask has at least one run") };
        self.push(run).map_err(|_| RleError::Full)
    }
}

/// Encodes a mask row by row.
#[derive(Debug, Clone, Default)]
pub struct RunEncoder {
    inside: bool,
    run: u32,
}

impl RunEncoder {
    /// At the first pixel of a mask.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one row of [`words_per_row`](crate::words_per_row) words. Words that are all background or all inside cost one step.
    pub fn push_row(&mut self, row: &[u64], width_px: u32, sink: &mut impl RunSink) -> Result<(), RleError> {
        let _ = (row, width_px, sink, &self.inside, &self.run);
        unimplemented!()
    }

    /// Ends the mask with its last run.
    pub fn finish(self, sink: &mut impl RunSink) -> Result<(), RleError> {
        sink.push_run(self.run)
    }
}

/// Draws runs, counted row by row, into `mask: [H, words_per_row(width_px)]`; H follows from its length.
pub fn decode_runs(runs: &[u32], width_px: u32, mask: &mut [u64]) -> Result<(), RleError> {
    let _ = (runs, width_px, mask);
    unimplemented!()
}

/// Writes runs in COCO's compressed text: differences to the run before last, five bits a character.
/// Source: pycocotools, `common/maskApi.c`, `rleToString`.
pub fn write_coco_counts(runs: &[u32], out: &mut impl fmt::Write) -> Result<(), RleError> {
    let _ = (runs, out);
    unimplemented!()
}

/// Reads COCO's compressed text. Source: pycocotools, `common/maskApi.c`, `rleFrString`.
pub fn read_coco_counts(text: &str, sink: &mut impl RunSink) -> Result<(), RleError> {
    let _ = (text, sink);
    unimplemented!()
}
