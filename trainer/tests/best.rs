//! The best weights of a run are kept beside the last ones, and a run ends when none better come.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use rszs_train::RunConfig;
use rszs_train::checkpoint::Checkpoint;
use rszs_train::run::Run;
use rszs_train::train::{BEST, TrainOptions, WEIGHTS, train};
use serde_json::Value;
use tch::Device;

/// Trains for `steps`, evaluates after each.
fn run(folder: &Path, name: &str, steps: u64, more: &[&str]) -> PathBuf {
    support::single_thread();
    let path = folder.join(name);
    let mut changes = support::changes(folder, steps);
    changes
        .extend(["train.evaluate_every_steps = 1", "evaluate.overlap_px = 16"].map(str::to_owned));
    changes.extend(more.iter().map(|&change| change.to_owned()));
    let options =
        TrainOptions { from: folder.join("text.safetensors"), exclude_queries: Vec::new() };
    let config = RunConfig::read(&support::nano(), &changes).unwrap();
    train(&config, &options, &mut Run::open(&path).unwrap(), Device::Cpu).unwrap();
    path
}

fn step(path: &Path) -> u64 {
    Checkpoint::read(path).unwrap().origin.step
}

/// Step and score of each evaluation.
fn evaluations(run: &Path) -> Vec<(u64, f64)> {
    let record: Value = serde_json::from_slice(&fs::read(run.join("best.json")).unwrap()).unwrap();
    let of = |evaluation: &Value| {
        (evaluation["step"].as_u64().unwrap(), evaluation["score"].as_f64().unwrap())
    };
    record["evaluations"].as_array().unwrap().iter().map(of).collect()
}

/// A learning rate that moves nothing: every evaluation scores alike.
const STILL: &str =
    "train.schedule = { peak = 1e-12, floor_fraction = 1.0, warmup_steps = 1, steps = 6 }";

#[test]
fn the_best_evaluation_is_kept_and_an_interruption_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    support::start(folder.path());
    let unbroken = run(folder.path(), "unbroken", 5, &[]);
    let broken = run(folder.path(), "broken", 2, &[]);
    run(folder.path(), "broken", 5, &[]);
    let scores = evaluations(&unbroken);
    assert_eq!(scores.iter().map(|&(step, _)| step).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(scores, evaluations(&broken));
    let best = scores.iter().rev().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
    for run in [&unbroken, &broken] {
        assert_eq!((step(&run.join(BEST)), step(&run.join(WEIGHTS))), (best.0, 5));
    }
}

#[test]
fn a_run_ends_when_as_many_evaluations_as_its_patience_were_no_better() {
    let folder = tempfile::tempdir().unwrap();
    support::start(folder.path());
    let path = run(folder.path(), "run", 6, &[STILL, "train.best.patience = 2"]);
    assert_eq!((step(&path.join(BEST)), step(&path.join(WEIGHTS))), (1, 3));
    assert_eq!(support::states(&path).last_key_value().unwrap().0, "step_00000003.safetensors");
    // The same command again has nothing to do; a longer patience goes on.
    let before = evaluations(&path);
    run(folder.path(), "run", 6, &[STILL, "train.best.patience = 2"]);
    assert_eq!(evaluations(&path), before);
    run(folder.path(), "run", 6, &[STILL, "train.best.patience = 4"]);
    assert_eq!((step(&path.join(BEST)), step(&path.join(WEIGHTS))), (1, 5));
}

#[test]
fn another_score_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    support::start(folder.path());
    let path = run(folder.path(), "run", 2, &[]);
    run(folder.path(), "run", 4, &["train.best.score = 'average_precision'"]);
    assert_eq!(evaluations(&path).iter().map(|&(step, _)| step).collect::<Vec<_>>(), [3, 4]);
    assert!(step(&path.join(BEST)) > 2);
}
