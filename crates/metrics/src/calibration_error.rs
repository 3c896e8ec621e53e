//! How far scores are from the frequency of being right.

use serde::Serialize;

use crate::MetricsError;
use crate::score_histogram::ScoreHistogram;

/// Equal bins over [0, 1]. Source: Guo et al., On Calibration of Modern Neural Networks,
/// arXiv:1706.04599, section 5.
pub const CALIBRATION_BINS: usize = 15;

/// Pixels of one bin of scores.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct CalibrationBin {
    /// Pixels.
    pub pixels: u64,
    /// Pixels where the query is there.
    pub positives: u64,
    /// Sum of the scores.
    pub score_sum: f64,
}

/// Expected calibration error of one query, counted in [`CALIBRATION_BINS`] bins of its score.
///
/// The score itself is the confidence that the query is there; it is compared with the share of
/// pixels where it is.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct CalibrationError {
    bins: [CalibrationBin; CALIBRATION_BINS],
}

impl CalibrationError {
    /// Nothing counted yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// From a histogram, each of whose bins is counted with the score of its middle: off by at most
    /// half a bin.
    pub fn from_histogram(histogram: &ScoreHistogram) -> Self {
        let mut counted = Self::new();
        let counts = histogram.positives().iter().zip(histogram.negatives());
        for (bin, (positives, negatives)) in counts.enumerate() {
            let middle = (bin as f64 + 0.5) / histogram.bins() as f64;
            counted.count(middle, *positives, positives + negatives);
        }
        counted
    }

    /// Counts `scores` in [0, 1] against ground truth: 1 the query is there, 0 it is not,
    /// [`IGNORE`](crate::IGNORE) not counted. On an error nothing of these slices is counted.
    pub fn add(&mut self, truth: &[u8], scores: &[f32]) -> Result<(), MetricsError> {
        crate::score_histogram::check(truth, scores)?;
        for (truth, score) in truth.iter().zip(scores).filter(|(truth, _)| **truth != crate::IGNORE)
        {
            self.count(f64::from(*score), u64::from(*truth), 1);
        }
        Ok(())
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Self) {
        for (bin, more) in self.bins.iter_mut().zip(&other.bins) {
            bin.pixels += more.pixels;
            bin.positives += more.positives;
            bin.score_sum += more.score_sum;
        }
    }

    /// The bins by rising score, for a reliability diagram.
    pub fn bins(&self) -> &[CalibrationBin] {
        &self.bins
    }

    /// Mean distance of score and frequency, weighted by pixels; none if nothing was counted.
    pub fn expected(&self) -> Option<f64> {
        let pixels: u64 = self.bins.iter().map(|bin| bin.pixels).sum();
        // A bin's pixels times its distance is the distance of its sums.
        let distance: f64 =
            self.bins.iter().map(|bin| (bin.score_sum - bin.positives as f64).abs()).sum();
        (pixels > 0).then(|| distance / pixels as f64)
    }

    /// Largest distance of any bin that holds a pixel; none if nothing was counted.
    pub fn maximum(&self) -> Option<f64> {
        let filled = self.bins.iter().filter(|bin| bin.pixels > 0);
        filled
            .map(|bin| (bin.score_sum - bin.positives as f64).abs() / bin.pixels as f64)
            .reduce(f64::max)
    }

    fn count(&mut self, score: f64, positives: u64, pixels: u64) {
        let bin = ((score * CALIBRATION_BINS as f64) as usize).min(CALIBRATION_BINS - 1);
        let bin = &mut self.bins[bin];
        bin.pixels += pixels;
        bin.positives += positives;
        bin.score_sum += score * pixels as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HistogramResolution;

    #[test]
    fn error_is_the_one_counted_by_hand() {
        let mut calibration = CalibrationError::new();
        // one bin of 0.25 with 1 of 4 right: no error; one of 0.75 with 0 of 4 right: 0.75 over
        // half of the pixels
        calibration.add(&[1, 0, 0, 0], &[0.25; 4]).unwrap();
        calibration.add(&[0, 0, 0, 0, 255], &[0.75; 5]).unwrap();
        assert_eq!(calibration.expected(), Some(0.375));
        assert_eq!(calibration.maximum(), Some(0.75));
        assert_eq!(
            calibration.bins()[3],
            CalibrationBin { pixels: 4, positives: 1, score_sum: 1.0 }
        );
    }

    #[test]
    fn histogram_gives_the_same_error_up_to_half_of_its_bin() {
        let truth = [1, 0, 0, 1, 1, 0, 1];
        let scores = [0.9, 0.8, 0.31, 0.62, 1.0, 0.0, 0.47];
        let mut calibration = CalibrationError::new();
        calibration.add(&truth, &scores).unwrap();
        let mut histogram = ScoreHistogram::new(HistogramResolution::Fine);
        histogram.add(&truth, &scores).unwrap();
        let difference = CalibrationError::from_histogram(&histogram).expected().unwrap()
            - calibration.expected().unwrap();
        assert!(difference.abs() <= 0.5 / 1024.0, "{difference}");
    }

    #[test]
    fn merged_halves_equal_the_whole() {
        let count = |truth: &[u8], scores: &[f32]| {
            let mut calibration = CalibrationError::new();
            calibration.add(truth, scores).unwrap();
            calibration
        };
        let mut left = count(&[1], &[0.25]);
        left.merge(&count(&[0], &[0.25]));
        assert_eq!(left, count(&[1, 0], &[0.25, 0.25]));
    }

    #[test]
    fn nothing_counted_has_no_error() {
        assert_eq!(
            (CalibrationError::new().expected(), CalibrationError::new().maximum()),
            (None, None)
        );
    }
}
