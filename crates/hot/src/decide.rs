//! From blended logits to classes and masks, one row of pixels at a time.

use core::fmt;

use crate::logits::LogitRows;
use crate::mask::{pack, words_per_row};
use crate::region::RegionStatistics;
use crate::rule::QueryRule;
use crate::sigmoid::sigmoid;
use crate::tile::TileGrid;
use crate::upsample::{BLOCK_PX, RowPair, Stride};
use crate::winners::Winners;

/// Class of a pixel that holds no image.
pub const INVALID_CLASS: u8 = u8::MAX;

/// Most queries of one decision: class indices are bytes, 0 means none of them and
/// [`INVALID_CLASS`] no image.
pub const MAX_QUERIES: usize = INVALID_CLASS as usize - 1;

/// A word of pixels that all hold an image.
const ALL_VALID: u64 = u64::MAX;

/// How a pixel gets its class and its masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// A query's mask is where its score exceeds its threshold, whatever the others say. The class
    /// is the query with the largest margin (logit over temperature, less the logit of the
    /// threshold), 0 if no mask covers the pixel, the first of equals.
    Multilabel,
    /// The class is the query or support row with the largest logit over temperature, 0 if a
    /// support row wins, the first of equals. A query's mask is where it is the class. Thresholds
    /// are not used.
    Exclusive,
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
    /// The logits of the grid are not 4, 8, 16 or 32 pixels apart.
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
            Self::Stride { found } => {
                write!(f, "grid: expected a stride of 4, 8, 16 or 32 px, found {found}")
            }
            Self::Queries { found } => {
                write!(
                    f,
                    "queries: expected 1 to {MAX_QUERIES}, found {found}; ask for the rest in a \
                     second run"
                )
            }
            Self::Length { buffer, expected, found } => {
                write!(f, "{buffer}: expected length {expected}, found {found}")
            }
            Self::Row { y_px } => {
                write!(f, "row {y_px}: expected a row of the image whose logits are in the band")
            }
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
    /// `[W]`: 1 + the query of each pixel, 0 for none, [`INVALID_CLASS`] where no image is.
    pub classes: &'r [u8],
    masks: &'r [u64],
    words: usize,
}

impl<'r> DecidedRow<'r> {
    /// Mask row of one query: [`words_per_row`] words, the lowest bit of the first being the first
    /// pixel.
    pub fn mask(&self, query: usize) -> &'r [u64] {
        &self.masks[query * self.words..][..self.words]
    }
}

/// Upsamples blended logits row by row and decides, 64 pixels at a time without a float image.
///
/// The floor is reading the logits once and writing one byte a pixel and one bit a pixel and query.
/// The arithmetic of a query that is present costs more than that, of one that is absent about as
/// much as reading its logits for each row of pixels.
#[derive(Debug)]
pub struct Decider<'a> {
    width_px: u32,
    height_px: u32,
    logits_high: usize,
    logits_wide: usize,
    stride: Stride,
    decision: Decision,
    queries: usize,
    rules: &'a [QueryRule],
    buffers: DecideBuffers<'a>,
}

impl<'a> Decider<'a> {
    /// `rules` has one entry per row of logits: the `queries` first, then, for
    /// [`Decision::Exclusive`], the support rows.
    pub fn new(
        grid: &TileGrid,
        decision: Decision,
        queries: usize,
        rules: &'a [QueryRule],
        buffers: DecideBuffers<'a>,
    ) -> Result<Self, DecideError> {
        let stride_px = grid.layout().stride_px;
        let stride = Stride::of(stride_px).ok_or(DecideError::Stride { found: stride_px })?;
        if !(1..=MAX_QUERIES).contains(&queries) {
            return Err(DecideError::Queries { found: queries });
        }
        let supported = match decision {
            Decision::Multilabel => rules.len() == queries,
            Decision::Exclusive => rules.len() >= queries,
        };
        if !supported {
            return Err(DecideError::Length {
                buffer: "rules",
                expected: queries,
                found: rules.len(),
            });
        }
        expect_length("classes", grid.width_px() as usize, buffers.classes.len())?;
        expect_length("masks", queries * words_per_row(grid.width_px()), buffers.masks.len())?;
        expect_length("regions", queries, buffers.regions.len())?;
        buffers.regions.fill(RegionStatistics::default());
        Ok(Self {
            width_px: grid.width_px(),
            height_px: grid.height_px(),
            logits_high: grid.logits_high(),
            logits_wide: grid.logits_wide(),
            stride,
            decision,
            queries,
            rules,
            buffers,
        })
    }

