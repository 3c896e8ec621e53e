//! The labelled pixels of several sets as one.

use clap::ValueEnum;
use rszs_metrics::{CALIBRATION_BINS, OperatingPoint, ScoreHistogram};
use serde::Serialize;

use crate::thresholds::tempered_score::{logit_of, score_at};

/// How pixels of several sets are weighted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weighting {
    /// Every place of every set counts the same: a threshold is for places that nobody has seen
    Places,
    /// Every set counts the same, however many pixels it has
    Sets,
    /// Every pixel counts the same
    Pixels,
}

/// Shares of the labelled pixels by flat score and by ground truth; all together are 1.
#[derive(Debug, Clone, PartialEq)]
pub struct PooledHistogram {
    positives: Vec<f64>,
    negatives: Vec<f64>,
}

impl PooledHistogram {
    /// Of histograms of one resolution; those without a pixel do not count. None if no pixel is
    /// labelled at all.
    pub fn new(histograms: &[&ScoreHistogram], weighting: Weighting) -> Option<Self> {
        let sizes: Vec<u64> = histograms.iter().map(|histogram| pixels(histogram)).collect();
        let (all, filled) =
            (sizes.iter().sum::<u64>(), sizes.iter().filter(|size| **size > 0).count());
        let bins = histograms.iter().find(|histogram| pixels(histogram) > 0)?.bins();
        let mut pool = Self { positives: vec![0.0; bins], negatives: vec![0.0; bins] };
        for (histogram, size) in histograms.iter().zip(sizes).filter(|(_, size)| *size > 0) {
            let whole = match weighting {
                Weighting::Places | Weighting::Sets => size as f64 * filled as f64,
                Weighting::Pixels => all as f64,
            };
            add(&mut pool.positives, histogram.positives(), whole);
            add(&mut pool.negatives, histogram.negatives(), whole);
        }
        Some(pool)
    }

    /// Share of pixels where the query is there.
    pub fn positive_share(&self) -> f64 {
        self.positives.iter().sum()
    }

    /// Share of pixels where it is not.
    pub fn negative_share(&self) -> f64 {
        self.negatives.iter().sum()
    }

    /// What each inner edge of the bins gives as a threshold, rising; thresholds are flat scores.
    /// Pixels at or above an edge are predicted.
    pub fn points(&self) -> Vec<OperatingPoint> {
        let (mut hits, mut false_alarms) = (0.0, 0.0);
        let positives = self.positive_share();
        let bins = self.positives.len();
        let mut points = Vec::with_capacity(bins - 1);
        for bin in (1..bins).rev() {
            hits += self.positives[bin];
            false_alarms += self.negatives[bin];
            points.push(point(bin as f64 / bins as f64, hits, false_alarms, positives));
        }
        points.reverse();
        points
    }

    /// What a flat score gives as a threshold, to the next inner edge.
    pub fn point_at(&self, flat: f64) -> OperatingPoint {
        let bins = self.positives.len();
        let first = ((flat * bins as f64).round() as usize).clamp(1, bins - 1);
        let above =
            |shares: &[f64]| shares[first..].iter().rev().fold(0.0, |sum, share| sum + share);
        let (hits, false_alarms) = (above(&self.positives), above(&self.negatives));
        point(flat, hits, false_alarms, self.positive_share())
    }

    /// Mean negative log-likelihood of the ground truth at `temperature`, in nats a pixel.
    pub fn negative_log_likelihood(&self, temperature: f64) -> f64 {
        let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
        let terms = self.bins().map(|(logit, positives, negatives)| {
            positives * softplus(-logit / temperature) + negatives * softplus(logit / temperature)
        });
        terms.sum()
    }

    /// Expected calibration error of the scores at `temperature`, in [`CALIBRATION_BINS`] equal
    /// bins.
    pub fn calibration_error(&self, temperature: f64) -> f64 {
        let mut excess = [0.0; CALIBRATION_BINS];
        for (logit, positives, negatives) in self.bins() {
            let score = score_at(logit, temperature);
            let bin = ((score * CALIBRATION_BINS as f64) as usize).min(CALIBRATION_BINS - 1);
            excess[bin] += score * (positives + negatives) - positives;
        }
        excess.iter().map(|excess| excess.abs()).sum()
    }

    /// Logit in the middle of each bin, share of positives, share of negatives.
    fn bins(&self) -> impl Iterator<Item = (f64, f64, f64)> {
        let bins = self.positives.len() as f64;
        let shares = self.positives.iter().zip(&self.negatives).enumerate();
        shares.map(move |(bin, (positives, negatives))| {
            (logit_of((bin as f64 + 0.5) / bins), *positives, *negatives)
        })
    }
}

