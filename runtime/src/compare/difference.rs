//! How much two results of the same query differ, over all images.

use hdrhistogram::Histogram;

use crate::segment::Segmentation;

/// Counted parts of a logit: differences are kept to a millionth, and above that to three digits.
const PARTS: f64 = 1e6;
/// Differences above this count as this: no two logits of a working network are so far apart.
const LARGEST: f64 = 1e6;
const DIGITS: u8 = 3;

/// Two segmentations that do not belong together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected both sides to have as many logits of a query, found {a} and {b}; the bundles see the \
     image at different scales (leave out --gsd)"
)]
pub struct DifferenceError {
    a: usize,
    b: usize,
}

/// One query's differences between A and B.
#[derive(Debug, Clone)]
pub struct Difference {
    pixels: u64,
    a_pixels: u64,
    b_pixels: u64,
    shared_pixels: u64,
    /// Absolute differences of logits, in [`PARTS`].
    logits: Histogram<u64>,
    largest: f32,
}

impl Difference {
    /// Nothing compared yet.
    pub fn new() -> Self {
        let logits = Histogram::new_with_bounds(1, (LARGEST * PARTS) as u64, DIGITS);
        Self {
            pixels: 0,
            a_pixels: 0,
            b_pixels: 0,
            shared_pixels: 0,
            logits: logits.expect("the constants above are bounds of a histogram"),
            largest: 0.0,
        }
    }

    /// Adds what A and B found for `query` in one image. Both kept masks and scores.
    pub fn add(
        &mut self,
        query: usize,
        a: &Segmentation,
        b: &Segmentation,
    ) -> Result<(), DifferenceError> {
        let (logits_a, logits_b) = (a.logits(query), b.logits(query));
        if logits_a.len() != logits_b.len() {
            return Err(DifferenceError { a: logits_a.len(), b: logits_b.len() });
        }
        self.pixels += u64::from(a.width_px) * u64::from(a.height_px);
        for (&a, &b) in a.mask(query).iter().zip(b.mask(query)) {
            self.a_pixels += u64::from(a.count_ones());
            self.b_pixels += u64::from(b.count_ones());
            self.shared_pixels += u64::from((a & b).count_ones());
        }
        for (a, b) in logits_a.iter().zip(logits_b) {
            let difference = (a - b).abs();
            self.largest = self.largest.max(difference);
            self.logits.saturating_record((f64::from(difference) * PARTS) as u64);
        }
        Ok(())
    }

    /// Share of pixels that both masks hold or both leave out.
    pub fn agreement(&self) -> f64 {
        let differing = self.a_pixels + self.b_pixels - 2 * self.shared_pixels;
        1.0 - differing as f64 / self.pixels.max(1) as f64
    }

    /// Intersection over union of the two masks; 1 where both are empty.
    pub fn intersection_over_union(&self) -> f64 {
        let union = self.a_pixels + self.b_pixels - self.shared_pixels;
        if union == 0 { 1.0 } else { self.shared_pixels as f64 / union as f64 }
    }

    /// Share of pixels in each mask, A's and B's.
    pub fn shares(&self) -> [f64; 2] {
        [self.a_pixels, self.b_pixels].map(|pixels| pixels as f64 / self.pixels.max(1) as f64)
    }

    /// Absolute difference of logits that 99 of 100 do not exceed, to three digits.
    pub fn logits_p99(&self) -> f64 {
        self.logits.value_at_quantile(0.99) as f64 / PARTS
    }

    /// Largest absolute difference of logits, which blending has found to be finite.
    pub fn largest_logit(&self) -> f32 {
        self.largest
    }
}

impl Default for Difference {
    fn default() -> Self {
        Self::new()
    }
}