    /// Decides the row `y_px` and adds it to the region statistics: call it once for each row of
    /// the image.
    pub fn decide(
        &mut self,
        y_px: u32,
        logits: &LogitRows<'_>,
    ) -> Result<DecidedRow<'_>, DecideError> {
        self.decide_row(y_px, logits, None)
    }

    /// The same for a row in which not every pixel holds an image: `valid` has a bit a pixel, as a
    /// mask row. A pixel without its bit belongs to no query and is counted nowhere.
    pub fn decide_within(
        &mut self,
        y_px: u32,
        logits: &LogitRows<'_>,
        valid: &[u64],
    ) -> Result<DecidedRow<'_>, DecideError> {
        expect_length("valid pixels", words_per_row(self.width_px), valid.len())?;
        self.decide_row(y_px, logits, Some(valid))
    }

    fn decide_row(
        &mut self,
        y_px: u32,
        logits: &LogitRows<'_>,
        valid: Option<&[u64]>,
    ) -> Result<DecidedRow<'_>, DecideError> {
        let pair = self.pair_around(y_px, logits)?;
        let words = words_per_row(self.width_px);
        for block in 0..words {
            let valid = valid.map_or(ALL_VALID, |valid| valid[block]);
            let winners = match self.decision {
                Decision::Multilabel => self.decide_multilabel(block, y_px, pair, logits, valid)?,
                Decision::Exclusive => self.decide_exclusive(block, y_px, pair, logits, valid)?,
            };
            let classes = self.buffers.classes[block * BLOCK_PX..].iter_mut();
            classes.zip(winners.classes()).for_each(|(class, winner)| *class = *winner as u8);
            if valid != ALL_VALID {
                let classes = self.buffers.classes[block * BLOCK_PX..].iter_mut().enumerate();
                classes
                    .take(BLOCK_PX)
                    .filter(|(place, _)| valid >> place & 1 == 0)
                    .for_each(|(_, class)| *class = INVALID_CLASS);
            }
        }
        Ok(DecidedRow { y_px, classes: self.buffers.classes, masks: self.buffers.masks, words })
    }

    /// Scores of one query in the row `y_px` as bytes, 255 being a score of 1. `out` is `[W]`.
    pub fn score_row(
        &self,
        query: usize,
        y_px: u32,
        logits: &LogitRows<'_>,
        out: &mut [u8],
    ) -> Result<(), DecideError> {
        let pair = self.pair_around(y_px, logits)?;
        expect_length("scores", self.width_px as usize, out.len())?;
        let rule = self.rules.get(query).ok_or(DecideError::Query { query })?;
        let rows = pair
            .of_query(logits, query, rule.inverse_temperature)
            .ok_or(DecideError::Row { y_px })?;
        for (block, bytes) in out.chunks_mut(BLOCK_PX).enumerate() {
            bytes.copy_from_slice(&score_bytes(&rows.block(block))[..bytes.len()]);
        }
        Ok(())
    }

    /// Statistics of each query over the rows decided so far.
    pub fn regions(&self) -> &[RegionStatistics] {
        self.buffers.regions
    }

    /// Rows of pixels, counted from the top, that can be decided when the first `final_rows` rows
    /// of logits are final.
    pub fn decidable_rows(&self, final_rows: usize) -> u32 {
        if final_rows >= self.logits_high {
            return self.height_px;
        }
        // The lower half of the pixels of the last final row already looks at the row below.
        let stride_px = self.stride.px() as u32;
        (final_rows as u32 * stride_px).saturating_sub(stride_px / 2)
    }

    /// First row of logits that the row `y_px` and those below it need.
    pub fn first_logit_row(&self, y_px: u32) -> usize {
        RowPair::around(y_px, self.logits_high, self.stride).upper
    }

    fn pair_around(&self, y_px: u32, logits: &LogitRows<'_>) -> Result<RowPair, DecideError> {
        expect_length("queries of the logits", self.rules.len(), logits.queries())?;
        expect_length("width of the logits", self.logits_wide, logits.wide())?;
        if y_px >= self.height_px {
            return Err(DecideError::Row { y_px });
        }
        Ok(RowPair::around(y_px, self.logits_high, self.stride))
    }

    fn decide_multilabel(
        &mut self,
        block: usize,
        y_px: u32,
        pair: RowPair,
        logits: &LogitRows<'_>,
        valid: u64,
    ) -> Result<Winners, DecideError> {
        let mut winners = Winners::above(0.0);
        for (query, rule) in self.rules.iter().enumerate() {
            let rows = pair
                .of_query(logits, query, rule.inverse_temperature)
                .ok_or(DecideError::Row { y_px })?;
            let word_index = query * words_per_row(self.width_px) + block;
            let Some(values) = rows.block_above(block, rule.threshold_logit) else {
                self.buffers.masks[word_index] = 0;
                continue;
            };
            let inside = winners.challenge(&values, rule.threshold_logit, query as u32 + 1);
            self.mark(query, [block as u32, y_px], &values, inside, valid);
        }
        Ok(winners)
    }

    fn decide_exclusive(
        &mut self,
        block: usize,
        y_px: u32,
        pair: RowPair,
        logits: &LogitRows<'_>,
        valid: u64,
    ) -> Result<Winners, DecideError> {
        let mut winners = Winners::above(f32::NEG_INFINITY);
        for (row, rule) in self.rules.iter().enumerate() {
            let rows = pair
                .of_query(logits, row, rule.inverse_temperature)
                .ok_or(DecideError::Row { y_px })?;
            winners.challenge(&rows.block(block), 0.0, row as u32 + 1);
        }
        winners.drop_above(self.queries as u32);
        for query in 0..self.queries {
            let inside = winners.won_by(query as u32 + 1);
            self.mark(query, [block as u32, y_px], winners.margins(), inside, valid);
        }
        Ok(winners)
    }

    /// Writes one word of one mask and counts it. `inside` may hold anything past the right edge.
    fn mark(
        &mut self,
        query: usize,
        [block, y_px]: [u32; 2],
        values: &[f32; BLOCK_PX],
        mut inside: [u8; BLOCK_PX],
        valid: u64,
    ) {
        let x_px = block * BLOCK_PX as u32;
        let outside = inside.iter_mut().skip((self.width_px - x_px) as usize);
        outside.for_each(|flag| *flag = 0);
        if valid != ALL_VALID {
            let flags = inside.iter_mut().enumerate();
            flags.for_each(|(place, flag)| *flag &= (valid >> place) as u8 & 1);
        }
        let word = pack(&inside);
        self.buffers.masks[query * words_per_row(self.width_px) + block as usize] = word;
        self.buffers.regions[query].add_word(word, x_px, y_px, values, &inside);
    }
}

/// Scores of logits as the nearest of 256 steps.
fn score_bytes(logits: &[f32; BLOCK_PX]) -> [u8; BLOCK_PX] {
    /// Adding 2^23 leaves the nearest integer in the low bits, without the checks of a cast that
    /// saturates.
    const TO_INTEGER: f32 = 8_388_608.0;
    let mut bytes = [0; BLOCK_PX];
    for (byte, logit) in bytes.iter_mut().zip(logits) {
        *byte = (sigmoid(*logit) * 255.0 + TO_INTEGER).to_bits() as u8;
    }
    bytes
}

fn expect_length(buffer: &'static str, expected: usize, found: usize) -> Result<(), DecideError> {
    if expected == found { Ok(()) } else { Err(DecideError::Length { buffer, expected, found }) }
}
