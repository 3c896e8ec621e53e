//! Thresholds against the masks of the runtime's own code.

use clap::Parser;
use rszs_engine::{EngineError, TileBatch, TileEngine, TileScores};
use tempfile::TempDir;

use super::*;
use crate::arguments::{Arguments, Command};
use crate::deployed::pipeline::Pipeline;
use crate::evaluate::mask_count::{MaskCount, count_masks};
use crate::fake::{self, ColourEngine};
use crate::thresholds::score_count::ScoreCount;
use rszs_data::Split;

fn arguments(more: &str) -> ThresholdArguments {
    let line = format!("rszs-calibrate thresholds --bundle b --data d {more}");
    let Command::Thresholds(arguments) = Arguments::parse_from(line.split_whitespace()).command
    else {
        panic!()
    };
    arguments
}

fn measured(
    set: &DenseSet,
    vocabulary: &Vocabulary,
    arguments: &ThresholdArguments,
) -> MeasuredSet {
    let mappings = counted(set.classes(), vocabulary, &[]);
    let mut pipeline = Pipeline::new(fake::LAYOUT, 2);
    let (words, measure) = (fake::words(vocabulary), &arguments.measure);
    let images: Vec<usize> = (0..set.len(Split::Val)).collect();
    let engine = &mut ColourEngine;
    let count =
        count_scores((set, &images), &mappings, words, measure, &mut pipeline, engine, || Ok(()))
            .unwrap();
    MeasuredSet { label: format!("{}/val", set.name()), place: None, mappings, count }
}

fn masks(set: &DenseSet, vocabulary: &Vocabulary) -> MaskCount {
    let mappings = counted(set.classes(), vocabulary, &[]);
    let mut pipeline = Pipeline::new(fake::LAYOUT, 3);
    let (words, arguments) = (fake::words(vocabulary), arguments(""));
    count_masks(set, &mappings, words, &arguments.measure, &mut pipeline, &mut ColourEngine, || {
        Ok(())
    })
    .unwrap()
}

fn with_threshold(vocabulary: &Vocabulary, threshold: f32) -> Vocabulary {
    let mut entries = vocabulary.entries().to_vec();
    for entry in &mut entries {
        entry.threshold = Threshold::new(threshold).unwrap();
    }
    vocabulary.clone().with_entries(entries).unwrap()
}

fn example() -> (TempDir, DenseSet, Vocabulary) {
    let folder = tempfile::tempdir().unwrap();
    let set = fake::set(folder.path(), 1);
    (folder, set, fake::vocabulary(&["flood", "building", "lava"]))
}

/// Scores are read as bytes; the few pixels that lie between two of them may fall on either side.
const READING: f64 = 0.005;

#[test]
fn the_runtime_s_masks_at_the_new_thresholds_have_the_recorded_iou_and_no_other_does_better() {
    let (_folder, set, vocabulary) = example();
    let arguments = arguments("");
    let mut entries = vocabulary.entries().to_vec();
    let (done, left) = calibrate(
        &mut entries,
        &[measured(&set, &vocabulary, &arguments)],
        &arguments,
        "2026-08-22",
    )
    .unwrap();
    assert_eq!((done.len(), left.len()), (2, 0));
    let calibrated = vocabulary.clone().with_entries(entries.clone()).unwrap();
    let found = masks(&set, &calibrated);
    for (query, entry) in entries[..2].iter().enumerate() {
        let iou = found.queries[query].iou(1).unwrap();
        let recorded = entry.calibration.as_ref().unwrap().iou;
        assert!(
            (iou - recorded).abs() < READING,
            "{}: {iou} is recorded as {recorded}",
            entry.name
        );
        assert!(iou > done[query].before.iou + READING, "{}: nothing was won", entry.name);
    }
    for step in 1..40 {
        let other = masks(&set, &with_threshold(&vocabulary, step as f32 / 40.0));
        for query in 0..2 {
            let (iou, best) =
                (other.queries[query].iou(1).unwrap(), found.queries[query].iou(1).unwrap());
            assert!(
                iou <= best + READING,
                "query {query}: {iou} at {step}/40 is better than {best}"
            );
        }
    }
}

