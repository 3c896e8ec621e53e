//! What a threshold maximises, and the threshold that does.

use std::fmt;
use std::str::FromStr;

use rszs_metrics::OperatingPoint;

use crate::thresholds::pooled_histogram::PooledHistogram;

/// What a threshold maximises.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// Intersection over union.
    Iou,
    /// Harmonic mean of precision and recall; the same threshold, since `IoU = F1 / (2 - F1)`.
    F1,
    /// Recall, among the thresholds with at least this precision. In (0, 1].
    Precision(f64),
}

/// A target that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected iou, f1 or precision=P with P above 0 and at most 1, such as precision=0.9, found \
     {0:?}"
)]
pub struct UnknownTarget(String);

impl Target {
    /// What of `point` is to be as large as possible.
    pub fn value(self, point: &OperatingPoint) -> f64 {
        match self {
            Self::Iou => point.iou,
            Self::F1 => point.f1,
            Self::Precision(_) => point.recall,
        }
    }
}

impl FromStr for Target {
    type Err = UnknownTarget;

    fn from_str(typed: &str) -> Result<Self, UnknownTarget> {
        let unknown = || UnknownTarget(typed.to_owned());
        match typed {
            "iou" => Ok(Self::Iou),
            "f1" => Ok(Self::F1),
            _ => {
                let precision = typed.strip_prefix("precision=").ok_or_else(unknown)?;
                let precision: f64 = precision.trim().parse().map_err(|_| unknown())?;
                if precision > 0.0 && precision <= 1.0 {
                    Ok(Self::Precision(precision))
                } else {
                    Err(unknown())
                }
            }
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Iou => f.write_str("iou"),
            Self::F1 => f.write_str("f1"),
            Self::Precision(precision) => write!(f, "precision={precision}"),
        }
    }
}

/// Why a query that a set labels gets no threshold.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum NoThreshold {
    /// Nothing to find.
    #[error("expected pixels that show it, found none in these images")]
    NoPositives,
    /// Nothing to tell it from.
    #[error("expected pixels that do not show it, found none in these images")]
    NoNegatives,
    /// The lowest score wherever it is.
    #[error("expected a score above the lowest one somewhere it is, found none")]
    NoScore,
    /// No threshold is good enough.
    #[error("expected a threshold with a precision of {expected}, found at most {found:.3}")]
    Precision {
        /// What was asked for.
        expected: f64,
        /// The best there is.
        found: f64,
    },
}

/// The point of `pooled_histogram` that is best at `target` among those with a threshold of at
/// least `least`; thresholds are flat scores.
///
/// Many thresholds give the same masks when no pixel has a score between them. Of these the middle
/// one is taken: as far as possible from the pixels on either side.
pub fn choose(
    pool: &PooledHistogram,
    target: Target,
    least: f64,
) -> Result<OperatingPoint, NoThreshold> {
    if pool.positive_share() <= 0.0 {
        return Err(NoThreshold::NoPositives);
    }
    if pool.negative_share() <= 0.0 {
        return Err(NoThreshold::NoNegatives);
    }
    let mut points = pool.points();
    points.retain(|point| point.threshold >= least);
    let first = match target {
        Target::Iou | Target::F1 => {
            let best = points.iter().map(|point| point.iou).fold(0.0, f64::max);
            points
                .iter()
                .position(|point| point.iou >= best && point.recall > 0.0)
                .ok_or(NoThreshold::NoScore)?
        }
        Target::Precision(expected) => {
            let found = || {
                points
                    .iter()
                    .filter(|point| point.recall > 0.0)
                    .map(|point| point.precision)
                    .fold(0.0, f64::max)
            };
            let reaches =
                |point: &OperatingPoint| point.precision >= expected && point.recall > 0.0;
            points
                .iter()
                .position(reaches)
                .ok_or_else(|| NoThreshold::Precision { expected, found: found() })?
        }
    };
    let chosen = points[first];
    let masks = |point: &OperatingPoint| (point.precision.to_bits(), point.recall.to_bits());
    let is_same = |point: &&OperatingPoint| masks(point) == masks(&chosen);
    let last = points[first..]
        .iter()
        .take_while(is_same)
        .last()
        .map_or(chosen.threshold, |point| point.threshold);
    Ok(OperatingPoint { threshold: f64::midpoint(chosen.threshold, last), ..chosen })
}

#[cfg(test)]
mod tests {
    use rszs_data::Rng;
    use rszs_metrics::{HistogramResolution, ScoreHistogram};

    use super::*;
    use crate::thresholds::pooled_histogram::Weighting;

    fn pool(pixels: &[(u8, f32)]) -> PooledHistogram {
        let mut histogram = ScoreHistogram::new(HistogramResolution::Fine);
        let (truth, scores): (Vec<u8>, Vec<f32>) = pixels.iter().copied().unzip();
        histogram.add(&truth, &scores).unwrap();
        PooledHistogram::new(&[&histogram], Weighting::Sets).unwrap()
    }

