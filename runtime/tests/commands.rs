//! `rszs-edge selftest` and `compare` as they are typed, on the default bundle and the embedded
//! engine.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::Command;

use image::{Rgb, RgbImage};
use rszs_bundle::{Bundle, BundleWriter, Precision, VerifyOptions};
use serde_json::Value;
use tempfile::TempDir;

fn bundle() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../bundles/nano").display().to_string()
}

/// Exit code, stdout, stderr.
fn edge(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_rszs-edge"))
        .args(arguments)
        .output()
        .expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
}

/// An image of one tile.
fn image(folder: &TempDir) -> String {
    let path = folder.path().join("image.png");
    RgbImage::from_fn(120, 90, |x, y| Rgb([(x * 2) as u8, (y * 2) as u8, 90])).save(&path).unwrap();
    path.display().to_string()
}

fn lines(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_self_test_says_how_far_an_engine_is_off() {
    let (code, stdout, stderr) =
        edge(&["selftest", "--bundle", &bundle(), "--engine", "embedded", "--json"]);
    assert_eq!(code, 0, "{stderr}");
    let [line] = &lines(&stdout)[..] else { panic!("{stdout}") };
    assert_eq!((&line["engine"], &line["passed"]), (&"embedded".into(), &true.into()));
    assert!(
        line["logits_difference"].as_f64() <= line["tolerance"].as_f64()
            && line["tolerance"].is_f64()
    );
}

#[test]
fn a_self_test_without_an_engine_that_passes_exits_with_4() {
    let library = ["--engine", "cpu", "--onnxruntime", "/dev/null"];
    let (code, stdout, _) = edge(&[&["selftest", "--bundle", &bundle()], &library[..]].concat());
    assert_eq!(code, 4);
    assert!(stdout.starts_with("cpu          no ") && stdout.contains("/dev/null"), "{stdout}");
}

#[test]
fn a_gpu_that_was_asked_for_is_never_replaced_by_the_processor() {
    let (code, stdout, stderr) = edge(&["selftest", "--bundle", &bundle(), "--engine", "cuda"]);
    // A machine of a developer's may have both, the provider and a GPU.
    if code != 0 {
        assert_eq!(code, 4, "{stderr}");
        let reasons = [
            "this ONNX Runtime has no CUDA provider (",
            "libcuda.so.1: ",
            "CUDA device 0: ",
            "no library of ONNX Runtime",
        ];
        assert!(
            reasons
                .iter()
                .any(|reason| stdout.starts_with(&format!("cuda         no      {reason}"))),
            "{stdout}"
        );
    }
    assert!(!stdout.contains("cpu"), "{stdout}");
}

#[test]
fn a_build_is_a_self_test_where_there_is_nothing_to_build() {
    let (code, stdout, stderr) =
        edge(&["build", "--bundle", &bundle(), "--engine", "embedded", "--json"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let [line] = &lines(&stdout)[..] else { panic!("{stdout}") };
    assert!(line["passed"] == true && line["plan_bytes"].is_null(), "{line}");
    let (code, ..) = edge(&["build", "--bundle", "nowhere"]);
    assert_eq!(code, 3);
}

#[test]
fn an_engine_agrees_with_itself_on_every_name_of_the_vocabulary() {
    let side = format!("{}@embedded", bundle());
    let folder = tempfile::tempdir().unwrap();
    let (code, stdout, stderr) =
        edge(&["compare", &side, &side, "--json", "--images", &image(&folder)]);
    assert_eq!(code, 0, "{stderr}");
    let lines = lines(&stdout);
    assert!(lines.iter().any(|line| line["query"] == "flood"));
    for line in &lines {
        assert_eq!(
            (line["iou"].as_f64(), line["logits_difference_max"].as_f64()),
            (Some(1.0), Some(0.0)),
            "{line}"
        );
    }
    assert!(
        stderr
            .lines()
            .next()
            .is_some_and(|line| line.starts_with("A ") && line.contains("embedded")),
        "{stderr}"
    );
}

#[test]
fn images_that_cannot_be_read_are_named_and_the_rest_is_compared() {
    let side = format!("{}@embedded", bundle());
    let folder = tempfile::tempdir().unwrap();
    let images = ["--queries", "flood", "--images", "missing.jpg", &image(&folder)];
    let (code, stdout, stderr) = edge(&[&["compare", &side, &side], &images[..]].concat());
    assert_eq!(code, 1);
    assert!(stderr.contains("missing.jpg: expected an image file"), "{stderr}");
    assert!(stdout.contains("mean IoU 100.00 % of 1 queries"), "{stdout}");
}

#[test]
fn the_doctor_names_machine_bundle_and_engines() {
    let (code, stdout, stderr) = edge(&["doctor", "--bundle", &bundle(), "--json"]);
    assert_eq!(code, 0, "{stderr}");
    let [findings] = &lines(&stdout)[..] else { panic!("{stdout}") };
    assert_eq!(findings["bundle"]["usable"]["name"], "nano");
    assert!(findings["machine"]["cores"].as_u64() > Some(0));
    let engines = findings["engines"].as_array().unwrap();
    assert!(
        engines.iter().any(|engine| engine["engine"] == "embedded" && engine["passed"] == true)
    );
}

#[test]
fn the_doctor_lists_half_precision_and_no_engine_on_a_processor_takes_it() {
    let shipped = Bundle::open(bundle().as_ref(), &VerifyOptions::default()).unwrap();
    assert!(!shipped.manifest().precisions().any(|precision| precision == Precision::Fp16));
    // What is in the file does not matter: it is not to be opened.
    let model = shipped.model_bytes(Precision::Fp32).unwrap().to_vec();
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("half");
    BundleWriter::from_bundle(shipped)
        .unwrap()
        .model(Precision::Fp16, model)
        .write(&target)
        .unwrap();

    let (code, stdout, stderr) =
        edge(&["doctor", "--bundle", &target.display().to_string(), "--json"]);
    assert_eq!(code, 0, "{stderr}");
    let [findings] = &lines(&stdout)[..] else { panic!("{stdout}") };
    let precisions = findings["bundle"]["usable"]["precisions"].as_array().unwrap();
    assert!(precisions.contains(&"fp16".into()), "{findings}");
    let engines = findings["engines"].as_array().unwrap();
    let passed: Vec<_> = engines.iter().filter(|engine| engine["passed"] == true).collect();
    assert!(
        !passed.is_empty() && passed.iter().all(|engine| engine["precision"] != "fp16"),
        "{findings}"
    );
}

#[test]
fn without_a_bundle_the_doctor_says_what_to_do() {
    let (code, stdout, _) = edge(&["doctor", "--bundle", "nowhere"]);
    assert_eq!(code, 3);
    assert!(
        stdout.contains("bundle     nowhere") && stdout.contains("to do      name a bundle"),
        "{stdout}"
    );
}

#[test]
fn what_is_no_side_is_a_usage_error() {
    let (code, _, stderr) = edge(&["compare", "@tensorflow", "@embedded"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("cuda, cpu, embedded"), "{stderr}");
}
