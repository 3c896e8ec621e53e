//! What `rszs-calibrate evaluate` found, for programs and for model cards.

use serde::Serialize;

use crate::report::identity::Identity;
use crate::report::table::{Table, percent};

/// The report.
#[derive(Debug, Clone, Serialize)]
pub struct EvaluationReport {
    /// What was measured with what.
    #[serde(flatten)]
    pub identity: Identity,
    /// The sets, in the order they were measured.
    pub sets: Vec<SetEvaluation>,
}

/// One set.
#[derive(Debug, Clone, Serialize)]
pub struct SetEvaluation {
    /// Its name.
    pub set: String,
    /// Images.
    pub images: u64,
    /// As stated by its source.
    pub licence: String,
    /// Mean `IoU` of the queries that the set labels, each at its own threshold.
    pub mean_iou: Option<f64>,
    /// The queries that the set says something about.
    pub queries: Vec<QueryEvaluation>,
    /// One class a pixel; nothing for a set of one class.
    pub exclusive: Option<ExclusiveEvaluation>,
}

/// One query on one set, at the bundle's threshold.
#[derive(Debug, Clone, Serialize)]
pub struct QueryEvaluation {
    /// Name in the vocabulary.
    pub query: String,
    /// The set outlines it; otherwise the set only knows where it is not, and false alarms are all
    /// there is to count.
    pub is_labelled: bool,
    /// Score above which a pixel belongs to the query.
    pub threshold: f32,
    /// Divides the logits.
    pub temperature: f32,
    /// The threshold was measured, on whatever set.
    pub is_calibrated: bool,
    /// The threshold was chosen on this very set and split: its numbers are too good.
    pub is_chosen_here: bool,
    /// Labelled pixels.
    pub pixels: u64,
    /// Labelled pixels that show the query.
    pub positives: u64,
    /// Intersection over union.
    pub iou: Option<f64>,
    /// Harmonic mean of precision and recall.
    pub f1: Option<f64>,
    /// Share of the predicted pixels that are true; nothing if none is predicted.
    pub precision: Option<f64>,
    /// Share of the true pixels that are predicted.
    pub recall: Option<f64>,
    /// Share of the pixels known not to show the query that its mask covers.
    pub false_alarms: Option<f64>,
    /// Intersection over union of a classifier of colour and texture; nothing without
    /// `--baseline`.
    pub baseline_iou: Option<f64>,
    /// By place, in the order of their names; only places that show the query.
    pub places: Vec<PlaceEvaluation>,
    /// By image, in the order of the split; only images that show the query.
    pub by_image: Vec<ImageEvaluation>,
}

/// One query on the images of one place.
#[derive(Debug, Clone, Serialize)]
pub struct PlaceEvaluation {
    /// Name of the place, as the files' names have it.
    pub place: String,
    /// Images that show the query.
    pub images: usize,
    /// Intersection over union of all their pixels.
    pub iou: f64,
}

/// One query on one image.
#[derive(Debug, Clone, Serialize)]
pub struct ImageEvaluation {
    /// Name of the image in its set.
    pub image: String,
    /// Intersection over union.
    pub iou: f64,
}

/// One class a pixel: the queries of a set against each other and against the bundle's support
/// words. A pixel that a support word wins is an error.
#[derive(Debug, Clone, Serialize)]
pub struct ExclusiveEvaluation {
    /// The classes.
    pub classes: Vec<ClassEvaluation>,
    /// Mean `IoU`.
    pub mean_iou: Option<f64>,
    /// Mean recall.
    pub mean_accuracy: Option<f64>,
    /// Share of pixels that are right.
    pub pixel_accuracy: Option<f64>,
    /// Labelled pixels.
    pub pixels: u64,
}

/// One class of an exclusive decision.
#[derive(Debug, Clone, Serialize)]
pub struct ClassEvaluation {
    /// Name in the vocabulary.
    pub query: String,
    /// Intersection over union.
    pub iou: Option<f64>,
    /// Share of the predicted pixels that are true.
    pub precision: Option<f64>,
    /// Share of the true pixels that are predicted.
    pub recall: Option<f64>,
}

