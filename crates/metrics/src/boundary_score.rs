//! How closely predicted outlines follow true ones.

use crate::confusion_matrix::mean;
use crate::{IGNORE, MetricsError};

/// Up to this share of the image's diagonal, a pixel of an outline has met the other outline.
///
/// Source: Csurka et al., What is a good evaluation measure for semantic segmentation?, BMVC 2013
/// (7.5 px in an image of 800 x 600). Others differ and do not compare: DAVIS takes 0.8 % rounded
/// up to whole pixels and outlines between pixels, and gives 0.83 where this gives 0.71
/// (`tests/golden/boundary.py`); Boundary `IoU` (Cheng et al. 2021) takes 2 % and areas along the
/// outline.
pub const BOUNDARY_TOLERANCE: f64 = 0.0075;

/// Boundary F1 (BF) of one label a pixel, counted image by image; same source as
/// [`BOUNDARY_TOLERANCE`].
///
/// The outline of a class is made of its pixels that have something else above, below, left or
/// right. Precision is the share of the predicted outline within the tolerance of the true one,
/// recall the reverse, F1 their harmonic mean. A class with an outline on one side only scores 0;
/// one without any outline in an image does not count there. The score of an image is the mean
/// over its classes, that of a set the mean over its images.
///
/// Pixels whose ground truth is [`IGNORE`] belong to no outline, and no outline runs along them or
/// along the image's edge.
#[derive(Debug, Clone, PartialEq)]
pub struct BoundaryScore {
    classes: Vec<ImageMean>,
    images: ImageMean,
}

/// A mean over the images that have a score.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct ImageMean {
    sum: f64,
    images: u64,
}

/// Labels of one image. `labels: [H, W]`.
#[derive(Clone, Copy)]
struct LabelMap<'a> {
    labels: &'a [u8],
    truth: &'a [u8],
    width: usize,
}

impl BoundaryScore {
    /// Nothing counted, for 1 to 255 classes.
    pub fn new(classes: usize) -> Result<Self, MetricsError> {
        if !(1..=usize::from(IGNORE)).contains(&classes) {
            return Err(MetricsError::Classes { found: classes });
        }
        Ok(Self { classes: vec![ImageMean::default(); classes], images: ImageMean::default() })
    }

    /// Counts one image: `truth` and `predictions` are `[H, W]`, rows of `width` pixels. On an
    /// error nothing is counted.
    pub fn add(
        &mut self,
        width: usize,
        truth: &[u8],
        predictions: &[u8],
    ) -> Result<(), MetricsError> {
        let classes = self.classes.len();
        crate::confusion_matrix::check(classes, truth, predictions)?;
        if width == 0 || !truth.len().is_multiple_of(width) {
            return Err(MetricsError::Width { width, pixels: truth.len() });
        }
        let tolerance_px = BOUNDARY_TOLERANCE * (width as f64).hypot((truth.len() / width) as f64);
        let maps = [truth, predictions].map(|labels| LabelMap { labels, truth, width });
        let scores: Vec<_> =
            (0..classes).map(|class| f1(maps, class as u8, tolerance_px)).collect();
        for (counted, score) in self.classes.iter_mut().zip(&scores) {
            counted.add(*score);
        }
        self.images.add(mean(scores.into_iter().flatten()));
        Ok(())
    }

    /// Adds the images of another.
    pub fn merge(&mut self, other: &Self) -> Result<(), MetricsError> {
        if self.classes.len() != other.classes.len() {
            return Err(MetricsError::Merge {
                left: self.classes.len(),
                right: other.classes.len(),
            });
        }
        let more = other.classes.iter().chain([&other.images]);
        for (counted, more) in self.classes.iter_mut().chain([&mut self.images]).zip(more) {
            counted.sum += more.sum;
            counted.images += more.images;
        }
        Ok(())
    }

    /// Mean F1 of one class over the images where it has an outline, true or predicted.
    pub fn class_f1(&self, class: usize) -> Option<f64> {
        self.classes[class].value()
    }

    /// Mean over images.
    pub fn mean_f1(&self) -> Option<f64> {
        self.images.value()
    }
}

impl ImageMean {
    fn add(&mut self, score: Option<f64>) {
        self.sum += score.unwrap_or(0.0);
        self.images += u64::from(score.is_some());
    }

    fn value(self) -> Option<f64> {
        (self.images > 0).then(|| self.sum / self.images as f64)
    }
}

