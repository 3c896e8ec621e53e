//! From blended logits to classes and masks, one row of pixels at a time.

use core::fmt;

use crate::LOGIT_STRIDE_PX;
use crate::logits::LogitRows;
use crate::mask::{pack, words_per_row};
use crate::region::RegionStatistics;
use crate::sigmoid::{logit, sigmoid};
use crate::tile::TileGrid;
use crate::upsample::{BLOCK_PX, RowPair};

/// Most queries of one decision: class indices are bytes and 0 means none of them.
pub const MAX_QUERIES: usize = u8::MAX as usize;

/// How a pixel gets its class and its masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// A query's mask is where its score exceeds its threshold, whatever the others say. The class is the query with the largest
    /// margin (logit over temperature, less the logit of the threshold), 0 if no mask covers the pixel, the first of equals.
    Multilabel,
    /// The class is the query or support row with the largest logit over temperature, 0 if a support row wins, the first of
    /// equals. A query's mask is where it is the class. Thresholds are not used.
    Exclusive,
}

/// Threshold and temperature of one query, ready to be compared with its logits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QueryRule {
    threshold_logit: f32,
    inverse_temperature: f32,
}

/// A threshold or a temperature that no rule can be made of.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum RuleError {
    /// The threshold is not strictly between 0 and 1.
    Threshold(f32),
    /// The temperature is not a positive, finite number.
    Temperature(f32),
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Threshold(found) => write!(f, "threshold: expected a score between 0 and 1, both excluded, found {found}"),
            Self::Temperature(found) => write!(f, "temperature: expected a positive, finite number, found {found}"),
        }
    }
}

impl core::error::Error for RuleError {}

impl QueryRule {
    /// A query is where `sigmoid(logit / temperature) > threshold`.
    pub fn new(threshold: f32, temperature: f32) -> Result<Self, RuleError> {
        if !(threshold > 0.0 && threshold < 1.0) {
            return Err(RuleError::Threshold(threshold));
        }
        let inverse_temperature = 1.0 / temperature;
        if !(temperature > 0.0 && temperature.is_finite() && inverse_temperature.is_finite()) {
            return Err(RuleError::Temperature(temperature));
        }
        Ok(Self { threshold_logit: logit(threshold), inverse_temperature })
    }
}

/// What the caller lends to a decision.
#[derive(Debug)]
pub struct DecideBuffers<'a> {
    /// Class of each pixel of the row, `[W]`.
    pub classes: &'a mut [u8],
    /// Mask rows, `[queries, words_per_row(W)]`.
    pub masks: &'a mut [u64],
    /// One per query; counting starts from zero.
    pub regions: &'a mut [RegionStatistics],
}

/// A decision that was asked for with sizes that do not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecideError {
    /// The logits of the grid are not 4 pixels apart.
    Stride {
        /// Stride of the grid.
        found: u32,
    },
    /// No query, or more than [`MAX_QUERIES`].
    Queries {
        /// Queries asked for.
        found: usize,
    },
    /// A buffer has the wrong length.
    Length {
        /// Which buffer.
        buffer: &'static str,
        /// Length it must have.
        expected: usize,
        /// Length it has.
        found: usize,
    },
    /// The row of pixels is not in the image, or the logits around it are not in the band.
    Row {
        /// The row asked for.
        y_px: u32,
    },
    /// The query has no rule.
    Query {
        /// The query asked for.
        query: usize,
    },
}

impl fmt::Display for DecideError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stride { found } => write!(f, "grid: expected a stride of {LOGIT_STRIDE_PX} px, found {found}"),
            Self::Queries { found } => {
                write!(f, "queries: expected 1 to {MAX_QUERIES}, found {found}; ask for the rest in a second run")
            }
            Self::Length { buffer, expected, found } => write!(f, "{buffer}: expected length {expected}, found {found}"),
            Self::Row { y_px } => write!(f, "row {y_px}: expected a row of the image whose logits are in the band"),
            Self::Query { query } => write!(f, "query {query}: expected a query that has a rule"),
        }
    }
}

impl core::error::Error for DecideError {}

/// One decided row of pixels.
#[derive(Debug, Clone, Copy)]
pub struct DecidedRow<'r> {
    /// Which row.
    pub y_px: u32,
    /// `[W]`: 1 + the query of each pixel, 0 for none.
    pub classes: &'r [u8],
    masks: &'r [u64],
    words: usize,
}

impl<'r> DecidedRow<'r> {
    /// Mask row of one query: [`words_per_row`] words, the lowest bit of the first being the first pixel.
    pub fn mask(&self, query: usize) -> &'r [u64] {
        &self.masks[query * self.words..][..self.words]
    }
}

/// Upsamples blended logits row by row and decides.
#[derive(Debug)]
pub struct Decider<'a> {
    width_px: u32,
    height_px: u32,
    logits_high: usize,
    logits_wide: usize,
    decision: Decision,
    queries: usize,
    rules: &'a [QueryRule],
    buffers: DecideBuffers<'a>,
}

/// The class, mask and margin of the 64 pixels of a block, as the rows of logits come by.
struct Block {
    best: [f32; BLOCK_PX],
    class: [u32; BLOCK_PX],
}

impl<'a> Decider<'a> {
    /// `rules` has one entry per row of logits: the `queries` first, then, for [`Decision::Exclusive`], the support rows.
    pub fn new(
        grid: &TileGrid,
        decision: Decision,
        queries: usize,
        rules: &'a [QueryRule],
        buffers: DecideBuffers<'a>,
    ) -> Result<Self, DecideError> {
        let _ = (grid, decision, queries, rules, buffers, pack, sigmoid, LOGIT_STRIDE_PX);
        unimplemented!()
    }

    /// Decides the row `y_px` and adds it to the region statistics: call it once for each row of the image.
    pub fn decide(&mut self, y_px: u32, logits: &LogitRows<'_>) -> Result<DecidedRow<'_>, DecideError> {
        let _ = (y_px, logits, RowPair::around(0, 1));
        unimplemented!()
    }

    /// Scores of one query in the row `y_px` as bytes, 255 being a score of 1. `out` is `[W]`.
    pub fn score_row(&self, query: usize, y_px: u32, logits: &LogitRows<'_>, out: &mut [u8]) -> Result<(), DecideError> {
        let _ = (query, y_px, logits, out);
        unimplemented!()
    }

    /// Statistics of each query over the rows decided so far.
    pub fn regions(&self) -> &[RegionStatistics] {
        self.buffers.regions
    }

    /// Rows of pixels, counted from the top, that can be decided when the first `final_rows` rows of logits are final.
    pub fn decidable_rows(&self, final_rows: usize) -> u32 {
        let _ = final_rows;
        unimplemented!()
    }

    /// First row of logits that the row `y_px` and those below it need.
    pub fn first_logit_row(&self, y_px: u32) -> usize {
        RowPair::around(y_px, self.logits_high).upper
    }
}
