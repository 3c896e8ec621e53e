//! Which class was predicted where which class is true.

use serde::Serialize;

use crate::MetricsError;

/// Ground truth of this value is not counted.
pub const IGNORE: u8 = 255;

/// Pixels by true and predicted class.
///
/// Protocol of `GSNet`'s evaluation (detectron2 `SemSegEvaluator`): one matrix over a whole data
/// set; pixels whose ground truth is [`IGNORE`] do not count; a class without any true pixel is
/// left out of the means, but predictions of it still count as errors of the others. A prediction
/// that is not a class of the matrix is an error of the true class and of no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfusionMatrix {
    classes: usize,
    /// `[classes, classes + 1]`, row = truth; the last column holds predictions that are no class.
    pixels: Vec<u64>,
}

/// Scores of one class; each is none where its denominator is 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ClassScores {
    /// Pixels where the class is true.
    pub true_pixels: u64,
    /// Counted pixels where the class is predicted.
    pub predicted_pixels: u64,
    /// Intersection over union; none for a class without true pixels, which the mean leaves out.
    pub iou: Option<f64>,
    /// Share of the predicted pixels that are true.
    pub precision: Option<f64>,
    /// Share of the true pixels that are predicted: the accuracy of the class.
    pub recall: Option<f64>,
}

/// Scores of a whole matrix; the means are none if nothing was counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConfusionScores {
    /// One per class.
    pub classes: Vec<ClassScores>,
    /// `mIoU`, over classes with true pixels.
    pub mean_iou: Option<f64>,
    /// `mACC`: mean recall over classes with true pixels.
    pub mean_accuracy: Option<f64>,
    /// Share of all counted pixels that are right.
    pub pixel_accuracy: Option<f64>,
    /// Pixels counted.
    pub pixels: u64,
}

impl ConfusionMatrix {
    /// An empty matrix of 1 to 255 classes.
    pub fn new(classes: usize) -> Result<Self, MetricsError> {
        if !(1..=usize::from(IGNORE)).contains(&classes) {
            return Err(MetricsError::Classes { found: classes });
        }
        Ok(Self { classes, pixels: vec![0; classes * (classes + 1)] })
    }

    /// Counts pixels. On an error nothing of these slices is counted.
    pub fn add(&mut self, truth: &[u8], predictions: &[u8]) -> Result<(), MetricsError> {
        let classes = self.classes;
        check(classes, truth, predictions)?;
        for (class, prediction) in
            truth.iter().zip(predictions).filter(|(class, _)| **class != IGNORE)
        {
            let column = usize::from(*prediction).min(classes);
            self.pixels[usize::from(*class) * (classes + 1) + column] += 1;
        }
        Ok(())
    }

    /// Adds the counts of another matrix.
    pub fn merge(&mut self, other: &Self) -> Result<(), MetricsError> {
        if self.classes != other.classes {
            return Err(MetricsError::Merge { left: self.classes, right: other.classes });
        }
        self.pixels.iter_mut().zip(&other.pixels).for_each(|(pixels, more)| *pixels += more);
        Ok(())
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Pixels of the class `truth` that were predicted as `prediction`; `prediction == classes`
    /// counts what is no class.
    pub fn pixels(&self, truth: usize, prediction: usize) -> u64 {
        assert!(
            truth < self.classes && prediction <= self.classes,
            "({truth}, {prediction}) of {} classes",
            self.classes
        );
        self.pixels[truth * (self.classes + 1) + prediction]
    }

    /// Pixels of the class `truth` by prediction: `[classes + 1]`, the last one for what is no
    /// class.
    pub fn row(&self, truth: usize) -> &[u64] {
        &self.pixels[truth * (self.classes + 1)..][..=self.classes]
    }

    /// Intersection over union of one class; none if it has no true pixel.
    pub fn iou(&self, class: usize) -> Option<f64> {
        self.class_scores(class).iou
    }

    /// Scores of one class.
    pub fn class_scores(&self, class: usize) -> ClassScores {
        let hits = self.pixels(class, class);
        let true_pixels: u64 =
            (0..=self.classes).map(|prediction| self.pixels(class, prediction)).sum();
        let predicted_pixels: u64 = (0..self.classes).map(|truth| self.pixels(truth, class)).sum();
        ClassScores {
            true_pixels,
            predicted_pixels,
            iou: ratio(hits, true_pixels + predicted_pixels - hits).filter(|_| true_pixels > 0),
            precision: ratio(hits, predicted_pixels),
            recall: ratio(hits, true_pixels),
        }
    }

    /// All scores.
    pub fn scores(&self) -> ConfusionScores {
        let classes: Vec<_> = (0..self.classes).map(|class| self.class_scores(class)).collect();
        let hits: u64 = (0..self.classes).map(|class| self.pixels(class, class)).sum();
        let pixels: u64 = self.pixels.iter().sum();
        ConfusionScores {
            mean_iou: mean(classes.iter().filter_map(|class| class.iou)),
            mean_accuracy: mean(classes.iter().filter_map(|class| class.recall)),
            pixel_accuracy: ratio(hits, pixels),
            pixels,
            classes,
        }
    }
}

/// Whether truth and predictions are of one length and each true class is one of `classes` or
/// [`IGNORE`].
pub(crate) fn check(classes: usize, truth: &[u8], predictions: &[u8]) -> Result<(), MetricsError> {
    if truth.len() != predictions.len() {
        return Err(MetricsError::Length { truth: truth.len(), predictions: predictions.len() });
    }
    if let Some(pixel) =
        truth.iter().position(|class| *class != IGNORE && usize::from(*class) >= classes)
    {
        return Err(MetricsError::UnknownClass { pixel, classes, found: truth[pixel] });
    }
    Ok(())
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The mean; none of nothing.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u64), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(truth: &[u8], predictions: &[u8]) -> ConfusionMatrix {
        let mut matrix = ConfusionMatrix::new(3).unwrap();
        matrix.add(truth, predictions).unwrap();
        matrix
    }

