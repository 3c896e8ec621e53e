//! The program itself, killed, stopped and starved.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// What a dead program would never reach.
const PATIENCE: Duration = Duration::from_mins(2);

/// The arguments that train in `folder/name`.
fn arguments(folder: &Path, name: &str, steps: u64) -> Vec<String> {
    let path = |name: &str| folder.join(name).display().to_string();
    let mut arguments = ["train", "--threads", "1", "--config"].map(str::to_owned).to_vec();
    arguments.push(support::nano().display().to_string());
    arguments.extend([
        "--run".to_owned(),
        path(name),
        "--from".to_owned(),
        path("text.safetensors"),
    ]);
    arguments.extend(
        support::changes(folder, steps).into_iter().flat_map(|change| ["--set".to_owned(), change]),
    );
    arguments
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_rszs-train");

/// Trains to the end and returns what the program told.
fn train(folder: &Path, name: &str, steps: u64) -> String {
    let output = Command::new(PROGRAM).args(arguments(folder, name, steps)).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    told
}

/// Starts the program, waits until it has saved a newer state than `known` and then `longer`, and
/// kills it.
fn kill_after(folder: &Path, name: &str, steps: u64, longer: Duration) {
    let newest = || support::states(&folder.join(name)).into_keys().next_back();
    let known = newest();
    let mut child = Command::new(PROGRAM)
        .args(arguments(folder, name, steps))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while newest() == known {
        assert!(child.try_wait().unwrap().is_none(), "the program ended without a new state");
        assert!(start.elapsed() < PATIENCE, "no new state");
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(longer);
    child.kill().unwrap();
    assert_eq!(
        child.wait().unwrap().signal(),
        Some(9),
        "the program ended before it was killed: it needs more steps"
    );
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_with_the_bytes_of_an_unbroken_one() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    support::start(folder);
    let steps = 40;
    train(folder, "unbroken", steps);
    for longer_ms in [0, 7, 23, 60] {
        kill_after(folder, "killed", steps, Duration::from_millis(longer_ms));
    }
    train(folder, "killed", steps);

    let [unbroken, killed] = ["unbroken", "killed"].map(|name| folder.join(name));
    let [left, right] = [&unbroken, &killed].map(|run| support::states(run));
    assert_eq!(left.keys().next_back().unwrap(), "step_00000040.safetensors");
    assert!(left.keys().eq(right.keys()));
    for (name, bytes) in &left {
        assert!(support::values_in(bytes) == support::values_in(&right[name]), "{name}");
    }
    let [left, right] =
        [&unbroken, &killed].map(|run| std::fs::read(run.join("weights.safetensors")).unwrap());
    assert!(support::values_in(&left) == support::values_in(&right));

    // Every step once and in order, with the same losses; five starts.
    let lines = |run: &Path, kind: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
        let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        records.filter(|record| record["type"] == kind).collect()
    };
    let losses = |run: &Path| -> Vec<(u64, Value)> {
        lines(run, "step")
            .into_iter()
            .map(|line| (line["step"].as_u64().unwrap(), line["loss"].clone()))
            .collect()
    };
    assert_eq!(losses(&killed), losses(&unbroken));
    assert!(losses(&killed).iter().map(|(step, _)| *step).eq(1..=steps));
    assert_eq!(lines(&killed, "start").len(), 5);
    let leftovers = |folder: &Path| {
        let names = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".partial")).count()
    };
    assert_eq!(leftovers(&killed) + leftovers(&killed.join("states")), 0);
}

#[test]
fn a_full_disk_stops_the_run_by_the_name_of_the_file_and_leaves_the_last_state() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    support::start(folder);
    train(folder, "run", 2);
    let run = folder.join("run");
    let before = (support::states(&run), std::fs::read(run.join("weights.safetensors")).unwrap());

    // No file may grow past 32 KiB, and the program is told so by the write, as on a full disk.
    let limited = r#"trap "" XFSZ; ulimit -f 64; exec "$0" "$@""#;
    let output = Command::new("sh")
        .args(["-c", limited, PROGRAM])
        .args(arguments(folder, "run", 4))
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(
        message.contains("states/step_00000003.safetensors: File too large")
            && message.contains("make room"),
        "{message}"
    );
    assert!(
        (support::states(&run), std::fs::read(run.join("weights.safetensors")).unwrap()) == before
    );

    train(folder, "run", 4);
    train(folder, "unbroken", 4);
    let [left, right] =
        ["run", "unbroken"].map(|name| support::states(&folder.join(name)).pop_last().unwrap().1);
    assert!(support::values_in(&left) == support::values_in(&right));
}

