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

/// By the pixel's place within the stride: the weight of the pixel's own logit, and that of the logit on the pixel's side of it.
const NEAR: [f32; STRIDE] = [0.625, 0.875, 0.875, 0.625];
const FAR: [f32; STRIDE] = [0.375, 0.125, 0.125, 0.375];

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
            Self { upper, lower: own, upper_weight: FAR[phase], lower_weight: NEAR[phase] }
        } else {
            let lower = (own + 1).min(high - 1);
            Self { upper: own, lower, upper_weight: NEAR[phase], lower_weight: FAR[phase] }
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

    /// The same, or none if no pixel can exceed `threshold`: an interpolated value lies between its neighbours. Most queries are
    /// absent from most of an image, and this is all that they cost there.
    #[inline]
    pub(crate) fn block_above(&self, block: usize, threshold: f32) -> Option<[f32; BLOCK_PX]> {
        let between = self.neighbourhood(block);
        let exceeding = between.iter().fold(0, |found, value| found | u32::from(*value > threshold));
        (exceeding != 0).then(|| widen(&between))
    }

    /// Vertical interpolation: the block's logits and one more on each side.
    #[inline]
    fn neighbourhood(&self, block: usize) -> [f32; BLOCK_NEIGHBOURHOOD] {
        let first_own = block * BLOCK_LOGITS;
        match first_own.checked_sub(1).and_then(|first| Some((whole(self.upper, first)?, whole(self.lower, first)?))) {
            Some((upper, lower)) => self.between(upper, lower),
            None => self.between(&at_edge(self.upper, first_own), &at_edge(self.lower, first_own)),
        }
    }

    #[inline]
    fn between(
        &self,
        upper: &[f32; BLOCK_NEIGHBOURHOOD],
        lower: &[f32; BLOCK_NEIGHBOURHOOD],
    ) -> [f32; BLOCK_NEIGHBOURHOOD] {
        let mut between = [0.0; BLOCK_NEIGHBOURHOOD];
        for ((value, upper), lower) in between.iter_mut().zip(upper).zip(lower) {
            *value = self.upper_weight * upper + self.lower_weight * lower;
        }
        between
    }
}

/// The neighbourhood that starts at `first`, if all of it is in the row.
#[inline]
fn whole(row: &[f32], first: usize) -> Option<&[f32; BLOCK_NEIGHBOURHOOD]> {
    row.get(first..)?.first_chunk()
}

/// The neighbourhood one before `first_own`, with the ends of the row repeated.
fn at_edge(row: &[f32], first_own: usize) -> [f32; BLOCK_NEIGHBOURHOOD] {
    core::array::from_fn(|place| row[(first_own + place).saturating_sub(1).min(row.len() - 1)])
}

/// Horizontal interpolation: every logit becomes `STRIDE` pixels.
#[inline]
fn widen(between: &[f32; BLOCK_NEIGHBOURHOOD]) -> [f32; BLOCK_PX] {
    let mut pixels = [0.0; BLOCK_PX];
    let (groups, _) = pixels.as_chunks_mut::<STRIDE>();
    for (index, group) in groups.iter_mut().enumerate() {
        let (before, own, after) = (between[index], between[index + 1], between[index + 2]);
        *group = [
            FAR[0] * before + NEAR[0] * own,
            FAR[1] * before + NEAR[1] * own,
            NEAR[2] * own + FAR[2] * after,
            NEAR[3] * own + FAR[3] * after,
        ];
    }
    pixels
}
