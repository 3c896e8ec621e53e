//! INT8 of the default bundle from end to end: the file it becomes, the bundle it is put into, the
//! engines that run it.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests; the lint knows functions marked as such alone"
)]

mod support;

use std::path::Path;
use std::process::{Command, ExitCode, Output};

use rszs_bundle::{Bundle, Precision, VerifyOptions};
use rszs_data::{IndexMask, RgbImage, fixtures};
use rszs_engine::{EngineKind, EngineOptions, OnnxRuntimeSession, start};
use rszs_export::golden::tiles;
use rszs_tests::harness::{self, Need};
use rszs_tests::tests;
use support::default_bundle;

fn a_bundle_with_int8_runs_it_in_onnx_runtime_and_fp32_in_the_embedded_engine() {
    let nano = default_bundle();
    let bundle = Bundle::open(&nano, &VerifyOptions::default()).unwrap();
    let [fp32, int8] =
        [Precision::Fp32, Precision::Int8].map(|one| bundle.model_bytes(one).unwrap().len());
    assert!(int8 * 2 < fp32, "{int8} of {fp32} bytes");

    let options =
        |kind, precision| EngineOptions { kind: Some(kind), precision, ..EngineOptions::default() };
    let started = start(&bundle, &options(EngineKind::Embedded, None)).unwrap();
    assert_eq!(started.precision, Precision::Fp32);
    let refused =
        start(&bundle, &options(EngineKind::Embedded, Some(Precision::Int8))).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("expected a model file of precision fp32, found --precision int8"),
        "{refused}"
    );
    let [auto, typed] = [None, Some(Precision::Fp32)]
        .map(|precision| start(&bundle, &options(EngineKind::Cpu, precision)).unwrap());
    assert_eq!((auto.precision, typed.precision), (Precision::Int8, Precision::Fp32));
    assert!(auto.deviation.logits > typed.deviation.logits, "8-bit steps leave a trace");
}

fn int8(bundle: &Path, data: &Path, more: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_rszs-calibrate"));
    program
        .args(["int8", "--bundle"])
        .arg(bundle)
        .arg("--data")
        .arg(data)
        .args(more)
        .output()
        .unwrap()
}

/// A set of the golden tiles: ranges of other images would clip them, and the file would rightly
/// fail the self-test.
fn golden_tiles(root: &Path, side: usize) {
    std::fs::create_dir_all(root.join("images")).unwrap();
    std::fs::create_dir_all(root.join("masks")).unwrap();
    let bytes: Vec<u8> = tiles(side).values.iter().map(|&value| value as u8).collect();
    let ids = (0..side * side).map(|pixel| u8::from(pixel % side < side / 2)).collect();
    let mask = IndexMask { width: side, height: side, ids };
    let images = bytes.chunks_exact(side * side * 3);
    for (name, pixels) in ["train_1", "train_2", "val"].iter().zip(images.cycle()) {
        let image = RgbImage { width: side, height: side, pixels: pixels.to_vec() };
        image.write_png(&root.join(format!("images/{name}.png"))).unwrap();
        mask.write_png(&root.join(format!("masks/{name}.png"))).unwrap();
    }
    std::fs::write(root.join("classes.txt"), "0 -\n1 building\n").unwrap();
    std::fs::write(root.join("val.txt"), "val\n").unwrap();
}