#[test]
fn a_temperature_leaves_the_masks_as_they_are_and_lowers_the_calibration_error() {
    let (_folder, set, vocabulary) = example();
    let mut results = Vec::new();
    for options in ["", "--keep-temperature"] {
        let arguments = arguments(options);
        let mut entries = vocabulary.entries().to_vec();
        let sets = [measured(&set, &vocabulary, &arguments)];
        let (done, _) = calibrate(&mut entries, &sets, &arguments, "2026-08-22").unwrap();
        let found = masks(&set, &vocabulary.clone().with_entries(entries).unwrap());
        results.push((done[0].after, found.queries[0].iou(1).unwrap()));
    }
    let [(fitted, iou), (kept, kept_iou)] = results[..] else { panic!() };
    assert!((iou - kept_iou).abs() < READING, "{iou} and {kept_iou}");
    assert!((kept.temperature - 1.0).abs() < 1e-6 && (fitted.temperature - 1.0).abs() > 0.05);
    assert!(fitted.negative_log_likelihood < kept.negative_log_likelihood);
}

#[test]
fn every_labelled_pixel_is_counted_once_and_no_other() {
    let (_folder, set, vocabulary) = example();
    let measured = measured(&set, &vocabulary, &arguments(""));
    // 4 images of 40 by 28, whose first column is not labelled
    assert!(
        measured.count.histograms[0]
            .iter()
            .all(|histogram| crate::thresholds::pooled_histogram::pixels(histogram) == 4 * 39 * 28)
    );
    assert_eq!(measured.count.images, 4);
}

#[test]
fn where_it_comes_from_is_recorded_and_unlabelled_queries_stay_as_they_are() {
    let (folder, set, vocabulary) = example();
    let other = fake::set(folder.path(), 2);
    let arguments = arguments("");
    let sets = [&set, &other].map(|set| measured(set, &vocabulary, &arguments));
    let mut entries = vocabulary.entries().to_vec();
    calibrate(&mut entries, &sets, &arguments, "2026-08-22").unwrap();
    let label = "own_1/val, own_2/val".to_owned();
    assert_eq!(
        entries[0].threshold_source,
        ThresholdSource::Calibrated { set: label.clone(), images: 8 }
    );
    let calibration = entries[0].calibration.as_ref().unwrap();
    assert_eq!((calibration.n_pixels, calibration.set.as_str()), (8 * 39 * 28, label.as_str()));
    assert_eq!(calibration.date, "2026-08-22");
    let curve = &calibration.curve;
    assert_eq!((curve.len(), curve[0].threshold, curve[18].threshold), (19, 0.05, 0.95));
    assert!(
        curve.is_sorted_by(|a, b| a.recall >= b.recall) && curve[0].recall > curve[18].recall,
        "{curve:?}"
    );
    assert_eq!(entries[2], vocabulary.entries()[2]);
}

#[test]
fn a_precision_that_cannot_be_had_leaves_the_query_and_says_so() {
    let (_folder, set, vocabulary) = example();
    let mut measured = measured(&set, &vocabulary, &arguments(""));
    // every score contradicts its label
    let MeasuredSet { mappings, count, .. } = &mut measured;
    for (mapping, histogram) in count.histograms.iter_mut().flat_map(|one| mappings.iter().zip(one))
    {
        let mut wrong = rszs_metrics::ScoreHistogram::new(rszs_metrics::HistogramResolution::Fine);
        wrong.add(&[1, 0, 0], &[0.2, 0.8, 0.8]).unwrap();
        assert!(mapping.is_labelled());
        *histogram = wrong;
    }
    let mut entries = vocabulary.entries().to_vec();
    let (done, left) =
        calibrate(&mut entries, &[measured], &arguments("--target precision=0.9"), "2026-08-22")
            .unwrap();
    assert_eq!((done.len(), left.len()), (0, 2));
    assert!(left[0].reason.contains("0.9, found at most 0.333"), "{}", left[0].reason);
    assert_eq!(entries, vocabulary.entries());
}

/// Says that a tile shows nothing where it is blue.
struct PresentUnlessBlue;

impl TileEngine for PresentUnlessBlue {
    fn run(&mut self, batch: TileBatch<'_>, scores: TileScores<'_>) -> Result<(), EngineError> {
        let pixels = batch.tile_px * batch.tile_px;
        let TileScores { logits, presence } = scores;
        ColourEngine.run(batch, TileScores { logits, presence })?;
        for (tile, presence) in
            batch.tiles.chunks_exact(pixels * 3).zip(presence.chunks_exact_mut(batch.rows))
        {
            let blue: usize = tile.iter().skip(2).step_by(3).map(|&blue| usize::from(blue)).sum();
            presence.fill(if blue > 100 * pixels { 0.45 } else { 0.75 });
        }
        Ok(())
    }
}

