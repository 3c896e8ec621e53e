//! `rszs-calibrate evaluate`: masks at the bundle's thresholds against labels.

pub mod baseline;
pub mod contact_sheet;
pub mod evaluation_report;
pub mod mask_count;

use rszs_bundle::{Entry, ThresholdSource};
use rszs_data::{DenseSet, Split};
use rszs_edge::queries::Words;
use rszs_metrics::ConfusionMatrix;

use crate::arguments::{EvaluateArguments, MeasureArguments, SplitChoice};
use crate::deployed::{Deployed, open_bundle};
use crate::error::Error;
use crate::evaluate::baseline::Baseline;
use crate::evaluate::contact_sheet::write_contact_sheets;
use crate::evaluate::evaluation_report::{
    ClassEvaluation, EvaluationReport, ExclusiveEvaluation, ImageEvaluation, PlaceEvaluation,
    QueryEvaluation, SetEvaluation,
};
use crate::evaluate::mask_count::{ExclusiveCount, ImageCount, MaskCount, count_masks};
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
        let engine = &mut started.engine;
        let count = count_masks(&set, &mappings, words, measure, pipeline, engine, step)?;
        if let Some(folder) = &arguments.contact_sheets {
            let words = Words::from(&*bundle);
            write_contact_sheets(
                folder,
                (&set, &mappings),
                &count,
                words,
                measure,
                pipeline,
                engine,
            )?;
        }
        let mut evaluation = evaluation(&set, measure.split, &mappings, &count, entries);
        if arguments.baseline {
            let stop = || if interrupt.is_raised() { Err(Error::Interrupted) } else { Ok(()) };
            add_baseline(&mut evaluation, &set, &mappings, measure, stop)?;
        }
        evaluated.push(evaluation);
    }
    let report = EvaluationReport { identity, sets: evaluated };
    output.results(&report.table(), &report)?;
    Ok(ExitStatus::Done)
}

/// The numbers of one set. `entries` are those of the vocabulary that `mappings` speak of.
pub fn evaluation(
    set: &DenseSet,
    split: SplitChoice,
    mappings: &[LabelMapping],
    count: &MaskCount,
    entries: &[Entry],
) -> SetEvaluation {
    let label = format!("{}/{}", set.name(), split.name());
    let mut queries: Vec<QueryEvaluation> = mappings
        .iter()
        .zip(&count.queries)
        .map(|(mapping, matrix)| query_evaluation(&entries[mapping.row], mapping, matrix, &label))
        .collect();
    for (number, query) in queries.iter_mut().enumerate() {
        query.places = by_place(set, split.split(), count, number);
        query.by_image = by_image(set, split.split(), count, number);
    }
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
        baseline_iou: None,
        places: Vec::new(),
        by_image: Vec::new(),
    }
}

/// What the number `query` reached at each place.
fn by_place(set: &DenseSet, split: Split, count: &MaskCount, query: usize) -> Vec<PlaceEvaluation> {
    let mut places = Vec::new();
    for (place, members) in set.places(split) {
        let shown = count.each.iter().filter(|image| members.contains(&image.index));
        let shown = shown.map(|image| &image.queries[query]).filter(|one| one.iou(1).is_some());
        let mut sum = ConfusionMatrix::new(2).expect("two classes");
        let mut images = 0;
        for matrix in shown {
            sum.merge(matrix).expect("two classes each");
            images += 1;
        }
        if let Some(iou) = sum.iou(1) {
            places.push(PlaceEvaluation { place: place.to_owned(), images, iou });
        }
    }
    places
}

/// What the number `query` reached on each image.
fn by_image(set: &DenseSet, split: Split, count: &MaskCount, query: usize) -> Vec<ImageEvaluation> {
    let ids: Vec<&str> = set.ids(split).collect();
    let image = |image: &ImageCount| {
        let iou = image.queries[query].iou(1)?;
        Some(ImageEvaluation { image: ids[image.index].to_owned(), iou })
    };
    count.each.iter().filter_map(image).collect()
}

/// Fits the classifier of colour and texture on the train part and measures it on the same images
/// as the bundle.
fn add_baseline(
    evaluation: &mut SetEvaluation,
    set: &DenseSet,
    mappings: &[LabelMapping],
    measure: &MeasureArguments,
    mut step: impl FnMut() -> Result<(), Error>,
) -> Result<(), Error> {
    let baseline = Baseline::fit(set, mappings, &mut step)?;
    let split = measure.split.split();
    let mut counts = vec![ConfusionMatrix::new(2).expect("two classes"); mappings.len()];
    for index in chosen(set, split, measure.limit) {
        let sample = set.sample(split, index)?;
        baseline.count(&sample, mappings, &mut counts)?;
        step()?;
    }
    for (number, (query, matrix)) in evaluation.queries.iter_mut().zip(&counts).enumerate() {
        query.baseline_iou = matrix.iou(1).filter(|_| baseline.has(number));
    }
    Ok(())
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
