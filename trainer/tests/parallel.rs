//! Several processes that train one model.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rszs_graph::Tensor as Values;
use rszs_tests::Tolerance;
use rszs_train::checkpoint::Checkpoint;
use serde_json::Value;

/// What a job with a dead rank may take to end: seconds, on a busy machine.
const SECONDS: Duration = Duration::from_secs(20);

/// The program that trains in `folder/name`, with these further changes.
fn program(folder: &Path, name: &str, steps: u64, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rszs-train"));
    command.args(["train", "--threads", "1", "--config"]).arg(support::nano());
    command.arg("--run").arg(folder.join(name)).arg("--from").arg(folder.join("text.safetensors"));
    for change in support::changes(folder, steps).iter().map(String::as_str).chain(more.iter().copied()) {
        command.args(["--set", change]);
    }
    command
}

fn finish(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.output().unwrap();
    let told = String::from_utf8(stderr).unwrap();
    assert!(status.success(), "{told}");
    told
}

/// Mean gradients after one step, and its loss.
fn step(folder: &Path, name: &str, nproc: &str, more: &[&str]) -> (Values, f64) {
    // Which branches are dropped depends on the passes, and float32 is what is compared.
    let exact = ["train.precision = 'float32'", "network.vlm.drop_path = 0.0"];
    finish(program(folder, name, 1, &[&exact, more].concat()).args(["--nproc", nproc]));
    let run = folder.join(name);
    let metrics = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let records: Vec<Value> = metrics.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.iter().map(|record| record["type"].clone()).collect::<Vec<_>>(), ["start", "step"]);
    let state = Checkpoint::read(&run.join("states/step_00000001.safetensors")).unwrap();
    (support::gradients(&state), records[1]["loss"].as_f64().unwrap())
}

#[test]
fn two_ranks_with_two_pictures_give_the_gradients_of_one_rank_with_four() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    support::start(folder);
    let contrastive = ["train.alignment = 'contrastive'", "train.policy.text = 'follow'"];
    for (name, more) in [("cosine", &[][..]), ("contrastive", &contrastive[..])] {
        let run = |nproc: &str, batch_size: usize, accumulate: usize| {
            let batch = [format!("train.batch_size = {batch_size}"), format!("train.accumulate = {accumulate}")];
            let more: Vec<&str> = more.iter().copied().chain(batch.iter().map(String::as_str)).collect();
            step(folder, &format!("{name}_{nproc}_{batch_size}_{accumulate}"), nproc, &more)
        };
        let (whole, loss) = run("1", 4, 1);
        let half = run("1", 2, 1).0;
        assert!(Tolerance::Float32.check(&whole, &half).is_err(), "half a batch is another");
        for (batch_size, accumulate) in [(2, 1), (1, 2)] {
            let (shared, shared_loss) = run("2", batch_size, accumulate);
            let result = Tolerance::Float32.check(&whole, &shared);
            result.unwrap_or_else(|reason| panic!("{name}, {batch_size} times {accumulate}: {reason}"));
            let losses = [loss, shared_loss].map(|loss| Values::new(vec![1], vec![loss as f32]));
            Tolerance::Float32.check(&losses[0], &losses[1]).unwrap();
        }
    }
}

#[test]
fn two_ranks_that_go_on_end_with_the_bytes_of_an_unbroken_run() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    support::start(folder);
    let run = |name: &str, steps| finish(program(folder, name, steps, &[]).args(["--nproc", "2"]));
    run("unbroken", 5);
    run("broken", 3);
    let told = run("broken", 5);
    assert_eq!(told.matches("going on at step 3").count(), 1, "rank 0 alone speaks: {told}");
    let [unbroken, broken] = ["unbroken", "broken"].map(|name| support::states(&folder.join(name)).pop_last().unwrap());
    assert!(unbroken.0 == broken.0 && support::values_in(&unbroken.1) == support::values_in(&broken.1));
}

/// Starts a rank as torchrun does.
fn start(command: &mut Command, rank: usize, size: usize, port: u16) -> Child {
    let numbers = [("RANK", rank), ("LOCAL_RANK", rank), ("WORLD_SIZE", size)];
    command.envs(numbers.map(|(name, number)| (name, number.to_string())));
    command.env("MASTER_ADDR", "localhost").env("MASTER_PORT", port.to_string());
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// A port for torchrun's own use, with a free one above it.
fn port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port() - 1
}

