//! Scores of a set, from counts over its images.

use std::collections::BTreeMap;

use rszs_data::{DenseSet, Sample, UNLABELLED};
use rszs_metrics::{HistogramResolution, OperatingPoint, PrecisionRecall, ScoreHistogram};
use serde::Serialize;

use super::labels::{LabelCounts, LabelScores};
use super::prediction::Prediction;
use super::table::number;
use super::{Novel, Protocol};
use crate::TrainError;

/// Scores of one set.
#[derive(Debug, Clone, Serialize)]
pub struct SetScores {
    /// Name of the set.
    pub set: String,
    /// How images became scores.
    pub protocol: Protocol,
    /// Images evaluated.
    pub images: usize,
    /// One per query, in the order of the class table.
    pub queries: Vec<QueryScores>,
    /// Mean `IoU` over queries, each at its best threshold.
    pub mean_iou_best: f64,
    /// Mean `IoU` over queries at a score of 0.5.
    pub mean_iou_half: f64,
    /// Mean `IoU` of the largest logit among the set's queries, for sets that label every pixel.
    pub mean_iou_exclusive: Option<f64>,
    /// `IoU` per query of the largest logit.
    pub iou_exclusive: BTreeMap<String, Option<f64>>,
    /// More of the largest logit, for the same sets as `mean_iou_exclusive`.
    pub labels: Option<LabelScores>,
}

/// Scores of one query.
#[derive(Debug, Clone, Serialize)]
pub struct QueryScores {
    /// The word.
    pub query: String,
    /// The threshold of the highest `IoU` and what it gives.
    pub best: Option<OperatingPoint>,
    /// What a score of 0.5 gives.
    pub half: Option<OperatingPoint>,
    /// Area under precision over recall.
    pub average_precision: Option<f64>,
    /// Counts of pixels by score, for calibration.
    pub histogram: ScoreHistogram,
}

impl SetScores {
    /// The scores in one line.
    pub fn line(&self) -> String {
        let exclusive =
            self.mean_iou_exclusive.map_or(String::new(), |iou| format!(", exclusive {iou:.3}"));
        let of_query = |scores: &QueryScores| {
            format!("{} {}", scores.query, number(scores.best.map(|point| point.iou)))
        };
        let queries: Vec<String> = self.queries.iter().map(of_query).collect();
        format!("{}: mIoU {:.3}{exclusive} ({})", self.set, self.mean_iou_best, queries.join(", "))
    }

    /// Words without a true pixel in the images evaluated. They have no score and are in no mean.
    pub fn without_pixels(&self) -> Vec<&str> {
        self.queries
            .iter()
            .filter(|scores| scores.best.is_none())
            .map(|scores| scores.query.as_str())
            .collect()
    }

    /// Name and value of each curve: the means, and of each query the `IoU` at its best threshold.
    pub(crate) fn curves(&self) -> Vec<(String, f64)> {
        let mut curves = vec![
            (format!("evaluation/{}/mean_iou_best", self.set), self.mean_iou_best),
            (format!("evaluation/{}/mean_iou_half", self.set), self.mean_iou_half),
        ];
        for query in &self.queries {
            curves.extend(query.best.map(|best| {
                (format!("evaluation/{}/iou_best/{}", self.set, query.query), best.iou)
            }));
        }
        curves
    }
}

/// Counts over the images of a set.
pub(super) struct Counts {
    histograms: Vec<ScoreHistogram>,
    labels: Option<LabelCounts>,
}

impl Counts {
    /// Nothing counted.
    pub(super) fn new(set: &DenseSet) -> Result<Self, TrainError> {
        let queries = set.classes().concepts().len();
        let histograms = vec![ScoreHistogram::new(HistogramResolution::Bytes); queries];
        let labels = if set.classes().labels_every_pixel() {
            Some(LabelCounts::new(queries)?)
        } else {
            None
        };
        Ok(Self { histograms, labels })
    }

    /// Counts one image, of which `prediction` says something for each concept and then for each
    /// competing word. A pixel that goes to a competing word is lost to its true class and counts
    /// for no other.
    pub(super) fn add(
        &mut self,
        set: &DenseSet,
        sample: &Sample,
        prediction: &Prediction,
    ) -> Result<(), TrainError> {
        let mut class_truth = vec![UNLABELLED; sample.mask.ids.len()];
        let concepts = set.classes().concepts();
        for (query, ((concept, scores), histogram)) in
            concepts.iter().zip(&prediction.scores).zip(&mut self.histograms).enumerate()
        {
            let targets = concept.targets();
            let truth: Vec<u8> =
                sample.mask.ids.iter().map(|&id| targets[usize::from(id)]).collect();
            // The histogram's bin of a byte is the byte itself.
            let scores: Vec<f32> =
                scores.iter().map(|&score| (f32::from(score) + 0.5) / 256.0).collect();
            histogram.add(&truth, &scores)?;
            for (class, _) in class_truth.iter_mut().zip(&truth).filter(|(_, truth)| **truth == 1) {
                *class = query as u8;
            }
        }
        if let Some(labels) = &mut self.labels {
            labels.add(sample.mask.width, &class_truth, &prediction.exclusive)?;
        }
        Ok(())
    }

