//! Scores of one query, counted by value and by ground truth.

use serde::Serialize;

use crate::MetricsError;

/// How finely scores are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HistogramResolution {
    /// 256 bins: scores that were written as bytes.
    Bytes,
    /// 1024 bins: scores at hand as floats.
    Fine,
}

impl HistogramResolution {
    /// Number of bins.
    pub fn bins(self) -> usize {
        match self {
            Self::Bytes => 256,
            Self::Fine => 1024,
        }
    }
}

/// Counts of positive and negative pixels by score, in equal bins over [0, 1]. Bin `i` of `n` holds
/// scores from `i / n` to below `(i + 1) / n`, the last one 1.0 too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScoreHistogram {
    positives: Vec<u64>,
    negatives: Vec<u64>,
}

impl ScoreHistogram {
    /// An empty histogram.
    pub fn new(resolution: HistogramResolution) -> Self {
        Self { positives: vec![0; resolution.bins()], negatives: vec![0; resolution.bins()] }
    }

    /// Counts `scores` in [0, 1] against ground truth: 1 the query is there, 0 it is not,
    /// [`IGNORE`](crate::IGNORE) not counted. On an error nothing of these slices is counted.
    pub fn add(&mut self, truth: &[u8], scores: &[f32]) -> Result<(), MetricsError> {
        check(truth, scores)?;
        let bins = self.positives.len();
        for (truth, score) in truth.iter().zip(scores) {
            let bin = ((score * bins as f32) as usize).min(bins - 1);
            match truth {
                1 => self.positives[bin] += 1,
                0 => self.negatives[bin] += 1,
                _ => {}
            }
        }
        Ok(())
    }

    /// Adds the counts of another histogram of the same resolution.
    pub fn merge(&mut self, other: &Self) -> Result<(), MetricsError> {
        if self.bins() != other.bins() {
            return Err(MetricsError::Merge { left: self.bins(), right: other.bins() });
        }
        self.positives.iter_mut().zip(&other.positives).for_each(|(count, more)| *count += more);
        self.negatives.iter_mut().zip(&other.negatives).for_each(|(count, more)| *count += more);
        Ok(())
    }

    /// Number of bins.
    pub fn bins(&self) -> usize {
        self.positives.len()
    }

    /// Pixels where the query is there, by bin.
    pub fn positives(&self) -> &[u64] {
        &self.positives
    }

    /// Pixels where the query is not, by bin.
    pub fn negatives(&self) -> &[u64] {
        &self.negatives
    }
}

/// Whether ground truth and scores are of one length and each value is what it may be.
pub(crate) fn check(truth: &[u8], scores: &[f32]) -> Result<(), MetricsError> {
    if truth.len() != scores.len() {
        return Err(MetricsError::Length { truth: truth.len(), predictions: scores.len() });
    }
    if let Some(pixel) = scores.iter().position(|score| !(0.0..=1.0).contains(score)) {
        return Err(MetricsError::Score { pixel, found: scores[pixel] });
    }
    if let Some(pixel) = truth.iter().position(|truth| !matches!(*truth, 0 | 1 | crate::IGNORE)) {
        return Err(MetricsError::UnknownClass { pixel, classes: 2, found: truth[pixel] });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_fall_into_the_bin_that_starts_at_or_below_them() {
        let mut histogram = ScoreHistogram::new(HistogramResolution::Bytes);
        histogram.add(&[1, 1, 0, 0], &[0.0, 0.5, 0.499, 1.0]).unwrap();
        assert_eq!((histogram.positives()[0], histogram.positives()[128]), (1, 1));
        assert_eq!((histogram.negatives()[127], histogram.negatives()[255]), (1, 1));
    }

    #[test]
    fn ignored_pixels_are_not_counted() {
        let mut histogram = ScoreHistogram::new(HistogramResolution::Fine);
        histogram.add(&[255, 255], &[0.1, 0.9]).unwrap();
        assert_eq!(histogram, ScoreHistogram::new(HistogramResolution::Fine));
    }

    #[test]
    fn score_outside_0_to_1_is_refused_and_nothing_is_counted() {
        let mut histogram = ScoreHistogram::new(HistogramResolution::Fine);
        assert_eq!(
            histogram.add(&[1, 1], &[0.5, 1.5]),
            Err(MetricsError::Score { pixel: 1, found: 1.5 })
        );
        assert!(matches!(
            histogram.add(&[1], &[f32::NAN]),
            Err(MetricsError::Score { pixel: 0, .. })
        ));
        assert!(matches!(
            histogram.add(&[2], &[0.5]),
            Err(MetricsError::UnknownClass { pixel: 0, .. })
        ));
        assert_eq!(histogram, ScoreHistogram::new(HistogramResolution::Fine));
    }

    #[test]
    fn merged_halves_equal_the_whole() {
        let count = |truth: &[u8], scores: &[f32]| {
            let mut histogram = ScoreHistogram::new(HistogramResolution::Fine);
            histogram.add(truth, scores).unwrap();
            histogram
        };
        let mut left = count(&[1], &[0.2]);
        left.merge(&count(&[0], &[0.7])).unwrap();
        assert_eq!(left, count(&[1, 0], &[0.2, 0.7]));
        let bytes = ScoreHistogram::new(HistogramResolution::Bytes);
        assert_eq!(left.merge(&bytes), Err(MetricsError::Merge { left: 1024, right: 256 }));
    }
}
