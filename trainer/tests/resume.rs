//! A run that was interrupted ends where an unbroken one ends.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::{Path, PathBuf};

use rszs_data::fixtures;
use rszs_network::{image_graph, text_graph};
use rszs_tokenizer::Tokenizer;
use rszs_train::checkpoint::{Checkpoint, Origin, save};
use rszs_train::run::Run;
use rszs_train::train::{STATE, TOKENIZER, TrainOptions, WEIGHTS, train};
use rszs_train::{Parameters, RunConfig};
use tch::Device;

fn config(folder: &Path, steps: u64) -> RunConfig {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/nano.toml");
    let mut changes: Vec<String> = support::TINY.map(str::to_owned).to_vec();
    changes.push(format!("data.root = '{}'", folder.display()));
    changes.push("network.vlm.drop_path = 0.3".to_owned());
    changes.push("train.augment.tile_px = 64".to_owned());
    changes.push("train.batch_size = 2".to_owned());
    changes.push("train.evaluate_every_steps = 0".to_owned());
    changes.push(
        "train.sources = [{ set = \"flood_area\", weight = 1.0, scale_min = 1.0, scale_max = 2.0, oblique = true }]"
            .to_owned(),
    );
    // The schedule is of four steps in both cases; an interruption is a run that is stopped after two.
    changes
        .push(format!("train.schedule = {{ peak = 1e-3, floor_fraction = 1.0, warmup_steps = 1, steps = {steps} }}"));
    RunConfig::read(&path, &changes).unwrap()
}

fn options(folder: &Path) -> TrainOptions {
    let path = folder.join("text.safetensors");
    let network = support::config();
    let graph = text_graph(&network).unwrap();
    let parameters = Parameters::initialise(&[&graph], 5, Device::Cpu).unwrap();
    save(&path, &parameters, &Origin::new(serde_json::to_string(&network).unwrap(), "text", 5)).unwrap();
    let tokenizer = Tokenizer::from_json(br#"{"merges": []}"#).unwrap();
    std::fs::write(folder.join(TOKENIZER), tokenizer.to_json()).unwrap();
    TrainOptions { from: path, exclude_queries: Vec::new() }
}

fn run(folder: &Path, name: &str, steps: u64) -> PathBuf {
    support::single_thread();
    let path = folder.join(name);
    train(&config(folder, steps), &options(folder), &mut Run::open(&path).unwrap()).unwrap();
    path
}

#[test]
fn a_resumed_run_ends_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    fixtures::flood_area(folder.path()).unwrap();
    let unbroken = run(folder.path(), "unbroken", 4);
    run(folder.path(), "broken", 2);
    let broken = run(folder.path(), "broken", 4);
    for file in [WEIGHTS, STATE] {
        let [left, right] = [&unbroken, &broken].map(|run| Checkpoint::read(&run.join(file)).unwrap());
        assert_eq!(left.origin.step, 4);
        assert_eq!(left.tensors.len(), right.tensors.len());
        for (name, tensor) in &left.tensors {
            assert!(*tensor == right.tensors[name], "{file}: {name} differs");
        }
    }
}

#[test]
fn a_run_moves_every_trainable_parameter_and_no_frozen_one() {
    let folder = tempfile::tempdir().unwrap();
    fixtures::flood_area(folder.path()).unwrap();
    let path = run(folder.path(), "run", 2).join(STATE);
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