    /// Counted pixel by pixel: (`IoU`, precision, recall) of `score > threshold`.
    fn counted(pixels: &[(u8, f32)], threshold: f64) -> (f64, f64, f64) {
        let is_predicted = |score: f32| f64::from(score) > threshold;
        let count = |truth: u8, predicted: bool| {
            pixels
                .iter()
                .filter(|(label, score)| *label == truth && is_predicted(*score) == predicted)
                .count() as f64
        };
        let (hits, false_alarms, misses) = (count(1, true), count(0, true), count(1, false));
        let precision = if hits + false_alarms > 0.0 { hits / (hits + false_alarms) } else { 1.0 };
        (hits / (hits + false_alarms + misses), precision, hits / (hits + misses))
    }

    /// Overlapping positives and negatives, each score in the middle of a bin.
    fn toys() -> Vec<Vec<(u8, f32)>> {
        let mut rng = Rng::new(7);
        let mut toy = |negatives: usize| {
            let mut pixel = |label: u8, low: usize, high: usize| {
                (label, ((low + rng.below(high - low)) as f32 + 0.5) / 1024.0)
            };
            let mut pixels: Vec<(u8, f32)> = (0..30).map(|_| pixel(1, 300, 1000)).collect();
            pixels.extend((0..negatives).map(|_| pixel(0, 20, 700)));
            pixels
        };
        vec![toy(5), toy(40), toy(300)]
    }

    #[test]
    fn the_chosen_threshold_has_the_best_iou_of_all_thresholds_by_brute_force() {
        for pixels in toys() {
            let chosen = choose(&pool(&pixels), Target::Iou, 0.0).unwrap();
            let best = (1..1024)
                .map(|edge| counted(&pixels, f64::from(edge) / 1024.0).0)
                .fold(0.0, f64::max);
            let (iou, precision, recall) = counted(&pixels, chosen.threshold);
            assert!((iou - best).abs() < 1e-12, "{iou} instead of {best}");
            assert!(
                (chosen.iou - iou).abs() < 1e-12 && (chosen.precision - precision).abs() < 1e-12
            );
            assert!((chosen.recall - recall).abs() < 1e-12);
        }
    }

    #[test]
    fn the_best_iou_and_the_best_f1_are_at_one_threshold() {
        for pixels in toys() {
            assert_eq!(
                choose(&pool(&pixels), Target::Iou, 0.0),
                choose(&pool(&pixels), Target::F1, 0.0)
            );
        }
    }

    #[test]
    fn a_target_precision_is_reached_with_the_highest_recall_by_brute_force() {
        for pixels in toys() {
            let chosen = choose(&pool(&pixels), Target::Precision(0.9), 0.0).unwrap();
            let points = (1..1024).map(|edge| counted(&pixels, f64::from(edge) / 1024.0));
            let best =
                points.filter(|point| point.1 >= 0.9).map(|point| point.2).fold(0.0, f64::max);
            let (_, precision, recall) = counted(&pixels, chosen.threshold);
            assert!(
                precision >= 0.9 && (recall - best).abs() < 1e-12,
                "{precision} {recall} instead of {best}"
            );
        }
    }

    #[test]
    fn a_threshold_lies_in_the_middle_of_the_gap() {
        let chosen = choose(&pool(&[(0, 0.2), (1, 0.8)]), Target::Iou, 0.0).unwrap();
        assert!((chosen.threshold - 0.5).abs() < 2.0 / 1024.0, "{}", chosen.threshold);
    }

    #[test]
    fn nothing_is_chosen_where_nothing_can_be_told() {
        assert_eq!(choose(&pool(&[(0, 0.2)]), Target::Iou, 0.0), Err(NoThreshold::NoPositives));
        assert_eq!(choose(&pool(&[(1, 0.2)]), Target::Iou, 0.0), Err(NoThreshold::NoNegatives));
        let refused = choose(&pool(&[(1, 0.2), (0, 0.8), (0, 0.8)]), Target::Precision(0.5), 0.0)
            .unwrap_err();
        assert!(
            matches!(
                refused,
                NoThreshold::Precision { found, .. } if (found - 1.0 / 3.0).abs() < 1e-12
            ),
            "{refused}"
        );
    }

    #[test]
    fn targets_are_read_as_they_are_written() {
        for typed in ["iou", "f1", "precision=0.9"] {
            assert_eq!(typed.parse::<Target>().unwrap().to_string(), typed);
        }
        for typed in ["", "recall", "precision", "precision=0", "precision=1.5", "precision=nan"] {
            assert!(typed.parse::<Target>().is_err(), "{typed:?}");
        }
    }
}
