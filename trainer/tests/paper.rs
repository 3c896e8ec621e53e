//! The paper's recipe as configs: what it says, and that it runs, on invented data with a tiny
//! network.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use rszs_data::fixtures;
use rszs_network::{StreamPolicy, TextPolicy};
use rszs_train::checkpoint::Checkpoint;
use rszs_train::loss::Terms;
use rszs_train::run::Run;
use rszs_train::train::{TrainOptions, TrainSettings, WEIGHTS, train};
use rszs_train::{PromptSettings, RunConfig};
use tch::Device;

fn recipe(preset: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("configs/paper_{preset}.toml"))
}

/// LandDiscover50K as `prepare landdiscover50k` names it: images of each source.
fn land_discover(root: &Path) {
    let root = fixtures::land_discover(root).unwrap();
    for folder in ["TR_Image", "GT_ID"] {
        for source in ["oem", "loveda", "deepglobe", "sota", "sior"] {
            let [from, to] = ["P0000_0.png".to_owned(), format!("{source}_0.png")]
                .map(|name| root.join(folder).join(name));
            fs::copy(from, to).unwrap();
        }
    }
}

#[test]
#[allow(clippy::float_cmp, reason = "as written")]
fn both_recipes_are_the_papers_and_differ_in_the_network_alone() {
    let [b16, l14] = ["b16", "l14"].map(|preset| RunConfig::read(&recipe(preset), &[]).unwrap());
    for section in ["data", "prompts", "train", "evaluate"] {
        assert_eq!(b16.table()[section], l14.table()[section], "{section}");
    }
    let settings: TrainSettings = l14.section("train").unwrap();
    settings.check().unwrap();
    assert_eq!((settings.schedule.steps, settings.step_images()), (30_000, 4));
    assert_eq!(
        (settings.policy.vlm, settings.policy.rsi),
        (StreamPolicy::Attention, StreamPolicy::Freeze)
    );
    assert_eq!(settings.policy.text, TextPolicy::Follow);
    let paper = Terms::paper(24);
    assert_eq!((settings.alignment, settings.averaging), (paper.alignment, paper.averaging));
    assert_eq!(
        (settings.alignment_weight, settings.dice_weight),
        (paper.alignment_weight, paper.dice_weight)
    );
    assert_eq!(
        (settings.schedule.peak, settings.optimizer.learning_rate_factors["vlm"]),
        (2e-4, 0.01)
    );
    assert_eq!(
        (settings.optimizer.weight_decay, settings.optimizer.max_gradient_norm),
        (1e-4, 0.01)
    );
    let prompts: PromptSettings = l14.section("prompts").unwrap();
    assert_eq!(prompts.templates, ["A photo of a {} in the scene"]);
    // Both streams of both networks have 24 × 24 tokens.
    for (config, vlm_px) in [(&b16, 384), (&l14, 336)] {
        let network = config.network();
        assert_eq!(
            (network.tile_px, network.vlm.input_px, network.rsi.input_px),
            (384, vlm_px, 384)
        );
        assert_eq!((network.vlm.grid(), network.rsi.grid()), (24, 24));
    }
}

#[test]
fn both_recipes_take_two_steps() {
    support::single_thread();
    let folder = tempfile::tempdir().unwrap();
    support::start(folder.path());
    land_discover(folder.path());
    for (preset, vlm_px) in [("b16", 64), ("l14", 56)] {
        let mut changes: Vec<String> = support::TINY.map(str::to_owned).to_vec();
        changes.extend([
            format!("data.root = '{}'", folder.path().display()),
            format!("network.vlm.input_px = {vlm_px}"),
            "train.augment.tile_px = 64".to_owned(),
            "train.schedule.steps = 2".to_owned(),
        ]);
        let config = RunConfig::read(&recipe(preset), &changes).unwrap();
        let options = TrainOptions {
            from: folder.path().join("text.safetensors"),
            exclude_queries: Vec::new(),
        };
        let run = folder.path().join(preset);
        train(&config, &options, &mut Run::open(&run).unwrap(), Device::Cpu).unwrap();
        assert_eq!(Checkpoint::read(&run.join(WEIGHTS)).unwrap().origin.step, 2);
    }
}
