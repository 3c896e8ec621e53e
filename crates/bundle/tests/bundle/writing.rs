//! Replacing bundles, and what is left when that fails.

use crate::fixture::{Fixture, files_below, golden, manifest, vocabulary, writer};
use crate::onnx_bytes::good_model;
use rszs_bundle::{
    Bundle, BundleWriter, Calibration, CurvePoint, Precision, Threshold, VerifyOptions, WriteError,
};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Names directly in `folder`, hidden ones included.
fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().display().to_string())
        .collect();
    names.sort();
    names
}

#[test]
fn a_new_bundle_replaces_the_old_one_and_nothing_else_is_left() {
    let fixture = Fixture::new();
    let mut next = writer().model_card("# next\n");
    next.manifest_mut().counter = 8;
    let written = next.write(&fixture.path()).unwrap();
    assert_eq!(written.path(), fixture.path());
    assert_eq!(fixture.open().unwrap().model_card(), "# next\n");
    assert_eq!(names_in(fixture.path().parent().unwrap()), ["toy"]);
}

#[test]
fn an_empty_directory_is_a_place_for_a_bundle() {
    let folder = tempfile::tempdir().unwrap();
    writer().write(folder.path()).unwrap();
    assert!(Bundle::open(folder.path(), &VerifyOptions::default()).is_ok());
}

#[test]
fn a_link_to_a_bundle_stays_a_link() {
    let fixture = Fixture::new();
    let link = fixture.path().with_file_name("current");
    std::os::unix::fs::symlink("toy", &link).unwrap();
    writer().model_card("# next\n").write(&link).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fixture.open().unwrap().model_card(), "# next\n");
}

#[test]
fn what_is_not_a_bundle_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.txt"), b"years of work").unwrap();
    assert!(matches!(writer().write(folder.path()), Err(WriteError::NotABundle { .. })));
    assert!(matches!(
        writer().write(&folder.path().join("thesis.txt")),
        Err(WriteError::NotABundle { .. })
    ));
    assert_eq!(names_in(folder.path()), ["thesis.txt"]);
}

#[test]
fn a_newer_release_of_the_same_name_is_not_replaced_by_an_older_one() {
    let fixture = Fixture::new();
    let mut older = writer();
    older.manifest_mut().counter = 6;
    assert!(matches!(
        older.write(&fixture.path()),
        Err(WriteError::OlderThanTarget { expected: 7, found: 6, .. })
    ));
    let mut other = writer();
    other.manifest_mut().counter = 1;
    other.manifest_mut().name = "other".to_owned();
    assert!(other.write(&fixture.path()).is_ok());
}

#[test]
fn a_bundle_that_would_be_refused_is_not_put_in_place() {
    let fixture = Fixture::new();
    let before = fixture.open().unwrap().hash();
    let refused = writer().model(Precision::Fp16, b"no model".to_vec()).write(&fixture.path());
    assert!(matches!(refused, Err(WriteError::Refused(_))));
    assert_eq!(fixture.open().unwrap().hash(), before);
    assert_eq!(names_in(fixture.path().parent().unwrap()), ["toy"]);
}

#[test]
fn a_writer_without_all_files_says_which_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let error = BundleWriter::new(manifest()).write(&folder.path().join("toy")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "manifest: files: expected vocabulary.json among them, found none of that name"
    );
    assert!(names_in(folder.path()).is_empty());
}

#[test]
fn folders_around_the_target_are_made() {
    let folder = tempfile::tempdir().unwrap();
    writer().write(&folder.path().join("models/new/toy")).unwrap();
    assert_eq!(names_in(&folder.path().join("models/new")), ["toy"]);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"in the way").unwrap();
    let message = writer().write(&file.join("toy")).unwrap_err().to_string();
    let expected =
        format!("{}: expected to look at the target, found: ", file.join("toy").display());
    assert!(message.starts_with(&expected), "{message}");
}

