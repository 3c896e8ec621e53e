//! Bilinear interpolation of logits to pixels, 64 pixels of one row at a time.
//!
//! Half-pixel centres (`align_corners = false`), edges repeated. The weights are the same for every
//! logit, so each stride has a loop of its own with constant weights.

use crate::LOGIT_STRIDE_PX;
use crate::logits::LogitRows;

/// Pixels of one block: one word of a mask row.
pub(crate) const BLOCK_PX: usize = u64::BITS as usize;

/// Logits that a block lies between at the smallest stride: its own and one more on each side.
/// Larger strides use fewer.
const MOST_NEIGHBOURS: usize = BLOCK_PX / Stride::SMALLEST + 2;
type Neighbourhood = [f32; MOST_NEIGHBOURS];

/// Pixels of the image between two logits: 4 for an image that the network saw as it is, more for
/// one that it saw smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stride {
    Four,
    Eight,
    Sixteen,
    ThirtyTwo,
}

impl Stride {
    const SMALLEST: usize = LOGIT_STRIDE_PX as usize;

    /// The strides that divide a block evenly.
    pub(crate) fn of(stride_px: u32) -> Option<Self> {
        match stride_px {
            4 => Some(Self::Four),
            8 => Some(Self::Eight),
            16 => Some(Self::Sixteen),
            32 => Some(Self::ThirtyTwo),
            _ => None,
        }
    }

    pub(crate) fn px(self) -> usize {
        match self {
            Self::Four => 4,
            Self::Eight => 8,
            Self::Sixteen => 16,
            Self::ThirtyTwo => 32,
        }
    }
}

/// How much the logit on the pixel's side of its own counts, by the pixel's place within the
/// stride; the own one counts the rest.
const fn far_weight(place: usize, stride: usize) -> f32 {
    let doubled = 2 * place + 1;
    doubled.abs_diff(stride) as f32 / (2 * stride) as f32
}

/// The two rows of logits that a row of pixels lies between.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowPair {
    pub(crate) upper: usize,
    pub(crate) lower: usize,
    upper_weight: f32,
    lower_weight: f32,
    stride: Stride,
}

impl RowPair {
    /// `high` is H4, the rows of logits of the whole image.
    pub(crate) fn around(y_px: u32, high: usize, stride: Stride) -> Self {
        let own = y_px as usize / stride.px();
        let place = y_px as usize % stride.px();
        let far = far_weight(place, stride.px());
        let (upper, lower, upper_weight, lower_weight) = if place < stride.px() / 2 {
            (own.saturating_sub(1), own, far, 1.0 - far)
        } else {
            (own, (own + 1).min(high - 1), 1.0 - far, far)
        };
        Self { upper, lower, upper_weight, lower_weight, stride }
    }

    /// The two rows of `query` with their weights times `scale`, if `rows` holds them.
    pub(crate) fn of_query<'a>(
        &self,
        rows: &LogitRows<'a>,
        query: usize,
        scale: f32,
    ) -> Option<WeightedRows<'a>> {
        Some(WeightedRows {
            upper: rows.row(query, self.upper)?,
            lower: rows.row(query, self.lower)?,
            upper_weight: self.upper_weight * scale,
            lower_weight: self.lower_weight * scale,
            stride: self.stride,
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
    stride: Stride,
}

impl WeightedRows<'_> {
    /// Interpolated values of the 64 pixels of `block`. Pixels past the right edge repeat the last
    /// logit.
    #[inline]
    pub(crate) fn block(&self, block: usize) -> [f32; BLOCK_PX] {
        match self.stride {
            Stride::Four => widen::<4>(&self.neighbourhood::<4>(block)),
            Stride::Eight => widen::<8>(&self.neighbourhood::<8>(block)),
            Stride::Sixteen => widen::<16>(&self.neighbourhood::<16>(block)),
            Stride::ThirtyTwo => widen::<32>(&self.neighbourhood::<32>(block)),
        }
    }

    /// The same, or none if no pixel can exceed `threshold`: an interpolated value lies between its
    /// neighbours. Most queries are absent from most of an image, and this is all that they cost
    /// there.
    #[inline]
    pub(crate) fn block_above(&self, block: usize, threshold: f32) -> Option<[f32; BLOCK_PX]> {
        match self.stride {
            Stride::Four => self.above::<4>(block, threshold),
            Stride::Eight => self.above::<8>(block, threshold),
            Stride::Sixteen => self.above::<16>(block, threshold),
            Stride::ThirtyTwo => self.above::<32>(block, threshold),
        }
    }

    #[inline]
    fn above<const STRIDE: usize>(&self, block: usize, threshold: f32) -> Option<[f32; BLOCK_PX]> {
        let between = self.neighbourhood::<STRIDE>(block);
        let own = &between[..neighbours(STRIDE)];
        let exceeding = own.iter().fold(0, |found, value| found | u32::from(*value > threshold));
        (exceeding != 0).then(|| widen::<STRIDE>(&between))
    }

    /// Vertical interpolation: the block's logits and one more on each side.
    #[inline]
    fn neighbourhood<const STRIDE: usize>(&self, block: usize) -> Neighbourhood {
        let first_own = block * (BLOCK_PX / STRIDE);
        let whole = |row| whole::<STRIDE>(row, first_own.checked_sub(1)?);
        match (whole(self.upper), whole(self.lower)) {
            (Some(upper), Some(lower)) => self.between::<STRIDE>(upper, lower),
            _ => self.between::<STRIDE>(
                &at_edge(self.upper, first_own),
                &at_edge(self.lower, first_own),
            ),
        }
    }

    #[inline]
    fn between<const STRIDE: usize>(&self, upper: &[f32], lower: &[f32]) -> Neighbourhood {
        let mut between = [0.0; MOST_NEIGHBOURS];
        let own = &mut between[..neighbours(STRIDE)];
        for ((value, upper), lower) in own.iter_mut().zip(upper).zip(lower) {
            *value = self.upper_weight * upper + self.lower_weight * lower;
        }
        between
    }
}

/// Logits that a block lies between.
const fn neighbours(stride: usize) -> usize {
    BLOCK_PX / stride + 2
}

/// The neighbourhood that starts at `first`, if all of it is in the row.
#[inline]
fn whole<const STRIDE: usize>(row: &[f32], first: usize) -> Option<&[f32]> {
    row.get(first..first + neighbours(STRIDE))
}

/// The neighbourhood one before `first_own`, with the ends of the row repeated.
fn at_edge(row: &[f32], first_own: usize) -> Neighbourhood {
    core::array::from_fn(|place| row[(first_own + place).saturating_sub(1).min(row.len() - 1)])
}

/// Horizontal interpolation: every logit becomes `STRIDE` pixels.
#[inline]
fn widen<const STRIDE: usize>(between: &Neighbourhood) -> [f32; BLOCK_PX] {
    let mut pixels = [0.0; BLOCK_PX];
    let (groups, _) = pixels.as_chunks_mut::<STRIDE>();
    for (index, group) in groups.iter_mut().enumerate() {
        let (before, own, after) = (between[index], between[index + 1], between[index + 2]);
        for (place, pixel) in group.iter_mut().enumerate() {
            let far = far_weight(place, STRIDE);
            let other = if place < STRIDE / 2 { before } else { after };
            *pixel = far * other + (1.0 - far) * own;
        }
    }
    pixels
}
