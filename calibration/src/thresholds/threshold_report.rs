//! What `rszs-calibrate thresholds` found, for programs and for people.

use rszs_bundle::{Bundle, CurvePoint, Temperature, Threshold};
use rszs_metrics::{OperatingPoint, PrecisionRecall, ScoreHistogram};
use serde::Serialize;

use crate::label_mapping::LabelMapping;
use crate::report::identity::Identity;
use crate::report::table::{Table, change, percent};
use crate::thresholds::pooled_histogram::{PooledHistogram, Weighting, pixels};
use crate::thresholds::score_count::MeasuredSet;
use crate::thresholds::temperature::is_at_end;
use crate::thresholds::tempered_score::{flat_of, logit_of, score_at};

/// The report.
#[derive(Debug, Clone, Serialize)]
pub struct ThresholdReport {
    /// What was measured with what.
    #[serde(flatten)]
    pub identity: Identity,
    /// What thresholds are best at.
    pub target: String,
    /// How sets count together.
    pub weighting: Weighting,
    /// The queries that were calibrated.
    pub queries: Vec<QueryReport>,
    /// The queries that a set labels and that were left as they are.
    pub left: Vec<LeftQuery>,
    /// The bundle that was written.
    pub written: Option<Written>,
}

/// One calibrated query.
#[derive(Debug, Clone, Serialize)]
pub struct QueryReport {
    /// Name in the vocabulary.
    pub name: String,
    /// Images.
    pub images: u64,
    /// Labelled pixels.
    pub pixels: u64,
    /// With the threshold and temperature that the bundle had, presence not counting.
    pub before: Setting,
    /// With the new ones.
    pub after: Setting,
    /// What each set has to do with it.
    pub sets: Vec<SetReport>,
    /// What the threshold that all other places choose gives at each place that shows it: what to
    /// expect at a new place.
    pub left_out: Vec<LeftOut>,
    /// Precision and recall over all thresholds at the new temperature, where they change.
    pub curve: Vec<OperatingPoint>,
}

/// A place under the threshold that all other places choose.
#[derive(Debug, Clone, Serialize)]
pub struct LeftOut {
    /// Name, split and place.
    pub set: String,
    /// Intersection over union there.
    pub iou: Option<f64>,
    /// That of the best threshold there.
    pub best_iou: Option<f64>,
}

/// Names of the sets without their places, each once.
pub fn names_of_sets(sets: &[SetReport]) -> String {
    let mut names: Vec<&str> = sets.iter().filter_map(|part| part.set.split(' ').next()).collect();
    names.dedup();
    names.join(", ")
}

/// What a threshold and a temperature give on all sets together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Setting {
    /// Score above which a pixel belongs to the query.
    pub threshold: f32,
    /// Divides the logits.
    pub temperature: f32,
    /// Presence below which a tile shows none of it; nothing: presence does not count.
    pub presence_threshold: Option<f32>,
    /// Intersection over union.
    pub iou: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
    /// Share of the predicted pixels that are true.
    pub precision: f64,
    /// Share of the true pixels that are predicted.
    pub recall: f64,
    /// Expected calibration error of the scores.
    pub calibration_error: f64,
    /// In nats a pixel.
    pub negative_log_likelihood: f64,
}

/// One set's part in a query.
#[derive(Debug, Clone, Serialize)]
pub struct SetReport {
    /// Name and split.
    pub set: String,
    /// Images.
    pub images: u64,
    /// Labelled pixels.
    pub pixels: u64,
    /// Labelled pixels that show the query.
    pub positives: u64,
    /// `IoU` at the new threshold on this set alone; nothing without positives.
    pub iou: Option<f64>,
    /// `IoU` at the threshold that would be best for this set alone; nothing without positives.
    pub best_iou: Option<f64>,
    /// Average precision; nothing without positives.
    pub average_precision: Option<f64>,
}

/// A query that was left as it is.
#[derive(Debug, Clone, Serialize)]
pub struct LeftQuery {
    /// Name in the vocabulary.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// The bundle that was written.
#[derive(Debug, Clone, Serialize)]
pub struct Written {
    /// Its folder.
    pub path: String,
    /// Its counter.
    pub counter: u64,
    /// SHA-256 of its manifest.
    pub sha256: String,
}

impl Written {
    /// Of a bundle that was just written.
    pub fn of(bundle: &Bundle) -> Self {
        Self {
            path: bundle.path().display().to_string(),
            counter: bundle.manifest().counter,
            sha256: bundle.hash().to_string(),
        }
    }
}

/// One set's pixels of a query, before anything is chosen.
#[derive(Debug, Clone, Copy)]
pub struct SetPart<'a> {
    /// What the set says.
    pub mapping: &'a LabelMapping,
    /// Flat scores of its labelled pixels.
    pub histogram: &'a ScoreHistogram,
    measured: &'a MeasuredSet,
}

/// The parts that `measured` have in the query of `row` under the presence threshold at `candidate`
/// of [`crate::thresholds::presence::CANDIDATES`].
pub fn set_parts(row: usize, candidate: usize, measured: &[MeasuredSet]) -> Vec<SetPart<'_>> {
    let mut parts = Vec::new();
    for set in measured {
        let pairs = set.mappings.iter().zip(&set.count.histograms[candidate]);
        let of_row = pairs.filter(|(mapping, _)| mapping.row == row);
        parts.extend(of_row.map(|(mapping, histogram)| SetPart {
            mapping,
            histogram,
            measured: set,
        }));
    }
    parts
}

