//! A run that was interrupted ends where an unbroken one ends.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::{Path, PathBuf};

use rszs_network::{image_graph, text_graph};
use rszs_train::checkpoint::Checkpoint;
use rszs_train::run::Run;
use rszs_train::train::{TrainOptions, WEIGHTS, train};
use rszs_train::{Parameters, RunConfig, TrainError};
use tch::Device;

fn try_run(folder: &Path, name: &str, steps: u64, more: &[&str]) -> Result<PathBuf, TrainError> {
    support::single_thread();
    let path = folder.join(name);
    let mut changes = support::changes(folder, steps);
    changes.extend(more.iter().map(|&change| change.to_owned()));
    let options =
        TrainOptions { from: folder.join("text.safetensors"), exclude_queries: Vec::new() };
    train(
        &RunConfig::read(&support::nano(), &changes)?,
        &options,
        &mut Run::open(&path)?,
        Device::Cpu,
    )?;
    Ok(path)
}

fn run(folder: &Path, name: &str, steps: u64) -> PathBuf {
    try_run(folder, name, steps, &[]).unwrap()
}

/// The values of the newest state, as bytes.
fn newest_state(run: &Path) -> Vec<u8> {
    support::values_in(&support::states(run).pop_last().unwrap().1).to_vec()
}

/// The values of the weights that are used, as bytes.
fn weights(run: &Path) -> Vec<u8> {
    support::values_in(&std::fs::read(run.join(WEIGHTS)).unwrap()).to_vec()
}

#[test]
fn a_resumed_run_ends_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    support::start(folder.path());
    let with_options =
        ["train.accumulate = 2", "train.alignment = 'contrastive'", "train.policy.text = 'follow'"];
    // Steps are skipped and the factor grows, before the interruption and after it.
    let float16 = [
        "train.precision = 'float16'",
        "train.recompute = 'blocks'",
        "train.loss_scale = { initial_exponent = 14, growth_interval = 1 }",
    ];
    for (name, more) in
        [("plain", &[][..]), ("options", &with_options[..]), ("float16", &float16[..])]
    {
        let run = |kind: &str, steps| {
            try_run(folder.path(), &format!("{name}_{kind}"), steps, more).unwrap()
        };
        let unbroken = run("unbroken", 6);
        let broken = run("broken", 3);
        let half = weights(&broken);
        run("broken", 6);
        assert!(half != weights(&broken), "{name}: nothing was learnt after the interruption");
        assert!(weights(&broken) == weights(&unbroken), "{name}: weights differ");
        assert!(newest_state(&broken) == newest_state(&unbroken), "{name}: states differ");
        let state = Checkpoint::read(&broken.join("states/step_00000006.safetensors")).unwrap();
        let skipped = state.tensors["loss_scale"].double_value(&[2]);
        assert_eq!(skipped > 0.0, name == "float16", "{name}: {skipped} steps skipped");
    }
}

#[test]
fn steps_whose_gradients_overflow_are_skipped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    support::start(folder.path());
    let more = [
        "train.precision = 'float16'",
        "train.loss_scale = { initial_exponent = 60, growth_interval = 1 }",
    ];
    let path = try_run(folder.path(), "run", 3, &more).unwrap();
    let metrics = std::fs::read_to_string(path.join("metrics.jsonl")).unwrap();
    let records = metrics
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let counted: Vec<_> = records
        .map(|record| (record["skipped_steps"].as_u64(), record["loss_scale"].as_f64()))
        .collect();
    assert_eq!(counted, [1, 2, 3].map(|step| (Some(step), Some((60.0 - step as f64).exp2()))));
    let state = Checkpoint::read(&path.join("states/step_00000003.safetensors")).unwrap();
    assert!(!state.tensors.keys().any(|name| name.starts_with("mean.")), "nothing moved");
}

#[test]
fn going_back_to_an_older_state_ends_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    support::start(folder.path());
    let path = run(folder.path(), "run", 5);
    let names: Vec<String> = support::states(&path).into_keys().collect();
    assert_eq!(
        names,
        [3, 4, 5].map(|step| format!("step_{step:08}.safetensors")),
        "the last three are kept"
    );
    let (last, last_state) = (weights(&path), newest_state(&path));
    for name in &names[1..] {
        std::fs::remove_file(path.join("states").join(name)).unwrap();
    }
    run(folder.path(), "run", 3);
    assert!(weights(&path) != last, "weights go back with the state");
    run(folder.path(), "run", 5);
    assert!(weights(&path) == last && newest_state(&path) == last_state);
}

