//! From observed values to the range that 8-bit steps cover.

use clap::ValueEnum;
use serde::Serialize;

/// Stands for a count of zero where one is divided by.
const NEARLY_NONE: f64 = 1e-4;

/// Bins of a histogram.
const BINS: usize = 2048;

/// Steps between zero and the largest magnitude.
const STEPS: usize = 127;

/// Candidates for a range are so many bins apart.
const CANDIDATE_BINS: usize = 16;

/// Share of the values that a percentile keeps.
const PERCENTILE: f64 = 0.9999;

/// How a range is chosen. All are symmetric: what is chosen is a largest magnitude; values beyond
/// it are clipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Observer {
    /// The largest magnitude that was seen: nothing is clipped
    Minmax,
    /// What 99.99 % of the values stay below
    Percentile,
    /// The range whose steps lose the least information (Kullback-Leibler divergence)
    Entropy,
    /// The range with the least mean square error of rounding and clipping together
    Mse,
}

/// Magnitudes of the values of one node, counted in equal bins from zero. The range grows by
/// doubling.
#[derive(Debug, Clone)]
pub struct MagnitudeHistogram {
    counts: Vec<u64>,
    width: f32,
    largest: f32,
}

impl Default for MagnitudeHistogram {
    fn default() -> Self {
        Self { counts: vec![0; BINS], width: f32::MIN_POSITIVE, largest: 0.0 }
    }
}

impl MagnitudeHistogram {
    /// Counts `values`, or gives back the first that is not finite.
    pub fn add(&mut self, values: &[f32]) -> Result<(), f32> {
        if let Some(&found) = values.iter().find(|value| !value.is_finite()) {
            return Err(found);
        }
        let largest = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        if self.largest == 0.0 && largest > 0.0 {
            // Only zeros so far: they stay in the first bin of any width.
            self.width = largest / BINS as f32;
        }
        self.largest = self.largest.max(largest);
        while self.largest > self.width * BINS as f32 {
            self.double();
        }
        for value in values {
            self.counts[((value.abs() / self.width) as usize).min(BINS - 1)] += 1;
        }
        Ok(())
    }

    /// The largest magnitude that `observer` keeps.
    pub fn range(&self, observer: Observer) -> f32 {
        if self.largest == 0.0 {
            return 0.0;
        }
        let bins = match observer {
            Observer::Minmax => return self.largest,
            Observer::Percentile => self.percentile(),
            Observer::Entropy => best(|bins| self.divergence(bins)),
            Observer::Mse => best(|bins| self.square_error(bins)),
        };
        (bins as f32 * self.width).min(self.largest)
    }

    fn double(&mut self) {
        for bin in 0..BINS / 2 {
            self.counts[bin] = self.counts[2 * bin] + self.counts[2 * bin + 1];
        }
        self.counts[BINS / 2..].fill(0);
        self.width *= 2.0;
    }

    fn percentile(&self) -> usize {
        let most = (self.counts.iter().sum::<u64>() as f64 * PERCENTILE).ceil() as u64;
        let mut below = 0;
        let reaches = |count: &u64| {
            below += count;
            below >= most
        };
        self.counts.iter().position(reaches).map_or(BINS, |bin| bin + 1)
    }

    /// Sum of squares, in bins: rounding inside the range, clipping outside.
    fn square_error(&self, bins: usize) -> f64 {
        let step = bins as f64 / STEPS as f64;
        let inside = self.counts[..bins].iter().sum::<u64>() as f64 * step * step / 12.0;
        let outside = self.counts.iter().enumerate().skip(bins);
        inside
            + outside
                .map(|(bin, &count)| count as f64 * (bin as f64 + 0.5 - bins as f64).powi(2))
                .sum::<f64>()
    }

    /// Of the clipped histogram from the same in steps. Source: NVIDIA, "8-bit Inference with
    /// `TensorRT`", GTC 2017.
    fn divergence(&self, bins: usize) -> f64 {
        let mut clipped: Vec<f64> = self.counts[..bins].iter().map(|&count| count as f64).collect();
        let total: f64 = self.counts.iter().sum::<u64>() as f64;
        clipped[bins - 1] += self.counts[bins..].iter().sum::<u64>() as f64;
        let mut divergence = 0.0;
        for step in 0..=STEPS {
            let range = step * bins / (STEPS + 1)..(step + 1) * bins / (STEPS + 1);
            let inside = &self.counts[range.clone()];
            let filled = clipped[range.clone()].iter().filter(|&&count| count > 0.0).count();
            // What the step holds, shared evenly by its bins that are not empty. Clipped values are
            // none of it.
            let even = inside.iter().sum::<u64>() as f64 / filled.max(1) as f64;
            for &count in clipped[range].iter().filter(|&&count| count > 0.0) {
                divergence += count / total * (count / even.max(NEARLY_NONE)).ln();
            }
        }
        divergence
    }
}

/// The range, in bins, with the least `loss`; the widest of equals.
fn best(loss: impl Fn(usize) -> f64) -> usize {
    let candidates = (STEPS + 1..=BINS).rev().step_by(CANDIDATE_BINS);
    candidates.min_by(|&a, &b| loss(a).total_cmp(&loss(b))).unwrap_or(BINS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(values: &[f32]) -> MagnitudeHistogram {
        let mut histogram = MagnitudeHistogram::default();
        // In parts, so that the range has to grow.
        values.chunks(1000).for_each(|part| histogram.add(part).unwrap());
        histogram
    }

    /// Evenly in -1 to 1, and one value far out.
    fn with_an_outlier() -> Vec<f32> {
        let even = (0..40_000).map(|index| index as f32 / 20_000.0 - 1.0);
        even.chain([-50.0]).collect()
    }

    #[test]
    fn minmax_keeps_an_outlier_and_others_clip_it() {
        let histogram = histogram(&with_an_outlier());
        assert!((49.999..=50.0).contains(&histogram.range(Observer::Minmax)));
        assert!((0.9..1.1).contains(&histogram.range(Observer::Percentile)));
        // One value in 40,000 costs 50² when it is clipped to 1, the steps of a wide range cost
        // more: it lies between.
        let range = histogram.range(Observer::Mse);
        assert!((1.0..50.0).contains(&range), "{range}");
    }

    #[test]
    fn entropy_clips_a_long_tail_and_not_much_more() {
        let tail: Vec<f32> =
            (0..40_000).map(|index| -(1.0 - (index as f32 + 0.5) / 40_000.0).ln()).collect();
        let (range, largest) =
            (histogram(&tail).range(Observer::Entropy), histogram(&tail).range(Observer::Minmax));
        assert!((4.0..0.95 * largest).contains(&range), "{range} of {largest}");
    }

    #[test]
    fn an_even_distribution_is_not_clipped() {
        let histogram = histogram(&with_an_outlier()[..40_000]);
        for observer in [Observer::Minmax, Observer::Percentile, Observer::Entropy, Observer::Mse] {
            let range = histogram.range(observer);
            assert!((0.98..=1.0).contains(&range), "{observer:?}: {range}");
        }
    }

    #[test]
    fn zeros_have_the_range_zero_and_what_is_no_number_is_given_back() {
        assert!(histogram(&[0.0; 5]).range(Observer::Mse) <= 0.0);
        assert!(MagnitudeHistogram::default().add(&[1.0, f32::NAN]).unwrap_err().is_nan());
        assert_eq!(MagnitudeHistogram::default().add(&[f32::INFINITY]), Err(f32::INFINITY));
    }
}
