//! What a mask covers: area, place and confidence.

use crate::sigmoid::sigmoid;
use crate::upsample::BLOCK_PX;

/// Smallest rectangle around a mask; both corners are inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Column of the leftmost pixel.
    pub left_px: u32,
    /// Row of the uppermost pixel.
    pub top_px: u32,
    /// Column of the rightmost pixel.
    pub right_px: u32,
    /// Row of the lowest pixel.
    pub bottom_px: u32,
}

/// Area, bounds, centroid and scores of the pixels of one query's mask.
///
/// All sums are exact for every image a grid accepts, those of scores after each was rounded to
/// [`SCORE_STEPS`]: an exact sum has no order, so the result does not depend on who added what
/// first, on a processor or on a device.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RegionStatistics {
    sums: RegionSums,
    bounds: Option<Bounds>,
    maximum_score: f32,
}

/// Steps from a score of 0 to one of 1 in [`RegionSums::score_steps`]. A step is less than what the
/// logistic function here is off by.
pub const SCORE_STEPS: u32 = 1 << 22;

/// Sums over the pixels of one mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RegionSums {
    /// Pixels in the mask.
    pub pixels: u64,
    /// Sum of their columns.
    pub x: u64,
    /// Sum of their rows.
    pub y: u64,
    /// Sum of their scores, each rounded to the nearest of [`SCORE_STEPS`] steps.
    pub score_steps: u64,
}

impl RegionStatistics {
    /// Statistics that were counted elsewhere, by the same rules. `bounds` is none where the mask
    /// is empty; the highest score is in [0, 1].
    pub fn new(sums: RegionSums, bounds: Option<Bounds>, maximum_score: f32) -> Self {
        Self { sums, bounds, maximum_score }
    }

    /// Pixels in the mask.
    pub fn pixels(&self) -> u64 {
        self.sums.pixels
    }

    /// Smallest rectangle around the mask; none if it is empty.
    pub fn bounds(&self) -> Option<Bounds> {
        self.bounds
    }

    /// Mean `(x, y)` of the pixel centres, the first pixel's being (0.5, 0.5); none if the mask is
    /// empty.
    pub fn centroid_px(&self) -> Option<(f64, f64)> {
        let mean = |sum: u64| sum as f64 / self.sums.pixels as f64 + 0.5;
        (self.sums.pixels > 0).then(|| (mean(self.sums.x), mean(self.sums.y)))
    }

    /// Sum of the scores, each in [0, 1], over the mask.
    pub fn score_sum(&self) -> f64 {
        self.sums.score_steps as f64 / f64::from(SCORE_STEPS)
    }

    /// Mean score, in [0, 1], over the mask; none if it is empty.
    pub fn mean_score(&self) -> Option<f64> {
        (self.sums.pixels > 0).then(|| self.score_sum() / self.sums.pixels as f64)
    }

    /// Highest score, in [0, 1], over the mask; none if it is empty.
    pub fn maximum_score(&self) -> Option<f32> {
        (self.sums.pixels > 0).then_some(self.maximum_score)
    }

    /// Adds the pixels of `word` in row `y_px`, the lowest bit being column `x_px`. `logits` are
    /// over their temperature.
    pub(crate) fn add_word(
        &mut self,
        word: u64,
        x_px: u32,
        y_px: u32,
        logits: &[f32; BLOCK_PX],
        inside: &[u8; BLOCK_PX],
    ) {
        if word == 0 {
            return;
        }
        let count = u64::from(word.count_ones());
        self.sums.pixels += count;
        self.sums.x += u64::from(x_px) * count + sum_of_positions(word);
        self.sums.y += u64::from(y_px) * count;
        let (left_px, right_px) = (x_px + word.trailing_zeros(), x_px + 63 - word.leading_zeros());
        let new = Bounds { left_px, top_px: y_px, right_px, bottom_px: y_px };
        self.bounds = Some(self.bounds.map_or(new, |bounds| bounds.union(new)));
        let (steps, maximum) = score_steps_and_maximum(logits, inside);
        self.sums.score_steps += u64::from(steps);
        self.maximum_score = self.maximum_score.max(maximum);
    }
}

impl Bounds {
    fn union(self, other: Self) -> Self {
        Self {
            left_px: self.left_px.min(other.left_px),
            top_px: self.top_px.min(other.top_px),
            right_px: self.right_px.max(other.right_px),
            bottom_px: self.bottom_px.max(other.bottom_px),
        }
    }
}

/// Sum of the positions of the set bits: the bit of weight `2^i` in a position is counted by one
/// mask.
fn sum_of_positions(word: u64) -> u64 {
    const POSITIONS_WITH_BIT: [u64; 6] = [
        0xaaaa_aaaa_aaaa_aaaa,
        0xcccc_cccc_cccc_cccc,
        0xf0f0_f0f0_f0f0_f0f0,
        0xff00_ff00_ff00_ff00,
        0xffff_0000_ffff_0000,
        0xffff_ffff_0000_0000,
    ];
    POSITIONS_WITH_BIT
        .iter()
        .enumerate()
        .map(|(bit, mask)| u64::from((word & mask).count_ones()) << bit)
        .sum()
}

/// Sum, in steps, and maximum of the scores where `inside` is 1. Zeros where others would branch
/// let the loop become vector code.
fn score_steps_and_maximum(logits: &[f32; BLOCK_PX], inside: &[u8; BLOCK_PX]) -> (u32, f32) {
    const LANES: usize = 8;
    /// Adding it leaves the nearest integer in the low bits of the significand.
    const TO_INTEGER: f32 = 8_388_608.0;
    const LOW_BITS: u32 = 0x7f_ffff;
    let mut sums = [0_u32; LANES];
    let mut maxima = [0.0_f32; LANES];
    for (logits, inside) in logits.as_chunks::<LANES>().0.iter().zip(inside.as_chunks::<LANES>().0)
    {
        for lane in 0..LANES {
            let keep = u32::from(inside[lane]).wrapping_neg();
            let score = f32::from_bits(sigmoid(logits[lane]).to_bits() & keep);
            sums[lane] += (score * SCORE_STEPS as f32 + TO_INTEGER).to_bits() & LOW_BITS;
            maxima[lane] = if score > maxima[lane] { score } else { maxima[lane] };
        }
    }
    (sums.iter().sum(), maxima.iter().fold(0.0, |highest, score| score.max(highest)))
}