impl<'a> SetPart<'a> {
    /// Name and split of the set.
    pub fn label(&self) -> &'a str {
        &self.measured.label
    }

    /// Whether some pixel is labelled as the query.
    pub fn shows(&self) -> bool {
        self.histogram.positives().iter().any(|&count| count > 0)
    }

    /// What is told of it when pixels above the flat score `threshold` are predicted.
    pub fn report(&self, threshold: f64) -> SetReport {
        let curve = PrecisionRecall::new(self.histogram);
        let alone = PooledHistogram::new(&[self.histogram], Weighting::Pixels)
            .filter(|pool| pool.positive_share() > 0.0);
        SetReport {
            set: self.measured.place.as_ref().map_or_else(
                || self.measured.label.clone(),
                |place| format!("{} {place}", self.measured.label),
            ),
            images: self.measured.count.images,
            pixels: pixels(self.histogram),
            positives: self.histogram.positives().iter().sum(),
            iou: alone.map(|pool| pool.point_at(threshold).iou),
            best_iou: curve.as_ref().map(|curve| curve.best_point().iou),
            average_precision: curve.as_ref().map(PrecisionRecall::average_precision),
        }
    }
}

impl Setting {
    /// What `threshold` and `temperature` give on `pooled_histogram`.
    pub fn new(
        pool: &PooledHistogram,
        threshold: Threshold,
        temperature: Temperature,
        presence: Option<f32>,
    ) -> Self {
        let at = f64::from(temperature.get());
        let point = pool.point_at(flat_of(f64::from(threshold.get()), at));
        Self {
            threshold: threshold.get(),
            temperature: temperature.get(),
            presence_threshold: presence,
            iou: point.iou,
            f1: point.f1,
            precision: point.precision,
            recall: point.recall,
            calibration_error: pool.calibration_error(at),
            negative_log_likelihood: pool.negative_log_likelihood(at),
        }
    }
}

/// Nothing of nothing.
fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The curve of `pooled_histogram` with scores at `temperature` as thresholds, each run of equal
/// points once.
pub fn curve_at(pool: &PooledHistogram, temperature: f64) -> Vec<OperatingPoint> {
    let mut points = pool.points();
    points.dedup_by_key(|point| (point.precision.to_bits(), point.recall.to_bits()));
    for point in &mut points {
        point.threshold = score_at(logit_of(point.threshold), temperature);
    }
    points
}

/// What the bundle keeps of the curve: scores from 0.05 to 0.95 in steps of 0.05 as thresholds,
/// shares to four digits.
pub fn stored_curve(pool: &PooledHistogram, temperature: f64) -> Vec<CurvePoint> {
    let digits = |share: f64| (share * 1e4).round() / 1e4;
    let at = |step: u32| {
        let threshold = digits(f64::from(step) * 0.05);
        let point = pool.point_at(flat_of(threshold, temperature));
        CurvePoint { threshold, precision: digits(point.precision), recall: digits(point.recall) }
    };
    (1..20).map(at).collect()
}

impl ThresholdReport {
    /// For people, in Markdown.
    pub fn table(&self) -> String {
        let head = [
            "query",
            "sets",
            "pixels",
            "threshold",
            "temperature",
            "presence",
            "IoU %",
            "precision %",
            "recall %",
            "calibration error %",
            "at a place left out: IoU %",
        ];
        let mut table = Table::new(&head, 2);
        for QueryReport { name, pixels, before, after, sets, left_out, .. } in &self.queries {
            let both = |show: fn(&Setting) -> String| change(&show(before), &show(after));
            table.push(vec![
                name.clone(),
                names_of_sets(sets),
                pixels.to_string(),
                both(|setting| format!("{:.3}", setting.threshold)),
                both(|setting| format!("{:.2}", setting.temperature)),
                both(|setting| {
                    setting.presence_threshold.map_or("-".to_owned(), |least| format!("{least:.1}"))
                }),
                both(|setting| percent(Some(setting.iou))),
                both(|setting| percent(Some(setting.precision))),
                both(|setting| percent(Some(setting.recall))),
                both(|setting| percent(Some(setting.calibration_error))),
                percent(mean(left_out.iter().filter_map(|place| place.iou))),
            ]);
        }
        let counting = match self.weighting {
            Weighting::Places => "every place counts the same, however many pixels it has",
            Weighting::Sets => "every set counts the same, however many pixels it has",
            Weighting::Pixels => "every pixel counts the same",
        };
        let mut remarks: Vec<String> = Vec::new();
        for QueryReport { name, after, .. } in
            self.queries.iter().filter(|query| is_at_end(query.after.temperature))
        {
            let end = after.temperature;
            remarks.push(format!(
                "{name}: the temperature {end:.2} is the last of the grid: its scores say little \
                 here.\n"
            ));
        }
        for LeftQuery { name, reason } in &self.left {
            remarks.push(format!("{name} is left as it is: {reason}.\n"));
        }
        let remarks = remarks.concat();
        let written = match &self.written {
            Some(Written { path, counter, .. }) => format!("Written to {path}, counter {counter}."),
            None => "Nothing was written.".to_owned(),
        };
        format!(
            "{}\nBest by {}; {counting}.\n\n{table}\n{remarks}{written}\n\
             These images chose the thresholds: report numbers on images of another split or \
             set.\n",
            self.identity.line(),
            self.target
        )
    }
}
