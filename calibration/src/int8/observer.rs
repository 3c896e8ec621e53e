//! From observed values to the range that 8-bit steps cover.

use clap::ValueEnum;
use serde::Serialize;

/// Bins of a histogram.
const BINS: usize = 2048;

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
    fn minmax_keeps_an_outlier_and_percentile_clips_it() {
        let histogram = histogram(&with_an_outlier());
        assert!((49.999..=50.0).contains(&histogram.range(Observer::Minmax)));
        assert!((0.9..1.1).contains(&histogram.range(Observer::Percentile)));
    }

    #[test]
    fn an_even_distribution_is_not_clipped() {
        let histogram = histogram(&with_an_outlier()[..40_000]);
        for observer in [Observer::Minmax, Observer::Percentile] {
            let range = histogram.range(observer);
            assert!((0.98..=1.0).contains(&range), "{observer:?}: {range}");
        }
    }

    #[test]
    fn zeros_have_the_range_zero_and_what_is_no_number_is_given_back() {
        assert!(histogram(&[0.0; 5]).range(Observer::Percentile) <= 0.0);
        assert!(MagnitudeHistogram::default().add(&[1.0, f32::NAN]).unwrap_err().is_nan());
        assert_eq!(MagnitudeHistogram::default().add(&[f32::INFINITY]), Err(f32::INFINITY));
    }
}