impl QueryEvaluation {
    /// `IoU` of the place where it is lowest; nothing for a set of one place.
    fn worst_place(&self) -> Option<f64> {
        let ious = self.places.iter().map(|place| place.iou);
        ious.min_by(f64::total_cmp).filter(|_| self.places.len() > 1)
    }

    /// The median of the images' `IoU`.
    fn median_image(&self) -> Option<f64> {
        let mut ious: Vec<f64> = self.by_image.iter().map(|image| image.iou).collect();
        ious.sort_by(f64::total_cmp);
        ious.get(ious.len() / 2).copied()
    }

    /// Whether colour and texture alone do better.
    fn is_below_baseline(&self) -> bool {
        self.iou.zip(self.baseline_iou).is_some_and(|(iou, baseline)| iou < baseline)
    }
}

impl EvaluationReport {
    /// For people and model cards, in Markdown.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{}\n\nEach query by its own threshold:\n\n{}",
            self.identity.line(),
            self.queries()
        );
        if self.sets.iter().flat_map(|set| &set.queries).any(|query| query.is_chosen_here) {
            text += "\n\\* The threshold was chosen on these very images: the numbers are too \
                good.\n";
        }
        if self.sets.iter().flat_map(|set| &set.queries).any(|query| !query.is_labelled) {
            text += "\nRows without IoU: the set only knows where the query is not.\n";
        }
        let below: Vec<String> = self
            .sets
            .iter()
            .flat_map(|set| set.queries.iter().map(move |query| (set, query)))
            .filter(|(_, query)| query.is_below_baseline())
            .map(|(set, query)| format!("{} in {}", query.query, set.set))
            .collect();
        if !below.is_empty() {
            text += "\nA classifier of colour and texture alone does better at: ";
            text += &below.join(", ");
            text += ".\n";
        }
        if self.sets.iter().any(|set| set.exclusive.is_some()) {
            text += "\nOne class a pixel:\n\n";
            text += &self.exclusive().to_string();
        }
        text
    }

    fn queries(&self) -> Table {
        let head = [
            "set",
            "query",
            "images",
            "threshold",
            "IoU %",
            "F1 %",
            "precision %",
            "recall %",
            "false alarms %",
            "worst place %",
            "median image %",
            "baseline %",
        ];
        let mut table = Table::new(&head, 2);
        for set in &self.sets {
            for query in &set.queries {
                let mark = if query.is_chosen_here { " \\*" } else { "" };
                table.push(vec![
                    set.set.clone(),
                    query.query.clone(),
                    set.images.to_string(),
                    format!("{:.3}{mark}", query.threshold),
                    percent(query.iou),
                    percent(query.f1),
                    percent(query.precision),
                    percent(query.recall),
                    percent(query.false_alarms),
                    percent(query.worst_place()),
                    percent(query.median_image()),
                    percent(query.baseline_iou),
                ]);
            }
            let labelled = set.queries.iter().filter(|query| query.iou.is_some()).count();
            if labelled > 1 {
                let mut mean = vec![
                    set.set.clone(),
                    format!("mean of {labelled}"),
                    set.images.to_string(),
                    String::new(),
                ];
                mean.push(percent(set.mean_iou));
                mean.resize(head.len(), String::new());
                table.push(mean);
            }
        }
        table
    }

    fn exclusive(&self) -> Table {
        let mut table =
            Table::new(&["set", "class", "IoU %", "precision %", "recall %", "pixels right %"], 2);
        for (set, exclusive) in
            self.sets.iter().filter_map(|set| Some((set, set.exclusive.as_ref()?)))
        {
            for class in &exclusive.classes {
                let numbers = [class.iou, class.precision, class.recall].map(percent);
                let mut row = vec![set.set.clone(), class.query.clone()];
                row.extend(numbers);
                row.push(String::new());
                table.push(row);
            }
            table.push(vec![
                set.set.clone(),
                "mean".to_owned(),
                percent(exclusive.mean_iou),
                String::new(),
                percent(exclusive.mean_accuracy),
                percent(exclusive.pixel_accuracy),
            ]);
        }
        table
    }
}
