//! `rszs-calibrate evaluate`: masks at the bundle's thresholds against labels.

pub mod evaluation_report;
pub mod mask_count;

use rszs_bundle::{Entry, ThresholdSource};
use rszs_data::DenseSet;
use rszs_edge::queries::Words;
use rszs_metrics::ConfusionMatrix;

use crate::arguments::EvaluateArguments;
use crate::deployed::{Deployed, open_bundle};
use crate::error::Error;
use crate::evaluate::evaluation_report::{
    ClassEvaluation, EvaluationReport, ExclusiveEvaluation, QueryEvaluation, SetEvaluation,
};
use crate::evaluate::mask_count::{ExclusiveCount, MaskCount, count_masks};
use crate::exit::ExitStatus;
use crate::label_mapping::{LabelMapping, mappings};
use crate::report::identity::Identity;
use crate::report::output::Output;
use crate::sets::nothing_labelled;
use crate::sets::{chosen, open_sets};

/// Runs the command.
pub fn run(arguments: &EvaluateArguments, output: &mut Output) -> Result<ExitStatus, Error> {
    let measure = &arguments.measure;
    let sets = open_sets(measure)?;
    let bundle = open_bundle(measure)?;
    let stated: Vec<_> =
        sets.iter().map(|set| mappings(set.classes(), bundle.vocabulary())).collect();
    if stated.iter().all(Vec::is_empty) {
        return Err(nothing_labelled(&bundle, &sets));
    }
    let mut deployed = Deployed::start(bundle, measure)?;
    let identity = Identity::new("evaluate", &deployed, measure);
    output.begin(
        sets.iter().map(|set| chosen(set, measure.split.split(), measure.limit).len()).sum(),
    );
    let Deployed { bundle, started, pipeline, interrupt, .. } = &mut deployed;
    let entries = bundle.vocabulary().entries();
    let mut evaluated = Vec::with_capacity(sets.len());
    for (set, mappings) in sets.into_iter().zip(stated).filter(|(_, mappings)| !mappings.is_empty())
    {
        let step = || {
            output.step();
            if interrupt.is_raised() { Err(Error::Interrupted) } else { Ok(()) }
        };
        let words = Words::from(&*bundle);
        let count =
            count_masks(&set, &mappings, words, measure, pipeline, &mut started.engine, step)?;
        evaluated.push(evaluation(&set, measure.split.name(), &mappings, &count, entries));
    }
    let report = EvaluationReport { identity, sets: evaluated };
    output.results(&report.table(), &report)?;
    Ok(ExitStatus::Done)
}

/// The numbers of one set. `entries` are those of the vocabulary that `mappings` speak of.
pub fn evaluation(
    set: &DenseSet,
    split: &'static str,
    mappings: &[LabelMapping],
    count: &MaskCount,
    entries: &[Entry],
) -> SetEvaluation {
    let label = format!("{}/{split}", set.name());
    let queries: Vec<QueryEvaluation> = mappings
        .iter()
        .zip(&count.queries)
        .map(|(mapping, matrix)| query_evaluation(&entries[mapping.row], mapping, matrix, &label))
        .collect();
    let found: Vec<f64> = queries.iter().filter_map(|query| query.iou).collect();
    SetEvaluation {
        set: set.name().to_owned(),
        images: count.images,
        licence: set.provenance().licence.clone(),
        mean_iou: (!found.is_empty()).then(|| found.iter().sum::<f64>() / found.len() as f64),
        queries,
        exclusive: count.exclusive.as_ref().map(exclusive_evaluation),
    }
}

fn query_evaluation(
    entry: &Entry,
    mapping: &LabelMapping,
    matrix: &ConfusionMatrix,
    label: &str,
) -> QueryEvaluation {
    let scores = matrix.class_scores(1);
    let negatives = matrix.pixels(0, 0) + matrix.pixels(0, 1);
    QueryEvaluation {
        query: entry.name.to_string(),
        is_labelled: mapping.is_labelled(),
        threshold: entry.threshold.get(),
        temperature: entry.temperature.get(),
        is_calibrated: entry.threshold_source != ThresholdSource::Default,
        is_chosen_here: is_chosen_on(entry, label),
        pixels: negatives + scores.true_pixels,
        positives: scores.true_pixels,
        iou: scores.iou,
        f1: scores.iou.map(|iou| 2.0 * iou / (1.0 + iou)),
        precision: scores.precision.filter(|_| scores.true_pixels > 0),
        recall: scores.recall,
        false_alarms: (negatives > 0).then(|| matrix.pixels(0, 1) as f64 / negatives as f64),
    }
}

/// Whether the threshold of `entry` was chosen on the set and split of `label`, as `dubai/val`.
fn is_chosen_on(entry: &Entry, label: &str) -> bool {
    match &entry.threshold_source {
        ThresholdSource::Default => false,
        ThresholdSource::Calibrated { set, .. } => set.split(", ").any(|part| part == label),
    }
}

fn exclusive_evaluation(count: &ExclusiveCount) -> ExclusiveEvaluation {
    let scores = count.matrix.scores();
    let classes = count.classes.iter().zip(&scores.classes);
    ExclusiveEvaluation {
        classes: classes
            .map(|(mapping, scores)| ClassEvaluation {
                query: mapping.name.to_string(),
                iou: scores.iou,
                precision: scores.precision,
                recall: scores.recall,
            })
            .collect(),
        mean_iou: scores.mean_iou,
        mean_accuracy: scores.mean_accuracy,
        pixel_accuracy: scores.pixel_accuracy,
        pixels: scores.pixels,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    #[test]
    fn a_threshold_chosen_on_these_images_is_marked() {
        let mut entry = fake::vocabulary(&["flood"]).entries()[0].clone();
        assert!(!is_chosen_on(&entry, "dubai/val"));
        entry.threshold_source =
            ThresholdSource::Calibrated { set: "flood_area/val, dubai/val".to_owned(), images: 3 };
        assert!(is_chosen_on(&entry, "dubai/val"));
        assert!(!is_chosen_on(&entry, "dubai/train") && !is_chosen_on(&entry, "ubai/val"));
    }
}
