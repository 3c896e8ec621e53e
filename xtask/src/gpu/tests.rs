//! The whole chore on made-up programs: scripts that succeed, fail, hang and print nonsense.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use tempfile::TempDir;

use super::*;

const CARD: &str = "CUDA device 0: NVIDIA Made-Up 1, compute capability 8.6, 24.0 GiB, driver 13.0";
const QUERY: &str =
    r#"{"query":"flood","agreement":0.999,"iou":0.98,"logits_difference_p99":0.01}"#;
const BENCH: &str = r#"{"configurations":[{
    "configuration":{"engine":"cuda","precision":"fp16","batch":1},
    "achieved":{"tile_ms":2.0},"stages":{"whole":{"p50_us":3000}},"invalid":null}]}"#;

/// A folder with programs, a script each.
fn programs(scripts: &[(&str, String)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, script) in scripts {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::create_dir_all(folder.path().join("bundles/nano")).unwrap();
    fs::write(folder.path().join("commit"), "abc123\n").unwrap();
    folder
}

/// What `doctor` prints of a device, or of none.
fn doctor(device: &str) -> String {
    format!(
        r#"{{"device":{device},"machine":{{"nvidia_driver":"580.1"}},"bundle":{{"usable":{{"precisions":["fp32"]}}}}}}"#
    )
}

/// The summary of a run with these programs, the name of its folder, and the error it ended with.
fn run_with(scripts: &[(&str, String)], minutes: f64) -> (Value, String, Option<String>, String) {
    let (programs, output) = (programs(scripts), tempfile::tempdir().unwrap());
    let arguments = GpuArguments {
        output: Some(output.path().to_owned()),
        programs: Some(programs.path().to_owned()),
        bundle: None,
        images: vec![],
        minutes,
        python: "/nowhere/python3".into(),
    };
    let error = run(&arguments, Path::new("/nowhere")).err().map(|error| error.to_string());
    let folder = fs::read_dir(output.path()).unwrap().next().unwrap().unwrap();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let summary = serde_json::from_str(&read("summary.json")).unwrap();
    (summary, folder.file_name().into_string().unwrap(), error, read("summary.md"))
}

fn step<'a>(summary: &'a Value, name: &str) -> &'a Value {
    let steps = summary["steps"].as_array().unwrap();
    steps.iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("{name} in {steps:?}"))
}

#[test]
fn what_runs_fails_and_says_nonsense_is_told_apart() {
    let edge = format!(
        r#"case "$1" in
doctor) echo '{}' ;;
selftest) echo '{{"engine":"tensorrt","passed":false,"reason":"libnvinfer.so: not found"}}'
  passed='"passed":true,"tolerance":0.1'
  for p in fp16 fp32; do
    echo '{{"engine":"cuda",'$passed',"precision":"'$p'","logits_difference":0.001}}'
  done
  echo '{{"engine":"cpu",'$passed',"precision":"fp32","logits_difference":0.0}}' ;;