    /// What was counted, as scores.
    pub(super) fn scores(
        self,
        set: &DenseSet,
        protocol: Protocol,
        novel: &Novel,
        images: usize,
    ) -> SetScores {
        let concepts = set.classes().concepts();
        let per_query: Vec<QueryScores> = concepts
            .iter()
            .zip(self.histograms)
            .map(|(concept, histogram)| query_scores(&concept.name, histogram))
            .collect();
        let mean = |point: fn(&QueryScores) -> Option<OperatingPoint>| {
            let with_truth: Vec<f64> =
                per_query.iter().filter_map(|scores| Some(point(scores)?.iou)).collect();
            with_truth.iter().sum::<f64>() / with_truth.len().max(1) as f64
        };
        let labels = self.labels.map(|labels| labels.scores(set.classes(), novel));
        let classes = labels.iter().flat_map(|labels| &labels.classes);
        SetScores {
            set: set.name().to_owned(),
            protocol,
            images,
            mean_iou_best: mean(|scores| scores.best),
            mean_iou_half: mean(|scores| scores.half),
            mean_iou_exclusive: labels.as_ref().and_then(|labels| labels.mean_iou),
            iou_exclusive: classes.map(|class| (class.query.clone(), class.pixels.iou)).collect(),
            labels,
            queries: per_query,
        }
    }
}