#[test]
fn a_damaged_image_in_the_middle_of_a_run_stops_it_by_name_and_a_repaired_one_lets_it_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    support::start(folder);
    train(folder, "run", 2);
    let before = support::states(&folder.join("run"));
    let images: Vec<_> = std::fs::read_dir(folder.join("flood_area/images"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    let whole: Vec<Vec<u8>> = images.iter().map(|path| std::fs::read(path).unwrap()).collect();
    for (path, bytes) in images.iter().zip(&whole) {
        std::fs::write(path, &bytes[..bytes.len() - 40]).unwrap();
    }
    let output = Command::new(PROGRAM).args(arguments(folder, "run", 4)).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    let error = message.lines().find(|line| line.starts_with("error: ")).unwrap();
    assert!(
        error.contains("flood_area/images/") && error.contains("expected a readable JPEG image"),
        "{message}"
    );
    assert!(support::states(&folder.join("run")) == before);

    for (path, bytes) in images.iter().zip(&whole) {
        std::fs::write(path, bytes).unwrap();
    }
    train(folder, "run", 4);
    train(folder, "unbroken", 4);
    let [left, right] =
        ["run", "unbroken"].map(|name| support::states(&folder.join(name)).pop_last().unwrap().1);
    assert!(support::values_in(&left) == support::values_in(&right));
}

#[test]
fn the_run_folder_says_what_made_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    support::start(folder);
    train(folder, "run", 1);
    let read = |name: &str| std::fs::read_to_string(folder.join("run").join(name)).unwrap();
    let record: Value = serde_json::from_str(&read("run.json")).unwrap();
    assert_eq!(record["seed"], 1);
    assert!(record["command"].as_str().unwrap().starts_with("rszs-train train --threads 1"));
    assert!(!record["git"].as_str().unwrap().is_empty());
    assert_eq!(record["data"]["sets"]["flood_area"]["files"], 18);
    // The resolved description alone says the same as the file and all changes.
    let resolved = folder.join("run/config.toml");
    let config = rszs_train::RunConfig::read(&resolved, &[]).unwrap();
    assert_eq!(*config.network(), {
        let mut network = support::config();
        network.vlm.drop_path = 0.3;
        network
    });
    assert_eq!(config.resolved().unwrap(), read("config.toml"));
}

#[test]
fn changed_data_and_settings_are_told_when_a_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    support::start(folder);
    train(folder, "run", 1);
    let told = train(folder, "run", 1);
    assert!(told.contains("going on at step 1") && !told.contains("changed"), "{told}");
    // An image with a byte after its end is an image still.
    let image = folder.join("flood_area/images/003.jpg");
    let longer = [std::fs::read(&image).unwrap(), vec![0]].concat();
    std::fs::write(&image, longer).unwrap();
    let told = train(folder, "run", 2);
    assert!(
        told.contains("the data changed since")
            && told.contains("config.toml: settings changed since"),
        "{told}"
    );
}

#[test]
fn a_slow_image_shows_in_how_long_its_step_waited_for_data() {
    const DELAY: Duration = Duration::from_millis(500);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    support::start(folder);
    let set = rszs_data::fixtures::love_da(folder).unwrap();
    for name in ["Rural/images_png/0.png", "Urban/images_png/1366.png"] {
        // A pipe in the place of the file: whoever reads it waits for its writer.
        let path = set.join("Train").join(name);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        std::thread::spawn(move || {
            let mut pipe = std::fs::OpenOptions::new().write(true).open(path).unwrap();
            std::thread::sleep(DELAY);
            pipe.write_all(&bytes).unwrap();
        });
    }
    let source = "train.sources = \
        [{ set = 'LoveDA', weight = 1.0, scale_min = 1.0, scale_max = 2.0, oblique = false }]";
    let output = Command::new(PROGRAM)
        .args(arguments(folder, "run", 30))
        .args(["--set", source])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metrics = std::fs::read_to_string(folder.join("run/metrics.jsonl")).unwrap();
    let records = metrics.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let waits_s: Vec<f64> = records.filter_map(|record| record["data_wait_s"].as_f64()).collect();
    assert_eq!(waits_s.len(), 30);
    assert!(waits_s[0] > 0.9 * DELAY.as_secs_f64(), "{waits_s:?}");
    // All images are in memory by then.
    assert!(waits_s[20..].iter().any(|&wait_s| wait_s < 0.1 * DELAY.as_secs_f64()), "{waits_s:?}");
}

#[test]
fn a_signal_ends_a_run_after_a_saved_step_and_it_goes_on_to_the_bytes_of_an_unbroken_one() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    support::start(folder);
    let steps = 60;
    train(folder, "unbroken", steps);
    let mut child = Command::new(PROGRAM)
        .args(arguments(folder, "run", steps))
        .args(["--set", "train.save_every_s = 3600"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let metrics = folder.join("run/metrics.jsonl");
    let start = Instant::now();
    while !std::fs::read_to_string(&metrics).is_ok_and(|text| text.contains("\"step\":2,")) {
        assert!(child.try_wait().unwrap().is_none(), "the program ended before the second step");
        assert!(start.elapsed() < PATIENCE, "no second step");
        std::thread::sleep(Duration::from_millis(1));
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("stopped by a signal, its state is saved"), "{told}");
    assert_eq!(support::states(&folder.join("run")).len(), 1, "only the signal saves");

    train(folder, "run", steps);
    let [left, right] =
        ["run", "unbroken"].map(|name| support::states(&folder.join(name)).pop_last().unwrap().1);
    assert!(support::values_in(&left) == support::values_in(&right));
}