compare) case "$3" in *fp16) echo '{QUERY}' ;; *) echo ladida ;; esac ;;
esac"#,
        doctor(&format!(r#"{{"found":"{CARD}"}}"#))
    );
    let bench = format!(
        r#"while [ $# -gt 0 ]; do [ "$1" = --json ] && echo '{BENCH}' > "$2"; shift; done
echo 'a table for people'"#
    );
    let scripts = [
        ("rszs-edge", edge),
        ("rszs-bench", bench),
        ("rszs-export", "echo 'error: disk full' >&2; exit 1".to_owned()),
        ("check", "kill -SEGV $$".to_owned()),
    ];
    let (summary, folder, error, markdown) = run_with(&scripts, 5.0);
    assert!(folder.starts_with("nvidia-made-up-1-20"), "{folder}");
    assert_eq!(
        (&summary["commit"], &summary["device"], &summary["driver"]),
        (&"abc123".into(), &CARD.into(), &"580.1".into())
    );
    let outcome = |name: &str| step(&summary, name)["outcome"].as_str().unwrap().to_owned();
    let reason = |name: &str| step(&summary, name)["reason"].as_str().unwrap().to_owned();

    assert_eq!(reason("kernels"), "killed by signal 11: ");
    assert_eq!(
        (outcome("checkpoint"), reason("checkpoint")),
        ("failed".into(), "exit status 1: error: disk full".into())
    );
    assert!(reason("bundle-nano").ends_with("/nano.safetensors: an earlier step did not make it"));
    assert_eq!(step(&summary, "selftest")["numbers"]["cuda fp16"], "off by 1.0e-3 of 1.0e-1");
    assert_eq!(
        (outcome("compare-tensorrt-fp16"), reason("compare-tensorrt-fp16")),
        ("skipped".into(), "libnvinfer.so: not found".into())
    );
    assert_eq!(reason("compare-tensorrt-rtx-fp32"), "the self-test did not try it");
    assert_eq!(step(&summary, "compare-cuda-fp16")["numbers"]["mean_iou"], 0.98);
    assert!(reason("compare-cuda-fp32").contains("expected its results, found \"ladida\""));
    assert_eq!(
        step(&summary, "bench-nano-cuda-fp16")["numbers"]["cuda fp16 batch 1"],
        "2.00 ms a tile, 3.00 ms a frame"
    );
    assert!(reason("bench-b16-cuda-fp16").ends_with("/b16: an earlier step did not make it"));
    assert!(reason("train-l14").starts_with("no program step_time in "));
    let failed = summary["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| step["outcome"] == "failed")
        .count();
    assert!(error.unwrap().contains(&format!("{failed} steps failed")));
    assert!(
        markdown.contains("| kernels | FAILED |") && markdown.contains("mean_iou: 0.98"),
        "{markdown}"
    );
}

#[test]
fn without_a_device_every_step_says_why_it_was_skipped() {
    let edge = format!(
        r#"case "$1" in
doctor) echo '{}' ;;
selftest) echo '{{"engine":"cpu","passed":false,"reason":"none"}}'; exit 4 ;;
esac"#,
        doctor(r#"{"missing":"libcuda.so.1: no driver"}"#)
    );
    let plan = "echo 'full full 9 1.0 2.0 20.5 / 15.0 12.25 / 8.0 fits'".to_owned();
    let scripts = [
        ("rszs-edge", edge),
        ("rszs-export", plan),
        ("check", "exit 1".into()),
        ("step_time", "exit 1".into()),
    ];
    let (summary, folder, error, _) = run_with(&scripts, 5.0);
    assert!(folder.starts_with("no-gpu-20") && error.is_none(), "{folder} {error:?}");
    for step in summary["steps"].as_array().unwrap() {
        let name = step["step"].as_str().unwrap();
        if name == "doctor" || name == "selftest" || name.starts_with("memory") {
            assert_eq!(step["outcome"], "ran", "{step}");
        } else {
            assert_eq!(
                (&step["outcome"], &step["reason"]),
                (&"skipped".into(), &"libcuda.so.1: no driver".into()),
                "{step}"
            );
        }
    }
}

#[test]
fn a_program_that_hangs_costs_its_time_and_the_rest_is_told() {
    let edge = format!(
        r#"case "$1" in doctor) echo '{}' ;; *) exec sleep 300 ;; esac"#,
        doctor(&format!(r#"{{"found":"{CARD}"}}"#))
    );
    let (summary, _, error, _) =
        run_with(&[("rszs-edge", edge), ("rszs-export", "exit 0".into())], 0.04);
    let reason = step(&summary, "selftest")["reason"].as_str().unwrap();
    assert!(reason.starts_with("ended after its limit of "), "{reason}");
    assert!(error.is_some());
    // Nothing is known of the engines, so nothing is begun with them.
    let skipped = step(&summary, "compare-cuda-fp32");
    assert_eq!(skipped["outcome"], "skipped");
    assert!(
        skipped["reason"].as_str().unwrap().starts_with("the self-test: ended after its limit"),
        "{skipped}"
    );
    assert_eq!(step(&summary, "bench-nano-cuda-fp16")["outcome"], "skipped");
}