#[test]
fn a_presence_threshold_keeps_dry_places_out_and_lets_the_threshold_fall() {
    let (folder, set, vocabulary) = example();
    let dry = fake::dry_set(folder.path());
    let arguments = arguments("--false-area 1 --weighting sets");
    let measure = |set: &DenseSet, engine: &mut PresentUnlessBlue| {
        let mappings = counted(set.classes(), &vocabulary, &[0]);
        let mut pipeline = Pipeline::new(fake::LAYOUT, 2);
        let words = fake::words(&vocabulary);
        let (images, measure): (Vec<usize>, _) =
            ((0..set.len(Split::Val)).collect(), &arguments.measure);
        let count =
            count_scores((set, &images), &mappings, words, measure, &mut pipeline, engine, || {
                Ok(())
            })
            .unwrap();
        MeasuredSet { label: set.name().to_owned(), place: None, mappings, count }
    };
    let both = [&set, &dry].map(|set| measure(set, &mut PresentUnlessBlue));
    let mut entries = vocabulary.entries().to_vec();
    calibrate(&mut entries, &both, &arguments, "2026-08-22").unwrap();
    // The least candidate above 0.45 does all there is to do.
    assert_eq!(entries[0].presence_threshold.map(PresenceThreshold::get), Some(0.5));
    let mut alone = vocabulary.entries().to_vec();
    calibrate(&mut alone, &both[..1], &arguments, "2026-08-22").unwrap();
    assert_eq!(alone[0].presence_threshold, None, "nothing to win without dry places");
    assert!(
        (entries[0].threshold.get() - alone[0].threshold.get()).abs() < 0.05,
        "dry places do not raise it any more"
    );

    let calibrated = vocabulary.clone().with_entries(entries).unwrap();
    let mappings = counted(dry.classes(), &calibrated, &[0]);
    let mut pipeline = Pipeline::new(fake::LAYOUT, 3);
    let (words, engine) = (fake::words(&calibrated), &mut PresentUnlessBlue);
    let found =
        count_masks(&dry, &mappings, words, &arguments.measure, &mut pipeline, engine, || Ok(()))
            .unwrap();
    assert_eq!(found.queries[0].pixels(0, 1), 0, "the runtime's masks of dry places are empty");
}

/// Three places of 200 pixels: one shows the query, one is known to show none of it, one shows it
/// where scores are lower.
fn three_places(vocabulary: &Vocabulary) -> Vec<MeasuredSet> {
    let part = |place: &str, positives: &[f32], negatives: &[f32]| {
        let truth = [vec![1; positives.len()], vec![0; negatives.len()]].concat();
        let mut histogram =
            rszs_metrics::ScoreHistogram::new(rszs_metrics::HistogramResolution::Fine);
        histogram.add(&truth, &[positives, negatives].concat()).unwrap();
        let mappings = counted(&rszs_data::sets::flood_area::classes(), vocabulary, &[]);
        let histograms = vec![vec![histogram]; CANDIDATES.len()];
        let count = ScoreCount { images: 1, histograms };
        MeasuredSet {
            label: "set/train".to_owned(),
            place: Some(place.to_owned()),
            mappings,
            count,
        }
    };
    vec![
        part("wet", &[0.8; 100], &[0.1; 100]),
        part("dry", &[], &[[0.1_f32; 198].as_slice(), &[0.6; 2]].concat()),
        part("misty", &[0.5; 100], &[0.2; 100]),
    ]
}

#[test]
fn no_set_has_more_false_area_where_it_shows_none_than_was_allowed() {
    let vocabulary = fake::vocabulary(&["flood"]);
    let places = three_places(&vocabulary);
    let threshold = |false_area: &str| {
        let mut entries = vocabulary.entries().to_vec();
        let arguments = arguments(&format!("--keep-temperature --false-area {false_area}"));
        let (done, _) = calibrate(&mut entries, &places, &arguments, "2026-11-30").unwrap();
        (entries[0].threshold.get(), done[0].left_out.clone())
    };
    let (free, left_out) = threshold("1");
    let (strict, _) = threshold("0.005");
    // A hundredth of the dry place scores 0.6: flat scores rise with scores.
    assert!(free < 0.5 && strict > 0.5, "{free} {strict}");
    let names: Vec<&str> = left_out.iter().map(|place| place.set.as_str()).collect();
    assert_eq!(names, ["set/train wet", "set/train misty"]);
    assert!(left_out[0].iou > Some(0.99) && left_out[1].best_iou > Some(0.99));
}
