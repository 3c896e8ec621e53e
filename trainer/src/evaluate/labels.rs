//! Scores of one label a pixel: the query with the largest score, for sets that label every pixel.

use rszs_data::{ClassTable, Concept};
use rszs_metrics::{BaseNovel, BoundaryScore, ClassScores, ConfusionMatrix};
use serde::Serialize;

use super::{Novel, NovelBy};
use crate::TrainError;

/// Scores of one label a pixel, as detectron2's `SemSegEvaluator` counts, and of outlines.
#[derive(Debug, Clone, Serialize)]
pub struct LabelScores {
    /// `mIoU`, over classes with true pixels.
    pub mean_iou: Option<f64>,
    /// `mACC`: mean recall over classes with true pixels.
    pub mean_accuracy: Option<f64>,
    /// Share of all labelled pixels that are right.
    pub pixel_accuracy: Option<f64>,
    /// Boundary F1, mean over images.
    pub boundary_f1: Option<f64>,
    /// `mIoU` over base and novel classes, where the set has classes that were said to be novel.
    pub base_novel: Option<BaseNovel>,
    /// Who said so.
    pub novel_by: Option<NovelBy>,
    /// Words that competed with the classes without being scored themselves.
    pub competitors: Vec<String>,
    /// One per query, in the order of the class table.
    pub classes: Vec<LabelClass>,
    /// Pixels by true and predicted class; a report of its own.
    #[serde(skip)]
    pub confusion: ConfusionMatrix,
}

/// Scores of one class.
#[derive(Debug, Clone, Serialize)]
pub struct LabelClass {
    /// The word.
    pub query: String,
    /// Whether it was said to be novel.
    pub novel: bool,
    /// Of the confusion matrix; recall is the accuracy of the class.
    #[serde(flatten)]
    pub pixels: ClassScores,
    /// Boundary F1, mean over the images where the class has an outline.
    pub boundary_f1: Option<f64>,
}

/// Counts over the images of a set.
pub(super) struct LabelCounts {
    confusion: ConfusionMatrix,
    boundary: BoundaryScore,
}

impl LabelCounts {
    /// Nothing counted.
    pub(super) fn new(queries: usize) -> Result<Self, TrainError> {
        Ok(Self {
            confusion: ConfusionMatrix::new(queries)?,
            boundary: BoundaryScore::new(queries)?,
        })
    }

    /// Counts one image, rows of `width` pixels: each true query or 255, and 1 + each predicted
    /// query.
    pub(super) fn add(
        &mut self,
        width: usize,
        truth: &[u8],
        exclusive: &[u8],
    ) -> Result<(), TrainError> {
        let predictions: Vec<u8> = exclusive.iter().map(|class| class.wrapping_sub(1)).collect();
        self.confusion.add(truth, &predictions)?;
        Ok(self.boundary.add(width, truth, &predictions)?)
    }

    /// What was counted, as scores.
    pub(super) fn scores(self, table: &ClassTable, novel: &Novel) -> LabelScores {
        let scores = self.confusion.scores();
        let class = |(index, (concept, &pixels)): (usize, (&Concept, &ClassScores))| LabelClass {
            query: concept.name.clone(),
            novel: novel.contains(concept),
            pixels,
            boundary_f1: self.boundary.class_f1(index),
        };
        let classes: Vec<LabelClass> =
            table.concepts().iter().zip(&scores.classes).enumerate().map(class).collect();
        let any_novel = classes.iter().any(|class| class.novel);
        LabelScores {
            mean_iou: scores.mean_iou,
            mean_accuracy: scores.mean_accuracy,
            pixel_accuracy: scores.pixel_accuracy,
            boundary_f1: self.boundary.mean_f1(),
            base_novel: any_novel.then(|| {
                BaseNovel::new(classes.iter().map(|class| (class.pixels.iou, class.novel)))
            }),
            novel_by: novel.by().filter(|_| any_novel),
            competitors: table.competitors().to_vec(),
            classes,
            confusion: self.confusion,
        }
    }
}