/// Labelled pixels of a histogram.
pub fn pixels(histogram: &ScoreHistogram) -> u64 {
    histogram.positives().iter().chain(histogram.negatives()).sum()
}

fn add(shares: &mut [f64], counts: &[u64], whole: f64) {
    shares.iter_mut().zip(counts).for_each(|(share, count)| *share += *count as f64 / whole);
}

fn point(threshold: f64, hits: f64, false_alarms: f64, positives: f64) -> OperatingPoint {
    let predicted = hits + false_alarms;
    OperatingPoint {
        threshold,
        precision: if predicted > 0.0 { hits / predicted } else { 1.0 },
        recall: hits / positives,
        f1: 2.0 * hits / (predicted + positives),
        iou: hits / (positives + false_alarms),
    }
}

#[cfg(test)]
mod tests {
    use rszs_metrics::{CalibrationError, HistogramResolution, PrecisionRecall};

    use super::*;
    use crate::thresholds::tempered_score::FLAT_TEMPERATURE;

    /// Repeats of pixels with a truth and a flat score.
    fn histogram(pixels: &[(u8, f32)], repeats: usize) -> ScoreHistogram {
        let mut histogram = ScoreHistogram::new(HistogramResolution::Fine);
        let (truth, scores): (Vec<u8>, Vec<f32>) = pixels.repeat(repeats).into_iter().unzip();
        histogram.add(&truth, &scores).unwrap();
        histogram
    }

    const PIXELS: [(u8, f32); 7] =
        [(1, 0.9), (0, 0.8), (1, 0.62), (1, 0.3), (0, 0.31), (0, 0.05), (255, 0.5)];

    fn assert_close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-12, "{found} instead of {expected}");
    }

    #[test]
    fn one_set_gives_the_curve_that_rszs_metrics_gives() {
        let histogram = histogram(&PIXELS, 3);
        let curve = PrecisionRecall::new(&histogram).unwrap();
        let points = PooledHistogram::new(&[&histogram], Weighting::Sets).unwrap().points();
        assert_eq!(points.len(), curve.points().len());
        for (found, expected) in points.iter().zip(curve.points()) {
            assert_close(found.threshold, expected.threshold);
            assert_close(found.precision, expected.precision);
            assert_close(found.recall, expected.recall);
            assert_close(found.iou, expected.iou);
            assert_close(found.f1, expected.f1);
        }
    }

    #[test]
    fn one_set_gives_the_calibration_error_that_rszs_metrics_gives() {
        let histogram = histogram(&PIXELS, 1);
        let expected = CalibrationError::from_histogram(&histogram).expected().unwrap();
        let pool = PooledHistogram::new(&[&histogram], Weighting::Pixels).unwrap();
        assert_close(pool.calibration_error(f64::from(FLAT_TEMPERATURE)), expected);
    }

    #[test]
    fn a_point_between_the_edges_of_the_curve_is_one_of_its_points() {
        let pool = PooledHistogram::new(&[&histogram(&PIXELS, 1)], Weighting::Sets).unwrap();
        for point in pool.points() {
            assert_eq!(pool.point_at(point.threshold), point);
        }
    }

    #[test]
    fn a_large_set_counts_as_much_as_a_small_one_unless_pixels_count() {
        let (good, bad) =
            (histogram(&[(1, 0.9), (0, 0.1)], 1), histogram(&[(1, 0.1), (0, 0.9)], 100));
        let half =
            |weighting| PooledHistogram::new(&[&good, &bad], weighting).unwrap().point_at(0.5);
        assert_close(half(Weighting::Sets).precision, 0.5);
        assert_close(half(Weighting::Pixels).precision, 1.0 / 101.0);
    }

    #[test]
    fn a_set_without_a_labelled_pixel_takes_no_share() {
        let (full, empty) = (histogram(&PIXELS, 1), histogram(&[], 1));
        assert_eq!(
            PooledHistogram::new(&[&full, &empty], Weighting::Sets),
            PooledHistogram::new(&[&full], Weighting::Sets)
        );
        assert_eq!(PooledHistogram::new(&[&empty], Weighting::Sets), None);
    }

    #[test]
    fn even_scores_cost_one_bit_a_pixel() {
        let pool =
            PooledHistogram::new(&[&histogram(&[(1, 0.5), (0, 0.5)], 1)], Weighting::Sets).unwrap();
        // the bin's middle is half a bin above 0.5
        assert!((pool.negative_log_likelihood(1.0) - std::f64::consts::LN_2).abs() < 1e-5);
    }
}
