//! Histograms of times, by stage.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Digits that a time is kept to.
const DIGITS: u8 = 3;
/// Times above this count as this.
const LONGEST: Duration = Duration::from_hours(1);

/// Half the width of a 95 % interval of a normal variable, in standard deviations.
const Z_95: f64 = 1.96;

/// Times of one frame. A stage's time is that of all its tiles.
#[derive(Debug, Clone, Copy, Default)]
pub struct FrameTimes {
    /// Reading and decoding the image.
    pub decode: Duration,
    /// Copying tiles out of it.
    pub tile: Duration,
    /// The engine.
    pub engine: Duration,
    /// Adding tiles up.
    pub blend: Duration,
    /// Upsampling, thresholds, statistics.
    pub decide: Duration,
    /// Encoding the mask.
    pub encode: Duration,
    /// Writing and syncing it.
    pub write: Duration,
    /// On the clock, from before the first stage to after the last.
    pub whole: Duration,
}

/// What a histogram comes to, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Percentiles {
    /// Median.
    pub p50_us: f64,
    /// 90 of 100 are not above.
    pub p90_us: f64,
    /// 95 of 100 are not above.
    pub p95_us: f64,
    /// 99 of 100 are not above.
    pub p99_us: f64,
    /// Longest.
    pub max_us: f64,
    /// Mean.
    pub mean_us: f64,
    /// 95 % confidence interval of the median, from order statistics.
    pub median_interval_us: [f64; 2],
}

/// Percentiles of every stage and of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stages {
    /// Reading and decoding the image.
    pub decode: Percentiles,
    /// Copying tiles out of it.
    pub tile: Percentiles,
    /// The engine.
    pub engine: Percentiles,
    /// Adding tiles up.
    pub blend: Percentiles,
    /// Upsampling, thresholds, statistics.
    pub decide: Percentiles,
    /// Encoding the mask.
    pub encode: Percentiles,
    /// Writing and syncing it.
    pub write: Percentiles,
    /// On the clock.
    pub whole: Percentiles,
}

impl Stages {
    /// The stages in the order in which a frame passes them, with their names; the whole is not
    /// among them.
    pub fn in_order(&self) -> [(&'static str, &Percentiles); 7] {
        [
            ("decode", &self.decode),
            ("tile", &self.tile),
            ("engine", &self.engine),
            ("blend", &self.blend),
            ("decide", &self.decide),
            ("encode", &self.encode),
            ("write", &self.write),
        ]
    }

    /// Of at least one frame.
    pub fn of(frames: &[FrameTimes]) -> Self {
        let percentiles =
            |stage: fn(&FrameTimes) -> Duration| Percentiles::of(frames.iter().map(stage));
        Self {
            decode: percentiles(|frame| frame.decode),
            tile: percentiles(|frame| frame.tile),
            engine: percentiles(|frame| frame.engine),
            blend: percentiles(|frame| frame.blend),
            decide: percentiles(|frame| frame.decide),
            encode: percentiles(|frame| frame.encode),
            write: percentiles(|frame| frame.write),
            whole: percentiles(|frame| frame.whole),
        }
    }
}

impl Percentiles {
    /// Of at least one duration.
    pub fn of(durations: impl Iterator<Item = Duration>) -> Self {
        let histogram = Histogram::<u64>::new_with_bounds(1, LONGEST.as_nanos() as u64, DIGITS);
        let mut histogram = histogram.expect("the constants above are bounds of a histogram");
        for duration in durations {
            histogram.saturating_record(duration.as_nanos() as u64);
        }
        let at = |quantile: f64| histogram.value_at_quantile(quantile.clamp(0.0, 1.0)) as f64 / 1e3;
        // The number of values below the median is binomial: its spread in ranks is half a root of
        // their count.
        let spread = 0.5 * Z_95 / (histogram.len().max(1) as f64).sqrt();
        Self {
            p50_us: at(0.5),
            p90_us: at(0.9),
            p95_us: at(0.95),
            p99_us: at(0.99),
            max_us: histogram.max() as f64 / 1e3,
            mean_us: histogram.mean() / 1e3,
            median_interval_us: [at(0.5 - spread), at(0.5 + spread)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_times_to_three_digits() {
        let times = (1..=1000).rev().map(Duration::from_micros);
        let found = Percentiles::of(times);
        for (value, expected) in [
            (found.p50_us, 500.0),
            (found.p90_us, 900.0),
            (found.p99_us, 990.0),
            (found.max_us, 1000.0),
        ] {
            assert!((value - expected).abs() <= 1e-3 * expected + 1.0, "{value} for {expected}");
        }
        // 1.96 · √1000 / 2 is 31 ranks.
        let [low, high] = found.median_interval_us;
        assert!((low - 469.0).abs() < 3.0 && (high - 531.0).abs() < 3.0, "{low} to {high}");
    }

    #[test]
    fn of_one_time_everything_is_that_time() {
        let found = Percentiles::of([Duration::from_millis(7)].into_iter());
        assert!(
            (found.p50_us - 7000.0).abs() < 7.0
                && (found.median_interval_us[1] - 7000.0).abs() < 7.0
        );
    }
}
