//! The program from outside: exit codes and one-line errors everywhere; whole runs with the default
//! bundle, where it is.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests; the lint knows functions marked as such alone"
)]

mod support;

use std::path::Path;
use std::process::{Command, Output};

use rszs_bundle::{Bundle, ThresholdSource, VerifyOptions};
use rszs_data::{IndexMask, fixtures};
use support::default_bundle;

fn run(command: &str, bundle: &Path, data: &Path, more: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_rszs-calibrate"));
    program
        .arg(command)
        .arg("--bundle")
        .arg(bundle)
        .arg("--data")
        .arg(data)
        .args(more)
        .output()
        .unwrap()
}

/// Exit code and the one line of the error.
fn error(output: &Output) -> (i32, String) {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(output.stdout.is_empty());
    (output.status.code().unwrap(), text)
}

#[test]
fn a_missing_bundle_is_refused_with_3() {
    let folder = tempfile::tempdir().unwrap();
    fixtures::flood_area(folder.path()).unwrap();
    let (code, text) = error(&run("evaluate", &folder.path().join("nowhere"), folder.path(), &[]));
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("nowhere: expected a bundle directory"), "{text}");
}

#[test]
fn an_unknown_set_and_a_folder_without_sets_are_usage_errors() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("nowhere");
    let (code, text) = error(&run("thresholds", &bundle, folder.path(), &["--set", "mars"]));
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("mars") && text.contains("flood_area"), "{text}");
    let (code, text) = error(&run("thresholds", &bundle, folder.path(), &[]));
    assert_eq!(code, 2, "{text}");
}

#[test]
fn a_set_that_is_not_there_is_refused_with_5() {
    let folder = tempfile::tempdir().unwrap();
    let (code, text) =
        error(&run("evaluate", &folder.path().join("b"), folder.path(), &["--set", "dubai"]));
    assert_eq!(code, 5, "{text}");
    assert!(text.contains("dubai"), "{text}");
}

#[test]
fn thresholds_are_written_as_the_next_release_and_evaluated_as_such() {
    let nano = default_bundle();
    let folder = tempfile::tempdir().unwrap();
    fixtures::dubai(folder.path()).unwrap();
    let calibrated = folder.path().join("calibrated");
    let common = ["--set", "dubai", "--engine", "embedded"];
    let options = [&common[..], &["--json", "--output", calibrated.to_str().unwrap()]].concat();
    let output = run("thresholds", &nano, folder.path(), &options);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();

    let [before, after] =
        [&nano, &calibrated].map(|path| Bundle::open(path, &VerifyOptions::default()).unwrap());
    assert_eq!(after.manifest().counter, before.manifest().counter + 1);
    assert_eq!(report["written"]["sha256"], after.hash().to_string());
    let query = &report["queries"][0];
    let entry = after.vocabulary().resolve(query["name"].as_str().unwrap()).unwrap().entry;
    let source = ThresholdSource::Calibrated { set: "dubai/val".to_owned(), images: 1 };
    assert_eq!(entry.threshold_source, source);
    assert!(
        (f64::from(entry.threshold.get()) - query["after"]["threshold"].as_f64().unwrap()).abs()
            < 1e-6
    );

    let output = run("evaluate", &calibrated, folder.path(), &[&common[..], &["--json"]].concat());
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let queries = report["sets"][0]["queries"].as_array().unwrap();
    assert!(
        queries
            .iter()
            .filter(|query| query["is_labelled"] == true)
            .all(|query| query["is_chosen_here"] == true)
    );
    // The labelled queries were calibrated anew, on the other split; whatever the default bundle
    // brought for others stays.
    let elsewhere = ["--split", "train", "--limit", "1"];
    let output = run(
        "evaluate",
        &calibrated,
        folder.path(),
        &[&common[..], &elsewhere, &["--json"]].concat(),
    );
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let queries = report["sets"][0]["queries"].as_array().unwrap();
    assert!(
        queries
            .iter()
            .filter(|query| query["is_labelled"] == true)
            .all(|query| query["is_chosen_here"] == false)
    );
    let sheets = folder.path().join("sheets");
    let more = ["--baseline", "--contact-sheets", sheets.to_str().unwrap()];
    let output =
        run("evaluate", &calibrated, folder.path(), &[&common[..], &elsewhere, &more].concat());
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("| set ") && table.contains("mean of 5"), "{table}");
    assert!(table.contains("baseline %"), "{table}");
    let sheet = image::open(sheets.join("dubai-building.png")).unwrap();
    assert!(sheet.width() > sheet.height(), "one image: {}x{}", sheet.width(), sheet.height());
}

#[test]
fn ruled_out_pixels_count_for_the_words_that_were_named_alone() {
    let nano = default_bundle();
    let folder = tempfile::tempdir().unwrap();
    fixtures::dubai(folder.path()).unwrap();
    fixtures::flood_area(folder.path()).unwrap();
    let pixels = |options: &[&str]| -> serde_json::Value {
        let common = [
            "--set",
            "dubai,flood_area",
            "--engine",
            "embedded",
            "--limit",
            "1",
            "--dry-run",
            "--json",
        ];
        let output = run("thresholds", &nano, folder.path(), &[&common[..], options].concat());
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let queries = report["queries"].as_array().unwrap().iter();
        queries
            .map(|query| (query["name"].as_str().unwrap().to_owned(), query["pixels"].clone()))
            .collect()
    };
    let (without, with) = (pixels(&[]), pixels(&["--with-ruled-out", "flood"]));
    assert!(with["flood"].as_u64() > without["flood"].as_u64(), "Dubai's pixels: {without} {with}");
    assert_eq!(with["building"], without["building"]);

    let output = run("thresholds", &nano, folder.path(), &["--with-ruled-out", "lava"]);
    let (code, text) = error(&output);
    assert_eq!(code, 2, "{text}");
    assert!(
        text.contains("--with-ruled-out: expected words of the bundle, ")
            && text.contains("found lava"),
        "{text}"
    );
}

#[test]
fn a_damaged_mask_stops_the_run_with_5_and_writes_nothing() {
    let nano = default_bundle();
    let folder = tempfile::tempdir().unwrap();
    let set = fixtures::flood_area(folder.path()).unwrap();
    IndexMask::filled(5, 7, 0).write_png(&set.join("masks/008.png")).unwrap();
    let calibrated = folder.path().join("calibrated");
    let output =
        run("thresholds", &nano, folder.path(), &["--output", calibrated.to_str().unwrap()]);
    let (code, text) = error(&output);
    assert_eq!(code, 5, "{text}");
    assert!(text.contains("008.png") && !calibrated.exists(), "{text}");
}