fn query_scores(query: &str, histogram: ScoreHistogram) -> QueryScores {
    let curve = PrecisionRecall::new(&histogram);
    let half = |curve: &PrecisionRecall| {
        let points = curve.points();
        points.iter().find(|point| point.threshold >= 0.5).copied()
    };
    QueryScores {
        query: query.to_owned(),
        best: curve.as_ref().map(PrecisionRecall::best_point),
        half: curve.as_ref().and_then(half),
        average_precision: curve.as_ref().map(PrecisionRecall::average_precision),
        histogram,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::table;
    use rszs_data::{Split, fixtures};

    /// A set, its first validation image, and scores of 255 where `right` accepts the index, 0
    /// elsewhere.
    fn count(set: &DenseSet, right: impl Fn(usize, u8) -> bool) -> SetScores {
        let sample = set.sample(Split::Val, 0).unwrap();
        let concepts = set.classes().concepts();
        let words = concepts.len() + set.classes().competitors().len();
        let scores: Vec<Vec<u8>> = (0..words)
            .map(|query| {
                sample.mask.ids.iter().map(|&id| if right(query, id) { 255 } else { 0 }).collect()
            })
            .collect();
        let exclusive = (0..sample.mask.ids.len())
            .map(|pixel| {
                scores
                    .iter()
                    .position(|scores| scores[pixel] == 255)
                    .map_or(0, |query| 1 + query as u8)
            })
            .collect();
        let mut counts = Counts::new(set).unwrap();
        counts.add(set, &sample, &Prediction { scores, exclusive }).unwrap();
        let typed = if set.name() == "dubai" { vec!["road".to_owned()] } else { Vec::new() };
        counts.scores(set, Protocol::Deployment, &Novel::of(set, &typed), 1)
    }

    #[test]
    fn perfect_masks_score_one_whatever_unlabelled_pixels_show() {
        let folder = tempfile::tempdir().unwrap();
        let set = rszs_data::sets::dubai::open(&fixtures::dubai(folder.path()).unwrap()).unwrap();
        // Row 0 of the fixture is unlabelled; there, every query fires.
        let scores = count(&set, |query, id| usize::from(id) == query + 1 || id == UNLABELLED);
        assert!(
            (scores.mean_iou_half - 1.0).abs() < 1e-9 && (scores.mean_iou_best - 1.0).abs() < 1e-9
        );
        assert_eq!(scores.mean_iou_exclusive, Some(1.0));
        let labels = scores.labels.unwrap();
        assert_eq!(
            (labels.mean_accuracy, labels.pixel_accuracy, labels.boundary_f1),
            (Some(1.0), Some(1.0), Some(1.0))
        );
    }

    #[test]
    fn a_novel_class_that_is_missed_shows_in_the_novel_mean_and_the_table() {
        let folder = tempfile::tempdir().unwrap();
        let set = rszs_data::sets::dubai::open(&fixtures::dubai(folder.path()).unwrap()).unwrap();
        let concepts = set.classes().concepts();
        let road = concepts.iter().position(|concept| concept.name == "road").unwrap();
        let scores = count(&set, |query, id| query != road && usize::from(id) == query + 1);
        let labels = scores.labels.as_ref().unwrap();
        let means = labels.base_novel.unwrap();
        assert_eq!(
            (means.base, means.novel, means.harmonic_mean),
            (Some(1.0), Some(0.0), Some(0.0))
        );
        assert_eq!(scores.mean_iou_exclusive, Some(0.8));
        assert_eq!(
            labels.confusion.row(road)[concepts.len()],
            labels.classes[road].pixels.true_pixels
        );
        let table = table(&[scores]);
        assert!(
            table.contains("mIoU base 1.000, novel 0.000, harmonic mean 0.000 (as typed)"),
            "{table}"
        );
    }

    #[test]
    fn background_competes_in_flood_net_and_its_own_pixels_count_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let set =
            rszs_data::sets::flood_net::open(&fixtures::flood_net(folder.path()).unwrap()).unwrap();
        assert_eq!(set.classes().competitors(), ["Background"]);
        // Queries 0 to 8 are the indices 1 to 9. Query 9 is the background: it takes what is
        // background, which nobody counts, and all water.
        let water = 5;
        let scores = count(&set, |query, id| match query {
            9 => id == 0 || id == water,
            query => id != water && usize::from(id) == query + 1,
        });
        let labels = scores.labels.as_ref().unwrap();
        assert_eq!(labels.classes.len(), 9, "the background is not scored");
        let iou: Vec<f64> = labels.classes.iter().map(|class| class.pixels.iou.unwrap()).collect();
        assert_eq!(iou, [1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
        assert!((scores.mean_iou_exclusive.unwrap() - 8.0 / 9.0).abs() < 1e-12);
        let sample = set.sample(Split::Val, 0).unwrap();
        let pixels_of =
            |wanted: u8| sample.mask.ids.iter().map(|&id| u64::from(id == wanted)).sum::<u64>();
        assert_eq!(labels.confusion.row(4)[9], pixels_of(water), "lost to the background");
        assert_eq!(
            labels.confusion.scores().pixels,
            16 * 12 - pixels_of(0),
            "index 0 counts nowhere"
        );
        // Five base words: water, tree, vehicle, pool, grass.
        let means = labels.base_novel.unwrap();
        assert_eq!((means.base, means.novel), (Some(0.8), Some(1.0)));
        let table = table(&[scores]);
        assert!(table.contains("(novel is what LandDiscover50K has no class for)"), "{table}");
        assert!(table.contains("Background competes and is not scored"), "{table}");
    }

    #[test]
    fn sets_with_an_ignored_index_have_a_mean_over_the_published_classes() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let written =
            [fixtures::flair(root), fixtures::potsdam_split(root), fixtures::love_da(root)];
        let [flair, potsdam, love_da] = written.map(|root| root.unwrap());
        let set = rszs_data::sets::flair::open(&flair).unwrap();
        let scores = count(&set, |query, id| query != 8 && usize::from(id) == query);
        assert!((scores.mean_iou_exclusive.unwrap() - 11.0 / 12.0).abs() < 1e-12);
        let set = rszs_data::sets::potsdam::open_split(&potsdam).unwrap();
        let scores = count(&set, |query, id| usize::from(id) == query);
        assert_eq!(scores.labels.unwrap().classes.len(), 5);
        let set = rszs_data::sets::love_da::open(&love_da).unwrap();
        let scores = count(&set, |query, id| usize::from(id) == query + 2);
        assert!(scores.labels.is_none(), "its background is nobody's class");
    }

    #[test]
    fn a_class_without_pixels_is_named_and_not_in_the_means() {
        let folder = tempfile::tempdir().unwrap();
        let root = fixtures::dubai(folder.path()).unwrap();
        let mask = root.join("masks/tile2_p001.png");
        let mut indices = rszs_data::IndexMask::read(&mask).unwrap();
        indices.ids.iter_mut().filter(|id| **id == 3).for_each(|id| *id = 1);
        indices.write_png(&mask).unwrap();
        let set = rszs_data::sets::dubai::open(&root).unwrap();
        let scores = count(&set, |query, id| usize::from(id) == query + 1);
        assert_eq!((scores.mean_iou_exclusive, scores.mean_iou_half), (Some(1.0), 1.0));
        assert_eq!(scores.without_pixels(), ["road"]);
        let table = table(&[scores]);
        assert!(table.contains("no true pixel, not in the means: road"), "{table}");
    }

    #[test]
    fn a_set_that_labels_a_part_has_no_exclusive_score() {
        let folder = tempfile::tempdir().unwrap();
        let set = rszs_data::sets::flood_area::open(&fixtures::flood_area(folder.path()).unwrap())
            .unwrap();
        let everywhere = count(&set, |_, _| true);
        let sample = set.sample(Split::Val, 0).unwrap();
        let share = sample.mask.ids.iter().map(|&id| f64::from(u8::from(id == 1))).sum::<f64>()
            / sample.mask.ids.len() as f64;
        assert!((everywhere.mean_iou_half - share).abs() < 1e-9);
        assert_eq!(everywhere.mean_iou_exclusive, None);
        assert!(table(&[everywhere]).contains("flood_area         mean"));
    }
}