/// What a rank told that had to fail.
fn failure(rank: Child) -> String {
    let Output { status, stderr, .. } = rank.wait_with_output().unwrap();
    let told = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{told}");
    told
}

#[test]
fn a_killed_rank_ends_the_job_within_seconds_and_is_named_by_all_others() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    support::start(folder);
    let port = port();
    let mut ranks: Vec<Child> =
        (0..3).map(|rank| start(&mut program(folder, "run", 100_000, &[]), rank, 3, port)).collect();
    let begun = Instant::now();
    while support::states(&folder.join("run")).is_empty() {
        assert!(ranks.iter_mut().all(|rank| rank.try_wait().unwrap().is_none()), "a rank ended before the first state");
        assert!(begun.elapsed() < Duration::from_mins(2), "no state");
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut killed = ranks.remove(1);
    killed.kill().unwrap();
    killed.wait().unwrap();
    let death = Instant::now();
    for rank in ranks {
        let told = failure(rank);
        assert!(told.contains("error: rank 1 of 3: it ended"), "{told}");
    }
    assert!(death.elapsed() < SECONDS, "{:?}", death.elapsed());
    // What rank 0 saved is whole: one rank alone goes on from it.
    let (name, _) = support::states(&folder.join("run")).pop_last().unwrap();
    let step: u64 = name["step_".len().."step_00000000".len()].parse().unwrap();
    let told = finish(&mut program(folder, "run", step + 1, &[]));
    assert!(told.contains(&format!("going on at step {step}")), "{told}");
}

/// How many processes have this folder in their command.
fn ranks_of(folder: &Path) -> usize {
    let of_run = |entry: std::io::Result<std::fs::DirEntry>| {
        let command = std::fs::read(entry.ok()?.path().join("cmdline")).ok()?;
        let folder = folder.as_os_str().as_encoded_bytes();
        command.windows(folder.len()).any(|part| part == folder).then_some(())
    };
    std::fs::read_dir("/proc").unwrap().filter_map(of_run).count()
}

#[test]
fn ranks_end_with_a_launcher_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    support::start(folder);
    let mut command = program(folder, "run", 100_000, &[]);
    let mut launcher = command.args(["--nproc", "2"]).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while support::states(&folder.join("run")).is_empty() {
        assert!(launcher.try_wait().unwrap().is_none(), "the job ended before the first state");
        assert!(begun.elapsed() < Duration::from_mins(2), "no state");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(ranks_of(folder), 3, "the launcher and two ranks");
    launcher.kill().unwrap();
    launcher.wait().unwrap();
    let death = Instant::now();
    while ranks_of(folder) > 0 {
        assert!(death.elapsed() < SECONDS, "{} ranks train on", ranks_of(folder));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn ranks_of_two_descriptions_do_not_train_together() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    support::start(folder);
    let port = port();
    let first = start(&mut program(folder, "run", 9, &[]), 0, 2, port);
    let second = start(&mut program(folder, "run", 9, &["train.synonym_share = 0.1"]), 1, 2, port);
    let told = failure(first);
    assert!(told.contains("error: rank 1 of 2: trains another description"), "{told}");
    assert!(failure(second).contains("error: rank 0 of 2: "));
    assert!(!folder.join("run/run.json").exists());
}

#[test]
fn a_number_that_is_not_finite_stops_all_ranks_and_no_state_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    support::start(folder);
    finish(program(folder, "run", 2, &[]).args(["--nproc", "2"]));
    let run = folder.join("run");
    let before = support::states(&run);
    let more = ["train.schedule.peak = 1e38", "train.save_every_s = 3600"];
    let output = program(folder, "run", 9, &more).args(["--nproc", "2"]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert_eq!(told.matches("step 3: loss is not finite").count(), 2, "{told}");
    assert!(told.contains(" of 2: exit status: 1"), "the launcher: {told}");
    assert!(support::states(&run) == before);
    // Each rank leaves its share of the batch.
    for share in ["not_finite/step_00000003/batch.json", "not_finite/step_00000003_rank_1/batch.json"] {
        let batch: Value = serde_json::from_slice(&std::fs::read(run.join(share)).unwrap()).unwrap();
        assert_eq!(batch["crops"].as_array().unwrap().len(), 2, "{share}");
    }
}
