//! Precision and recall of one query over all thresholds.

use serde::Serialize;

use crate::score_histogram::ScoreHistogram;

/// What a threshold gives: a pixel is predicted where its score is at least the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OperatingPoint {
    /// Threshold, strictly between 0 and 1.
    pub threshold: f64,
    /// Share of the predicted pixels that are true; 1 where nothing is predicted.
    pub precision: f64,
    /// Share of the true pixels that are predicted.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
    /// Intersection over union.
    pub iou: f64,
}

/// Precision and recall of one query, from a histogram that holds at least one positive pixel.
///
/// Thresholds are the inner edges of the bins, so 256 or 1024 bins say how finely one can be
/// chosen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PrecisionRecall {
    /// Points by rising threshold.
    points: Vec<OperatingPoint>,
    average_precision: f64,
}

impl PrecisionRecall {
    /// None if the histogram has no positive pixel: recall has no meaning then.
    pub fn new(histogram: &ScoreHistogram) -> Option<Self> {
        let positives: u64 = histogram.positives().iter().sum();
        if positives == 0 {
            return None;
        }
        let bins = histogram.bins();
        let mut points = Vec::with_capacity(bins - 1);
        let (mut hits, mut false_alarms) = (0, 0);
        let mut average_precision = 0.0;
        for bin in (0..bins).rev() {
            let new_hits = histogram.positives()[bin];
            hits += new_hits;
            false_alarms += histogram.negatives()[bin];
            let point =
                OperatingPoint::new(bin as f64 / bins as f64, hits, false_alarms, positives);
            average_precision += point.precision * (new_hits as f64 / positives as f64);
            if bin > 0 {
                points.push(point);
            }
        }
        points.reverse();
        Some(Self { points, average_precision })
    }

    /// All points, by rising threshold.
    pub fn points(&self) -> &[OperatingPoint] {
        &self.points
    }

    /// Area under the curve as the sum of precision times the step in recall, without
    /// interpolation.
    pub fn average_precision(&self) -> f64 {
        self.average_precision
    }

    /// The threshold with the highest F1, the lowest of equals.
    ///
    /// It is the threshold of the highest `IoU` too: `IoU = F1 / (2 - F1)` rises with F1.
    pub fn best_point(&self) -> OperatingPoint {
        let first = self.points[0];
        self.points.iter().fold(first, |best, point| if point.f1 > best.f1 { *point } else { best })
    }

    /// The lowest threshold, hence the highest recall, whose precision is at least `precision`.
    /// None if no threshold that predicts a true pixel reaches it.
    pub fn point_for_precision(&self, precision: f64) -> Option<OperatingPoint> {
        self.points.iter().copied().find(|point| point.precision >= precision && point.recall > 0.0)
    }
}

impl OperatingPoint {
    fn new(threshold: f64, hits: u64, false_alarms: u64, positives: u64) -> Self {
        let predicted = hits + false_alarms;
        Self {
            threshold,
            precision: if predicted == 0 { 1.0 } else { hits as f64 / predicted as f64 },
            recall: hits as f64 / positives as f64,
            f1: 2.0 * hits as f64 / (predicted + positives) as f64,
            iou: hits as f64 / (positives + false_alarms) as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HistogramResolution;

    /// Ranked by score: true, false, true, true, false.
    fn example() -> PrecisionRecall {
        let mut histogram = ScoreHistogram::new(HistogramResolution::Bytes);
        histogram.add(&[1, 0, 1, 1, 0], &[0.875, 0.75, 0.5, 0.25, 0.125]).unwrap();
        PrecisionRecall::new(&histogram).unwrap()
    }

    fn assert_close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-12, "{found} instead of {expected}");
    }

    #[test]
    fn average_precision_is_that_of_the_ranking() {
        // at the three hits the precision is 1/1, 2/3, 3/4
        assert_close(example().average_precision(), (1.0 + 2.0 / 3.0 + 3.0 / 4.0) / 3.0);
    }

    #[test]
    fn best_point_has_the_highest_f1_and_the_highest_iou() {
        let curve = example();
        let best = curve.best_point();
        // all above 0.125: 3 hits, 1 false alarm, 0 misses; the lowest such edge is 33/256
        assert_close(best.threshold, 33.0 / 256.0);
        assert_close(best.f1, 6.0 / 7.0);
        assert_close(best.iou, 0.75);
        assert!(curve.points().iter().all(|point| point.iou <= best.iou && point.f1 <= best.f1));
    }

    #[test]
    fn target_precision_is_reached_at_the_lowest_threshold_that_does() {
        let curve = example();
        assert_close(curve.point_for_precision(0.75).unwrap().threshold, 33.0 / 256.0);
        let sure = curve.point_for_precision(0.9).unwrap();
        assert_eq!((sure.threshold, sure.precision, sure.recall), (193.0 / 256.0, 1.0, 1.0 / 3.0));
    }

    #[test]
    fn precision_that_only_an_empty_mask_reaches_gives_no_point() {
        let mut histogram = ScoreHistogram::new(HistogramResolution::Bytes);
        histogram.add(&[0, 1], &[0.9, 0.1]).unwrap();
        assert_eq!(PrecisionRecall::new(&histogram).unwrap().point_for_precision(0.6), None);
    }

    #[test]
    fn thresholds_lie_strictly_between_0_and_1() {
        let curve = example();
        assert_eq!(curve.points().len(), 255);
        assert!(curve.points().iter().all(|point| point.threshold > 0.0 && point.threshold < 1.0));
    }

    #[test]
    fn curve_needs_a_positive_pixel() {
        let mut histogram = ScoreHistogram::new(HistogramResolution::Bytes);
        histogram.add(&[0], &[0.5]).unwrap();
        assert_eq!(PrecisionRecall::new(&histogram), None);
    }
}