impl LabelMap<'_> {
    /// Which pixels are the outline of `class`: `[H, W]`.
    fn outline(&self, class: u8) -> Vec<bool> {
        let counted = |at: usize| self.truth[at] != IGNORE;
        let differs = |at: usize| counted(at) && self.labels[at] != class;
        let (width, pixels) = (self.width, self.labels.len());
        let on_outline = |at: usize| {
            let x = at % width;
            counted(at)
                && self.labels[at] == class
                && ((x > 0 && differs(at - 1))
                    || (x + 1 < width && differs(at + 1))
                    || (at >= width && differs(at - width))
                    || (at + width < pixels && differs(at + width)))
        };
        (0..pixels).map(on_outline).collect()
    }
}

/// F1 of one class in one image, `[truth, predictions]`; none if neither has an outline of it.
fn f1(maps: [LabelMap<'_>; 2], class: u8, tolerance_px: f64) -> Option<f64> {
    let width = maps[0].width;
    if !maps.iter().any(|map| map.labels.contains(&class)) {
        return None;
    }
    let [truth, predicted] = maps.map(|map| map.outline(class));
    let precision = share_near(&predicted, &truth, width, tolerance_px);
    let recall = share_near(&truth, &predicted, width, tolerance_px);
    match (precision, recall) {
        (None, None) => None,
        (Some(precision), Some(recall)) if precision + recall > 0.0 => {
            Some(2.0 * precision * recall / (precision + recall))
        }
        _ => Some(0.0),
    }
}

/// Share of the pixels of `outline` with one of `other` within `tolerance_px`; none if `outline`
/// has no pixel.
fn share_near(outline: &[bool], other: &[bool], width: usize, tolerance_px: f64) -> Option<f64> {
    let rows_away = rows_to_nearest(other, width);
    let reach = tolerance_px.floor() as usize;
    let near = |at: usize| {
        let (x, row) = (at % width, at - at % width);
        let columns = x.saturating_sub(reach)..=(x + reach).min(width - 1);
        columns.into_iter().any(|column| {
            let rows = f64::from(rows_away[row + column]);
            (column.abs_diff(x) as f64).hypot(rows) <= tolerance_px
        })
    };
    let mut pixels = (0..outline.len()).filter(|&at| outline[at]).peekable();
    pixels.peek()?;
    mean(pixels.map(|at| f64::from(u8::from(near(at)))))
}

/// Rows from each pixel to the nearest pixel of `outline` in its column, [`u32::MAX`] if there is
/// none: `[H, W]`.
fn rows_to_nearest(outline: &[bool], width: usize) -> Vec<u32> {
    let mut rows: Vec<u32> =
        outline.iter().map(|&inside| if inside { 0 } else { u32::MAX }).collect();
    for at in width..rows.len() {
        rows[at] = rows[at].min(rows[at - width].saturating_add(1));
    }
    for at in (0..rows.len().saturating_sub(width)).rev() {
        rows[at] = rows[at].min(rows[at + width].saturating_add(1));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two classes, one image, rows of 4 pixels.
    fn counted(truth: &[u8], predictions: &[u8]) -> BoundaryScore {
        let mut score = BoundaryScore::new(2).unwrap();
        score.add(4, truth, predictions).unwrap();
        score
    }

    #[test]
    fn scores_are_those_counted_by_hand() {
        // The tolerance of an image this small is below a pixel: outlines have to coincide.
        let truth = [0, 0, 1, 1, 0, 0, 1, 1];
        let predictions = [0, 0, 1, 1, 0, 1, 1, 1];
        // Class 0: true outline (1, 0), (1, 1); predicted (1, 0), (0, 1): precision 1/2, recall
        // 1/2. Class 1: true outline (2, 0), (2, 1); predicted (2, 0), (1, 1): the pixel (2, 1) is
        // inside now. 1/2 and 1/2.
        let score = counted(&truth, &predictions);
        assert_eq!(
            (score.class_f1(0), score.class_f1(1), score.mean_f1()),
            (Some(0.5), Some(0.5), Some(0.5))
        );
        assert_eq!(counted(&truth, &truth).mean_f1(), Some(1.0));
    }

    #[test]
    fn outline_on_one_side_only_scores_nothing_and_none_at_all_does_not_count() {
        let (all, half) = ([0; 8], [0, 0, 1, 1, 0, 0, 1, 1]);
        assert_eq!(counted(&all, &half).mean_f1(), Some(0.0));
        assert_eq!(counted(&all, &all).mean_f1(), None);
    }

    #[test]
    fn nothing_is_asked_along_ignored_pixels() {
        // The right half is unlabelled: class 0 meets nothing that it could be told from.
        let truth = [0, 0, IGNORE, IGNORE, 0, 0, IGNORE, IGNORE];
        assert_eq!(counted(&truth, &[0, 0, 1, 1, 0, 0, 1, 1]).mean_f1(), None);
        // A prediction of 255 is no class, not an ignored pixel: class 0 has a predicted outline
        // beside it.
        assert_eq!(counted(&[0; 8], &[0, 0, IGNORE, 0, 0, 0, 0, 0]).class_f1(0), Some(0.0));
    }

    #[test]
    fn an_outline_within_the_tolerance_is_met_and_one_beyond_is_not() {
        // 800 x 600: diagonal 1000, tolerance 7.5.
        let edge_at = |edge: usize| -> Vec<u8> {
            (0..800 * 600).map(|at| u8::from(at % 800 >= edge)).collect()
        };
        let shifted_by = |shift: usize| {
            let mut score = BoundaryScore::new(2).unwrap();
            score.add(800, &edge_at(400), &edge_at(400 + shift)).unwrap();
            score.mean_f1()
        };
        assert_eq!((shifted_by(7), shifted_by(8)), (Some(1.0), Some(0.0)));
    }

    #[test]
    fn every_distance_is_the_one_that_brute_force_finds() {
        let (width, height) = (23_usize, 17);
        let mut state = 7_u32;
        let mut random = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % below
        };
        for round in 0..20 {
            let [outline, other] = [4, 25].map(|rarity| -> Vec<bool> {
                (0..width * height).map(|_| random(rarity) == 0).collect()
            });
            let tolerance_px = f64::from(round) * 0.35;
            let place = |at: usize| ((at % width) as f64, (at / width) as f64);
            let near = |at: usize| {
                let (x, y) = place(at);
                (0..other.len())
                    .filter(|&to| other[to])
                    .map(place)
                    .any(|(a, b)| (x - a).hypot(y - b) <= tolerance_px)
            };
            let on: Vec<usize> = (0..outline.len()).filter(|&at| outline[at]).collect();
            let expected = on.iter().filter(|&&at| near(at)).count() as f64 / on.len() as f64;
            assert_eq!(
                share_near(&outline, &other, width, tolerance_px),
                Some(expected),
                "{tolerance_px} px"
            );
        }
    }

    #[test]
    fn outlines_of_four_classes_score_as_scipy_counts_them() {
        // The images of `tests/golden/boundary.py`, and what it prints.
        let (width, height) = (320_usize, 240_usize);
        let places = || (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let truth = places().map(|(x, y)| {
            let from_centre = x.abs_diff(200).pow(2) + y.abs_diff(150).pow(2);
            if from_centre < 900 { IGNORE } else { ((x / 37 + y / 29) % 4) as u8 }
        });
        let predicted = places().map(|(x, y)| {
            let is_hole = x % 61 < 3 && y % 53 < 3;
            if is_hole { 1 } else { (((x + y * y / 9000) / 37 + (y + x / 50) / 29) % 4) as u8 }
        });
        let mut score = BoundaryScore::new(4).unwrap();
        score.add(width, &truth.collect::<Vec<_>>(), &predicted.collect::<Vec<_>>()).unwrap();
        let expected = [0.718_562_710_870, 0.698_918_024_194, 0.717_398_209_358, 0.713_944_828_085];
        for (class, expected) in expected.into_iter().enumerate() {
            assert!(
                (score.class_f1(class).unwrap() - expected).abs() < 1e-12,
                "{class}: {:?}",
                score.class_f1(class)
            );
        }
        assert!((score.mean_f1().unwrap() - 0.712_205_943_127).abs() < 1e-12);
    }

    #[test]
    fn merged_images_equal_the_whole() {
        let (truth, wrong) = ([0, 0, 1, 1, 0, 0, 1, 1], [0; 8]);
        let mut both = counted(&truth, &truth);
        both.add(4, &truth, &wrong).unwrap();
        let mut merged = counted(&truth, &truth);
        merged.merge(&counted(&truth, &wrong)).unwrap();
        assert_eq!(merged, both);
        assert_eq!(merged.mean_f1(), Some(0.5));
        let other = BoundaryScore::new(3).unwrap();
        assert_eq!(merged.merge(&other), Err(MetricsError::Merge { left: 2, right: 3 }));
    }

    #[test]
    fn rows_that_do_not_fill_the_image_are_refused() {
        let mut score = BoundaryScore::new(2).unwrap();
        assert_eq!(
            score.add(3, &[0; 4], &[0; 4]),
            Err(MetricsError::Width { width: 3, pixels: 4 })
        );
        assert_eq!(
            score.add(2, &[9, 0], &[0, 0]),
            Err(MetricsError::UnknownClass { pixel: 0, classes: 2, found: 9 })
        );
        assert_eq!(score, BoundaryScore::new(2).unwrap());
    }
}