    #[test]
    fn scores_are_those_counted_by_hand() {
        // class 0: 2 hits, 3 true, 3 predicted -> 2 / 4; class 1: 1 hit, 2 true, 2 predicted -> 1 /
        // 3
        let scores = counted(&[0, 0, 0, 1, 1], &[0, 0, 1, 0, 1]).scores();
        assert_eq!(scores.classes[0].iou, Some(0.5));
        assert_eq!(scores.classes[1].iou, Some(1.0 / 3.0));
        assert_eq!(scores.classes[0].precision, Some(2.0 / 3.0));
        assert_eq!(scores.classes[1].recall, Some(0.5));
        assert_eq!(scores.mean_iou, Some(f64::midpoint(1.0 / 2.0, 1.0 / 3.0)));
        assert_eq!(scores.mean_accuracy, Some(f64::midpoint(2.0 / 3.0, 1.0 / 2.0)));
        assert_eq!(scores.pixel_accuracy, Some(0.6));
        assert_eq!(scores.pixels, 5);
    }

    #[test]
    fn class_without_ground_truth_is_left_out_of_the_mean_but_costs_the_others() {
        let scores = counted(&[0, 0], &[0, 2]).scores();
        assert_eq!(scores.classes[2].iou, None);
        assert_eq!(scores.classes[2].precision, Some(0.0));
        assert_eq!(scores.mean_iou, Some(0.5));
    }

    #[test]
    fn ignored_pixels_count_neither_as_truth_nor_as_prediction() {
        assert_eq!(counted(&[0, IGNORE, IGNORE], &[0, 1, 0]), counted(&[0], &[0]));
    }

    #[test]
    fn prediction_that_is_no_class_is_an_error_of_the_true_class_only() {
        let scores = counted(&[0, 0, 1], &[0, 200, 1]).scores();
        assert_eq!(scores.classes[0].iou, Some(0.5));
        assert_eq!(scores.classes[1].iou, Some(1.0));
        assert_eq!(scores.pixel_accuracy, Some(2.0 / 3.0));
    }

    #[test]
    fn scores_are_those_of_sets_of_pixels() {
        // detectron2's evaluator, written down for one class at a time.
        let mut state = 3_u32;
        let mut random = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 16) % below) as u8
        };
        // Truth knows classes 0 to 4 of 6 and unlabelled pixels; predictions know all six.
        let truth: Vec<u8> = (0..500)
            .map(|_| random(6))
            .map(|class| if class == 5 { IGNORE } else { class })
            .collect();
        let predictions: Vec<u8> = (0..500).map(|_| random(6)).collect();
        let mut matrix = ConfusionMatrix::new(6).unwrap();
        matrix.add(&truth, &predictions).unwrap();
        let pixels = |wanted: &dyn Fn(u8, u8) -> bool| {
            let counted = truth.iter().zip(&predictions).filter(|(truth, _)| **truth != IGNORE);
            counted.filter(|(truth, prediction)| wanted(**truth, **prediction)).count() as f64
        };
        let (mut ious, mut accuracies) = (Vec::new(), Vec::new());
        for class in 0..5 {
            let both = pixels(&|truth, prediction| truth == class && prediction == class);
            ious.push(both / pixels(&|truth, prediction| truth == class || prediction == class));
            accuracies.push(both / pixels(&|truth, _| truth == class));
        }
        let scores = matrix.scores();
        assert_eq!(scores.classes[5].iou, None);
        assert!(scores.classes[5].predicted_pixels > 0, "it costs the others");
        assert_eq!(scores.mean_iou, Some(ious.iter().sum::<f64>() / 5.0));
        assert_eq!(scores.mean_accuracy, Some(accuracies.iter().sum::<f64>() / 5.0));
        assert_eq!(scores.pixel_accuracy, Some(pixels(&|t, p| t == p) / pixels(&|_, _| true)));
        assert_eq!(
            matrix.row(2)[4],
            pixels(&|truth, prediction| (truth, prediction) == (2, 4)) as u64
        );
    }

    #[test]
    fn merged_halves_equal_the_whole() {
        let mut left = counted(&[0, 1], &[0, 2]);
        left.merge(&counted(&[2, 1], &[2, 1])).unwrap();
        assert_eq!(left, counted(&[0, 1, 2, 1], &[0, 2, 2, 1]));
        let other = ConfusionMatrix::new(2).unwrap();
        assert_eq!(left.merge(&other), Err(MetricsError::Merge { left: 3, right: 2 }));
    }

    #[test]
    fn unknown_true_class_is_refused_and_nothing_is_counted() {
        let mut matrix = ConfusionMatrix::new(2).unwrap();
        let refused = matrix.add(&[0, 2], &[0, 0]);
        assert_eq!(refused, Err(MetricsError::UnknownClass { pixel: 1, classes: 2, found: 2 }));
        assert_eq!(matrix, ConfusionMatrix::new(2).unwrap());
        assert_eq!(matrix.add(&[0], &[]), Err(MetricsError::Length { truth: 1, predictions: 0 }));
        assert_eq!(ConfusionMatrix::new(256), Err(MetricsError::Classes { found: 256 }));
    }

    #[test]
    fn empty_matrix_has_no_mean() {
        let scores = ConfusionMatrix::new(2).unwrap().scores();
        assert_eq!(
            (scores.mean_iou, scores.mean_accuracy, scores.pixel_accuracy),
            (None, None, None)
        );
        assert!(serde_json::to_string(&scores).unwrap().contains("\"mean_iou\":null"));
    }
}