#[test]
fn a_damaged_state_costs_the_steps_since_the_one_before_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    support::start(folder.path());
    let path = run(folder.path(), "run", 4);
    let (last, newest) = (weights(&path), path.join("states/step_00000004.safetensors"));
    let whole = newest_state(&path);
    let bytes = std::fs::read(&newest).unwrap();
    std::fs::write(&newest, &bytes[..bytes.len() / 2]).unwrap();
    run(folder.path(), "run", 4);
    assert!(newest_state(&path) == whole && weights(&path) == last);
}

#[test]
fn weights_without_a_state_are_not_trained_over() {
    let folder = tempfile::tempdir().unwrap();
    support::start(folder.path());
    let path = run(folder.path(), "run", 2);
    let before = weights(&path);
    std::fs::remove_dir_all(path.join("states")).unwrap();
    let message = try_run(folder.path(), "run", 2, &[]).unwrap_err().to_string();
    assert!(
        message.contains("weights.safetensors: expected a state beside it, in states"),
        "{message}"
    );
    assert!(weights(&path) == before);
}

#[test]
fn a_state_of_another_seed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    support::start(folder.path());
    run(folder.path(), "run", 1);
    let message = try_run(folder.path(), "run", 2, &["train.seed = 2"]).unwrap_err().to_string();
    assert!(
        message.contains("expected a state of this network and of seed 2, found one"),
        "{message}"
    );
}

#[test]
fn a_number_that_is_not_finite_leaves_its_batch_and_the_states() {
    let folder = tempfile::tempdir().unwrap();
    support::start(folder.path());
    let path = run(folder.path(), "run", 2);
    let (before, states) = (weights(&path), support::states(&path));
    // The third step is finite and leads out of the range of f32; the fourth sees it. Neither is
    // saved: an hour has not passed.
    let more = ["train.schedule.peak = 1e38", "train.save_every_s = 3600"];
    let message = try_run(folder.path(), "run", 9, &more).unwrap_err().to_string();
    assert!(message.contains("not_finite/step_00000003: step 3: loss is not finite"), "{message}");
    assert!((weights(&path), support::states(&path)) == (before, states));

    let folder = path.join("not_finite/step_00000003");
    let batch: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("batch.json")).unwrap()).unwrap();
    assert_eq!((&batch["step"], &batch["words"][0]), (&3.into(), &"flood".into()));
    assert_eq!(batch["crops"].as_array().unwrap().len(), 2);
    assert_eq!(batch["crops"][0]["set"], "flood_area");
    let image: usize = batch["crops"][0]["image"].as_str().unwrap().parse().unwrap();
    assert!((1..9).contains(&image), "{batch}");
    let tiles = rszs_data::RgbImage::read(&folder.join("tiles.png")).unwrap();
    assert_eq!((tiles.width, tiles.height), (64, 128));
}

#[test]
fn weights_that_are_not_finite_never_replace_a_state() {
    let folder = tempfile::tempdir().unwrap();
    support::start(folder.path());
    let path = run(folder.path(), "run", 2);
    let (before, states) = (weights(&path), support::states(&path));
    // Above the range of f32: the third step leads there at once, and every step is saved.
    let message =
        try_run(folder.path(), "run", 9, &["train.schedule.peak = 1e39"]).unwrap_err().to_string();
    assert!(
        message
            .contains("step 3: weight align.project.bias is not finite; lower the learning rate"),
        "{message}"
    );
    assert!((weights(&path), support::states(&path)) == (before, states));
}

#[test]
fn a_run_moves_every_trainable_parameter_and_no_frozen_one() {
    let folder = tempfile::tempdir().unwrap();
    support::start(folder.path());
    let path = try_run(folder.path(), "run", 2, &["train.policy.frozen_stem_blocks = 0"]).unwrap();
    let path = path.join("states/step_00000002.safetensors");
    let after = Checkpoint::read(&path).unwrap();
    let network = support::config();
    let graph = image_graph(&network, rszs_network::Purpose::Train).unwrap();
    let text = text_graph(&network).unwrap();
    let image_before = Parameters::initialise(&[&graph], 1, Device::Cpu).unwrap();
    for (name, before) in image_before.iter() {
        assert!(*before != after.tensors[&format!("weights.{name}")], "{name} did not move");
    }
    for (name, before) in Parameters::initialise(&[&text], 5, Device::Cpu).unwrap().iter() {
        assert!(*before == after.tensors[&format!("weights.{name}")], "{name} moved");
    }
}
