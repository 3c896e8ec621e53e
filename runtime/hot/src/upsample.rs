//! Bilinear interpolation of logits to pixels, 64 pixels of one row at a time.
//!
//! Half-pixel centres (`align_corners = false`), edges repeated. At a stride of 4 the weights are the same for every logit.

use crate::LOGIT_STRIDE_PX;
use crate::logits::LogitRows;

/// Pixels of one block: one word of a mask row.
pub(crate) const BLOCK_PX: usize = u64::BITS as usize;
const STRIDE: usize = LOGIT_STRIDE_PX as usize;
const BLOCK_LOGITS: usize = BLOCK_PX / STRIDE;
/// A block needs one more logit on each side.
const BLOCK_NEIGHBOURHOOD: usize = BLOCK_LOGITS + 2;

/// Weights of the logit before, at and after a pixel's own logit, by the pixel's place within the stride.
const BEFORE: [f32; STRIDE] = [0.375, 0.125, 0.0, 0.0];
const OWN: [f32; STRIDE] = [0.625, 0.875, 0.875, 0.625];
const AFTER: [f32; STRIDE] = [0.0, 0.0, 0.125, 0.375];

const _: () = assert!(BLOCK_PX.is_multiple_of(STRIDE), "a block is a whole number of logits");

/// The two rows of logits that a row of pixels lies between.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowPair {
    pub(crate) upper: usize,
    pub(crate) lower: usize,
    upper_weight: f32,
    lower_weight: f32,
}

impl RowPair {
    /// `high` is H4, the rows of logits of the whole image.
    pub(crate) fn around(y_px: u32, high: usize) -> Self {
        let own = y_px as usize / STRIDE;
        let phase = y_px as usize % STRIDE;
        if phase < STRIDE / 2 {
            let upper = own.saturating_sub(1);
            Self { upper, lower: own, upper_weight: BEFORE[phase], lower_weight: OWN[phase] }
        } else {
            let lower = (own + 1).min(high - 1);
            Self { upper: own, lower, upper_weight: OWN[phase], lower_weight: AFTER[phase] }
        }
    }

    /// The two rows of `query` with their weights times `scale`, if `rows` holds them.
    pub(crate) fn of_query<'a>(&self, rows: &LogitRows<'a>, query: usize, scale: f32) -> Option<WeightedRows<'a>> {
        Some(WeightedRows {
            upper: rows.row(query, self.upper)?,
            lower: rows.row(query, self.lower)?,
            upper_weight: self.upper_weight * scale,
            lower_weight: self.lower_weight * scale,
        })
    }
}

/// Two rows of logits `[W4]` and how much each counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WeightedRows<'a> {
    upper: &'a [f32],
    lower: &'a [f32],
    upper_weight: f32,
    lower_weight: f32,
}

impl WeightedRows<'_> {
    /// Interpolated values of the 64 pixels of `block`. Pixels past the right edge repeat the last logit.
    #[inline]
    pub(crate) fn block(&self, block: usize) -> [f32; BLOCK_PX] {
        widen(&self.neighbourhood(block))
    }

    /// Vertical interpolation: the block's logits and one more on each side.
    #[inline]
    fn neighbourhood(&self, block: usize) -> [f32; BLOCK_NEIGHBOURHOOD] {
        let mut between = [0.0; BLOCK_NEIGHBOURHOOD];
        let own = block * BLOCK_LOGITS;
        let whole = own.checked_sub(1).map(|first| first..first + BLOCK_NEIGHBOURHOOD);
        let whole = whole.and_then(|range| Some((self.upper.get(range.clone())?, self.lower.get(range)?)));
        if let Some((upper, lower)) = whole {
            for ((value, upper), lower) in between.iter_mut().zip(upper).zip(lower) {
                *value = self.upper_weight * upper + self.lower_weight * lower;
            }
        } else {
            let last = self.upper.len() - 1;
            for (place, value) in between.iter_mut().enumerate() {
                let at = (own + place).saturating_sub(1).min(last);
                *value = self.upper_weight * self.upper[at] + self.lower_weight * self.lower[at];
            }
        }
        between
    }
}

/// Horizontal interpolation: every logit becomes `STRIDE` pixels.
#[inline]
fn widen(between: &[f32; BLOCK_NEIGHBOURHOOD]) -> [f32; BLOCK_PX] {
    let mut pixels = [0.0; BLOCK_PX];
    for (own, four) in pixels.chunks_exact_mut(STRIDE).enumerate() {
        for (phase, pixel) in four.iter_mut().enumerate() {
            *pixel = BEFORE[phase] * between[own] + OWN[phase] * between[own + 1] + AFTER[phase] * between[own + 2];
        }
    }
    pixels
}