fn int8_is_written_exactly_when_the_verdict_says_so() {
    let nano = default_bundle();
    let before = Bundle::open(&nano, &VerifyOptions::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    golden_tiles(&folder.path().join("own"), before.golden().shape.tile_px);
    let target = folder.path().join("int8");
    let options = [
        "--set",
        "own",
        "--tiles",
        "2",
        "--float-share",
        "0",
        "--tensorrt-unmeasured",
        "--json",
        "--output",
    ];
    let output = int8(&nano, folder.path(), &[&options[..], &[target.to_str().unwrap()]].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{stderr}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let is_worth_it = report["verdict"] == "worth_it";
    assert_eq!(output.status.code(), Some(i32::from(!is_worth_it)), "{report}");
    assert!(report["quantized"]["products"].as_u64().unwrap() > 50, "{report}");
    assert_eq!(report["engine"]["precision"], "fp32");
    let tensorrt = &report["tensorrt"];
    // Nothing here tells how fast it is: it was asked for, and its masks decide, if the golden set
    // does not.
    let is_as_good = tensorrt["verdict"] == "unmeasured";
    if report["verdict"] == "off_the_golden_set" {
        assert!(tensorrt.is_null(), "{tensorrt}");
    } else if tensorrt["verdict"] == "off_the_golden_set" {
        assert!(tensorrt["found"].as_f64() > tensorrt["allowed"].as_f64(), "{tensorrt}");
    } else {
        for engine in ["oracle", "onnx_runtime"] {
            let [found, allowed] =
                ["difference", "tolerance"].map(|key| tensorrt[engine][key].as_f64().unwrap());
            assert!(0.0 < found && found < allowed, "{tensorrt}");
        }
        assert!(is_as_good || tensorrt["verdict"] == "too_far_off", "{tensorrt}");
    }
    assert_eq!(report["written"].is_object(), is_worth_it || is_as_good, "{report}");
    assert_eq!(target.is_dir(), is_worth_it || is_as_good, "{report}");
    if target.is_dir() {
        let after = Bundle::open(&target, &VerifyOptions::default()).unwrap();
        assert_eq!(after.manifest().counter, before.manifest().counter + 1);
        let has = |precision| after.manifest().precisions().any(|found| found == precision);
        assert!(has(Precision::Fp32));
        // The shipped bundle has an INT8 file already, which stays where the new one is not worth
        // it.
        let stays = after.model_bytes(Precision::Int8) == before.model_bytes(Precision::Int8);
        assert_eq!((stays, has(Precision::Int8Fp16)), (!is_worth_it, is_as_good));
    }
}

/// A set of images of one dark colour: what is observed on them is far from what any other
/// image makes.
fn darkness(root: &Path, side: usize) {
    golden_tiles(root, side);
    for name in ["train_1", "train_2"] {
        let image = RgbImage { width: side, height: side, pixels: vec![2; side * side * 3] };
        image.write_png(&root.join(format!("images/{name}.png"))).unwrap();
    }
}

fn a_file_off_the_golden_set_ends_in_a_report_with_a_verdict() {
    let nano = default_bundle();
    let before = Bundle::open(&nano, &VerifyOptions::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    darkness(&folder.path().join("own"), before.golden().shape.tile_px);
    let target = folder.path().join("int8");
    let options = [
        "--set",
        "own",
        "--tiles",
        "2",
        "--float-share",
        "0",
        "--json",
        "--output",
        target.to_str().unwrap(),
    ];
    let output = int8(&nano, folder.path(), &options);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("measured (--engine cpu)"), "a GPU would be asked otherwise: {stderr}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["verdict"], "off_the_golden_set", "{report}");
    assert!(report["found"].as_f64().unwrap() > report["allowed"].as_f64().unwrap(), "{report}");
    assert!(
        report["quantized"]["noise"].as_f64().unwrap() > 0.0 && report.get("comparison").is_none(),
        "{report}"
    );
    assert!(report["written"].is_null() && !target.exists());
}

fn the_embedded_engine_cannot_calibrate_int8_and_says_what_can() {
    let nano = default_bundle();
    let folder = tempfile::tempdir().unwrap();
    fixtures::dubai(folder.path()).unwrap();
    let output = int8(&nano, folder.path(), &["--set", "dubai", "--engine", "embedded"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4), "{text}");
    assert!(text.contains("expected ONNX Runtime") && text.contains("found embedded"), "{text}");
}

fn a_set_without_training_images_gives_nothing_to_observe() {
    let nano = default_bundle();
    let folder = tempfile::tempdir().unwrap();
    let own = fixtures::folder(folder.path()).unwrap();
    let names = std::fs::read_dir(own.join("images")).unwrap().map(|entry| entry.unwrap().path());
    let names: Vec<String> =
        names.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    std::fs::write(own.join("val.txt"), names.join("\n")).unwrap();
    let output = int8(&nano, folder.path(), &["--set", "own_set"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("expected training images to observe ranges on, found none in own_set"),
        "{text}"
    );
}

fn main() -> ExitCode {
    let missing = OnnxRuntimeSession::find(None).err();
    let need = Need::unless(missing.map(|error| format!("{error} (cargo xtask setup)")));
    let mut all = tests![
        need;
        a_bundle_with_int8_runs_it_in_onnx_runtime_and_fp32_in_the_embedded_engine,
        int8_is_written_exactly_when_the_verdict_says_so,
        a_file_off_the_golden_set_ends_in_a_report_with_a_verdict,
        a_set_without_training_images_gives_nothing_to_observe,
    ];
    all.extend(
        tests![Need::nothing(); the_embedded_engine_cannot_calibrate_int8_and_says_what_can],
    );
    harness::run(all)
}