#[test]
fn calibration_can_change_thresholds_and_add_a_model() {
    let fixture = Fixture::new();
    let mut rows = vocabulary().entries().to_vec();
    rows[0].threshold = Threshold::new(0.31).unwrap();
    rows[0].calibration = Some(calibration(&[0.25, 0.75]));
    let calibrated = vocabulary().with_entries(rows).unwrap();
    BundleWriter::from_bundle(fixture.open().unwrap())
        .unwrap()
        .vocabulary(&calibrated)
        .unwrap()
        .model(Precision::Int8, good_model())
        .model(Precision::Int8Fp16, good_model())
        .write(&fixture.path())
        .unwrap();
    let bundle = fixture.open().unwrap();
    assert_eq!(bundle.vocabulary(), &calibrated);
    assert_eq!(bundle.golden(), &golden());
    let precisions: Vec<_> = bundle.manifest().precisions().collect();
    assert_eq!(precisions, [Precision::Fp32, Precision::Int8, Precision::Int8Fp16]);
    assert!(fixture.path().join("model.int8-fp16.onnx").is_file());
    assert!(bundle.text_bytes().is_some());
}

/// What calibration measured, with a curve at these thresholds.
fn calibration(thresholds: &[f64]) -> Calibration {
    let point =
        |&threshold: &f64| CurvePoint { threshold, precision: threshold, recall: 1.0 - threshold };
    let curve = thresholds.iter().map(point).collect();
    Calibration {
        n_pixels: 9,
        iou: 0.5,
        f1: 0.6,
        set: "own/val".to_owned(),
        date: "2026-11-27".to_owned(),
        curve,
    }
}

#[test]
fn a_calibration_of_an_earlier_release_has_no_curve() {
    let json =
        r#"{ "n_pixels": 9, "iou": 0.5, "f1": 0.6, "set": "own/val", "date": "2026-11-27" }"#;
    assert_eq!(serde_json::from_str::<Calibration>(json).unwrap(), calibration(&[]));
}

#[test]
fn a_curve_that_is_none_is_refused() {
    let refused = |thresholds: &[f64]| {
        let mut rows = vocabulary().entries().to_vec();
        rows[0].calibration = Some(calibration(thresholds));
        vocabulary().with_entries(rows).unwrap_err().to_string()
    };
    let long: Vec<f64> = (0..33).map(|step| f64::from(step) / 40.0).collect();
    for thresholds in [&[0.5, 0.25][..], &[0.5, 0.5], &[1.5], &[f64::NAN], &long] {
        let message = refused(thresholds);
        let expected = "calibration.curve: expected at most 32 points of numbers in [0, 1], by \
            rising threshold";
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn calibration_cannot_change_names() {
    let mut rows = vocabulary().entries().to_vec();
    rows.swap(0, 1);
    let error = vocabulary().with_entries(rows).unwrap_err();
    assert_eq!(
        error.to_string(),
        "vocabulary row 0 (building): name: expected the name to stay, found flood water"
    );
}

#[test]
fn whoever_opens_while_bundles_are_exchanged_sees_one_of_them_whole() {
    let fixture = Fixture::new();
    let replace = |number: u32| {
        let text = format!("release {number}");
        let mut next = writer().model_card(text.clone());
        next.manifest_mut().provenance = text;
        next.write(&fixture.path()).expect("the bundle is replaced");
    };
    replace(0);
    let done = AtomicBool::new(false);
    let opened: u32 = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut opened = 0;
            while !done.load(Ordering::Relaxed) {
                let bundle = fixture.open().expect("never a mixture, never nothing");
                assert_eq!(bundle.manifest().provenance, bundle.model_card());
                opened += 1;
            }
            opened
        });
        (1..30).for_each(replace);
        done.store(true, Ordering::Relaxed);
        reader.join().expect("the reader saw only whole bundles")
    });
    assert!(opened > 0);
    assert_eq!(files_below(&fixture.path()).len(), 9);
}
