//! `rszs-bench` as it is typed, on one small image and the embedded engine.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use image::{Rgb, RgbImage};
use rszs_bench::report::Report;
use rszs_bench::stages::Percentiles;
use tempfile::TempDir;

fn bench(folder: &TempDir, more: &[&str]) -> Output {
    command(folder, more).output().unwrap()
}

fn command(folder: &TempDir, more: &[&str]) -> Command {
    let image = folder.path().join("image.png");
    RgbImage::from_fn(120, 90, |x, y| Rgb([(x * 2) as u8, (y * 2) as u8, 90]))
        .save(&image)
        .unwrap();
    let bundle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bundles/nano");
    let mut command = Command::new(env!("CARGO_BIN_EXE_rszs-bench"));
    command
        .arg(&image)
        .arg("--bundle")
        .arg(bundle)
        .args(["--engine", "embedded", "--frames", "10"])
        .args(more);
    command
}

fn path(folder: &TempDir, name: &str) -> (PathBuf, String) {
    let path = folder.path().join(name);
    let text = path.display().to_string();
    (path, text)
}

#[test]
fn a_report_has_every_stage_and_an_accuracy_beside_each_latency() {
    let folder = tempfile::tempdir().unwrap();
    let ((json, json_text), (csv, csv_text), (html, html_text)) =
        (path(&folder, "a.json"), path(&folder, "a.csv"), path(&folder, "a.html"));
    let files = ["--json", &json_text, "--csv", &csv_text, "--html", &html_text];
    let output =
        bench(&folder, &[&["--batch", "1,2", "--peak", "orin-nano-super"], &files[..]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let report = Report::read(&json).unwrap();
    let [first, second] = &report.configurations[..] else { panic!("{report:?}") };
    assert_eq!((first.configuration.batch, second.configuration.batch), (1, 2));
    assert!(first.accuracy.is_none(), "it is the reference");
    assert!(second.accuracy.unwrap().least_iou > 0.999, "{:?}", second.accuracy);
    assert!(first.allocations_per_frame > 0.0, "the program counts them");
    let roofline = report.roofline.as_ref().unwrap();
    assert!(
        roofline.predictions.iter().all(|prediction| prediction.measured_ms.is_none()),
        "{roofline:?}"
    );
    for measured in &report.configurations {
        let achieved = measured.achieved.as_ref().unwrap();
        let by_hand = roofline.cost.macs as f64 / (measured.stages.engine.mean_us / 1e6);
        assert!(
            (achieved.macs_per_s / by_hand - 1.0).abs() < 1e-6,
            "one tile a frame: {achieved:?}"
        );
        assert!(achieved.gemm_macs_per_s.unwrap() > 0.0, "{achieved:?}");
        assert_eq!(achieved.peak.as_ref().unwrap().device, "Orin Nano Super");
        assert_eq!((measured.frames, measured.tiles), (10, 10));
        let parts: f64 = measured.stages.in_order().iter().map(|(_, times)| times.mean_us).sum();
        let whole = measured.stages.whole.mean_us;
        assert!(
            parts <= whole * 1.01 && parts > 0.9 * whole,
            "stages of {parts} us in a whole of {whole}"
        );
    }
    let csv = fs::read_to_string(csv).unwrap();
    let columns: Vec<usize> = csv.lines().map(|line| line.split(',').count()).collect();
    assert_eq!(columns, [24; 3]);
    assert!(fs::read_to_string(html).unwrap().ends_with("</html>\n"));
    assert!(String::from_utf8_lossy(&output.stdout).contains("  engine "));
}

#[test]
fn a_card_is_asked_and_its_heat_does_not_count_for_the_processor() {
    let folder = tempfile::tempdir().unwrap();
    let library =
        std::env::current_exe().unwrap().with_file_name("../examples/libnvml_stand_in.so");
    let installed = folder.path().join("libnvidia-ml.so.1");
    fs::copy(&library, installed).unwrap_or_else(|error| {
        panic!("{}: {error} (run `cargo build -p rszs-bench --examples`)", library.display())
    });
    let (numbers, numbers_text) = path(&folder, "numbers");
    let card = "memory 1073741824\nmilliwatts 250500\nlimit 350000\nclock 1695\nmemory_clock \
        9751\ncelsius 71\nreasons 68\n";
    fs::write(numbers, card).unwrap();
    let ((json, json_text), (csv, csv_text)) = (path(&folder, "a.json"), path(&folder, "a.csv"));
    let mut command = command(&folder, &["--json", &json_text, "--csv", &csv_text]);
    let output = command
        .env("LD_LIBRARY_PATH", folder.path())
        .env("NVML_STAND_IN", numbers_text)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let measured = Report::read(&json).unwrap().configurations.remove(0);
    let accelerator = measured.accelerator;
    assert_eq!(
        (accelerator.peak_memory_bytes, accelerator.least_clock_mhz),
        (Some(1 << 30), Some(1695.0))
    );
    assert_eq!(
        (accelerator.after.celsius, accelerator.after.power_limit_w),
        (Some(71.0), Some(350.0))
    );
    assert_eq!(accelerator.before.memory_clock_mhz, Some(9751.0));
    // 0x4 and 0x40.
    assert_eq!(accelerator.clock_reasons.unwrap().to_string(), "sw_power_cap hw_thermal_slowdown");
    assert!(accelerator.energy_j.unwrap() > 0.0);
    assert_eq!(measured.invalid, None, "the embedded engine does not run on the card");
    assert!(accelerator.invalidated_by(true).is_some(), "what runs there is invalid");
    assert!(
        fs::read_to_string(csv)
            .unwrap()
            .ends_with(",1695,1695,71,sw_power_cap hw_thermal_slowdown\n")
    );
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        stdout.contains("GPU clock 1695 to 1695 MHz, at least 1695, 71 to 71 °C, up to 350 W"),
        "{stdout}"
    );
}

#[test]
fn what_became_slower_is_named_and_the_exit_status_tells() {
    let folder = tempfile::tempdir().unwrap();
    let (json, text) = path(&folder, "now.json");
    assert!(bench(&folder, &["--json", &text]).status.success());
    // A baseline of a machine ten times as fast, and one of another machine.
    let mut report = Report::read(&json).unwrap();
    let ten_times_as_fast = |times: &mut Percentiles| {
        times.p50_us /= 10.0;
        times.median_interval_us = times.median_interval_us.map(|us| us / 10.0);
    };
    ten_times_as_fast(&mut report.configurations[0].stages.whole);
    let (fast, fast_text) = path(&folder, "fast.json");
    fs::write(fast, report.to_json()).unwrap();
    let output = bench(&folder, &["--baseline", &fast_text]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("SLOWER"));

    // The same times mean nothing on other images or another machine.
    let mut other_images = report.clone();
    other_images.images.push("another.png".to_owned());
    report.machine.processor = "another".to_owned();
    let mut other_batch = report.clone();
    other_batch.machine = Report::read(&json).unwrap().machine;
    other_batch.configurations.iter_mut().for_each(|one| one.configuration.batch += 1);
    for (name, report, expected) in [
        ("images.json", other_images, "images.json: expected a report on the same images"),
        ("machine.json", report, "machine.json: expected a report of this machine"),
        (
            "batch.json",
            other_batch,
            "batch.json: expected a report with a valid configuration in common",
        ),
    ] {
        let (other, other_text) = path(&folder, name);
        fs::write(other, report.to_json()).unwrap();
        let output = bench(&folder, &["--baseline", &other_text]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains(expected), "{name}: {stderr}");
    }
}

#[test]
fn a_baseline_that_is_no_report_is_refused_before_anything_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let (file, text) = path(&folder, "baseline.json");
    fs::write(file, "{}").unwrap();
    let output = bench(&folder, &["--baseline", &text]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("baseline.json: expected a report of rszs-bench --json"), "{stderr}");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_report_of_an_earlier_release_is_a_baseline_still() {
    let folder = tempfile::tempdir().unwrap();
    let (json, text) = path(&folder, "now.json");
    assert!(bench(&folder, &["--json", &text]).status.success());
    let mut report: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    assert!(report.as_object_mut().unwrap().remove("roofline").is_some());
    let configuration = report["configurations"][0].as_object_mut().unwrap();
    assert!(
        configuration.remove("achieved").is_some() && configuration.remove("accelerator").is_some()
    );
    fs::write(&json, report.to_string()).unwrap();
    assert!(Report::read(&json).unwrap().configurations[0].achieved.is_none());
}

#[test]
fn predictions_measure_nothing_and_need_no_bundle() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rszs-bench"));
    let output = command.args(["--predict", "nano,b16", "--bundle", "/nowhere"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.matches("| RTX 3090 | fp16 |").count(), 2, "{text}");
}
