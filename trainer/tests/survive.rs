//! The program itself, killed and starved.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// What a dead program would never reach.
const PATIENCE: Duration = Duration::from_mins(2);

/// The arguments that train in `folder/name`.
fn arguments(folder: &Path, name: &str, steps: u64) -> Vec<String> {
    let path = |name: &str| folder.join(name).display().to_string();
    let mut arguments = ["train", "--threads", "1", "--config"].map(str::to_owned).to_vec();
    arguments.push(support::nano().display().to_string());
    arguments.extend(["--run".to_owned(), path(name), "--from".to_owned(), path("text.safetensors")]);
    arguments.extend(support::changes(folder, steps).into_iter().flat_map(|change| ["--set".to_owned(), change]));
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

/// Starts the program, waits until it has saved a newer state than `known` and then `longer`, and kills it.
fn kill_after(folder: &Path, name: &str, steps: u64, longer: Duration) {
    let newest = || support::states(&folder.join(name)).into_keys().next_back();
    let known = newest();
    let mut child = Command::new(PROGRAM).args(arguments(folder, name, steps)).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while newest() == known {
        assert!(child.try_wait().unwrap().is_none(), "the program ended without a new state");
        assert!(start.elapsed() < PATIENCE, "no new state");
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(longer);
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9), "the program ended before it was killed: it needs more steps");
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
    let [left, right] = [&unbroken, &killed].map(|run| std::fs::read(run.join("weights.safetensors")).unwrap());
    assert!(support::values_in(&left) == support::values_in(&right));

    // Every step once and in order, with the same losses; five starts.
    let lines = |run: &Path, kind: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
        let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        records.filter(|record| record["type"] == kind).collect()
    };
    let losses = |run: &Path| -> Vec<(u64, Value)> {
        lines(run, "step").into_iter().map(|line| (line["step"].as_u64().unwrap(), line["loss"].clone())).collect()
    };
    assert_eq!(losses(&killed), losses(&unbroken));
    assert!(losses(&killed).iter().map(|(step, _)| *step).eq(1..=steps));
    assert_eq!(lines(&killed, "start").len(), 5);
    let leftovers = |folder: &Path| {
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
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
    let output = Command::new("sh").args(["-c", limited, PROGRAM]).args(arguments(folder, "run", 4)).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(
        message.contains("states/step_00000003.safetensors: File too large") && message.contains("make room"),
        "{message}"
    );
    assert!((support::states(&run), std::fs::read(run.join("weights.safetensors")).unwrap()) == before);

    train(folder, "run", 4);
    train(folder, "unbroken", 4);
    let [left, right] = ["run", "unbroken"].map(|name| support::states(&folder.join(name)).pop_last().unwrap().1);
    assert!(support::values_in(&left) == support::values_in(&right));
}

#[test]
fn a_damaged_picture_in_the_middle_of_a_run_stops_it_by_name_and_a_repaired_one_lets_it_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    support::start(folder);
    train(folder, "run", 2);
    let before = support::states(&folder.join("run"));
    let pictures: Vec<_> =
        std::fs::read_dir(folder.join("flood_area/images")).unwrap().map(|e| e.unwrap().path()).collect();
    let whole: Vec<Vec<u8>> = pictures.iter().map(|path| std::fs::read(path).unwrap()).collect();
    for (path, bytes) in pictures.iter().zip(&whole) {
        std::fs::write(path, &bytes[..bytes.len() - 40]).unwrap();
    }
    let output = Command::new(PROGRAM).args(arguments(folder, "run", 4)).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    let error = message.lines().find(|line| line.starts_with("error: ")).unwrap();
    assert!(error.contains("flood_area/images/") && error.contains("expected a readable JPEG picture"), "{message}");
    assert!(support::states(&folder.join("run")) == before);

    for (path, bytes) in pictures.iter().zip(&whole) {
        std::fs::write(path, bytes).unwrap();
    }
    train(folder, "run", 4);
    train(folder, "unbroken", 4);
    let [left, right] = ["run", "unbroken"].map(|name| support::states(&folder.join(name)).pop_last().unwrap().1);
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
    // A picture with a byte after its end is a picture still.
    let picture = folder.join("flood_area/images/003.jpg");
    let longer = [std::fs::read(&picture).unwrap(), vec![0]].concat();
    std::fs::write(&picture, longer).unwrap();
    let told = train(folder, "run", 2);
    assert!(told.contains("the data changed since") && told.contains("config.toml: settings changed since"), "{told}");
}
