//! Pretraining on generated images, a few steps of a tiny network.

use std::collections::BTreeSet;
use std::path::Path;

use rszs_data::{AidRsicd, ClipText, Split, fixtures};

use super::batch::Pool;
use super::*;
use crate::pretrain::text_training::TextTargets;

const TILE_PX: usize = 64;
const COMPONENTS: i64 = 3;

fn network() -> Config {
    let mut network = Config::nano().with_tile_px(TILE_PX);
    for stream in [&mut network.vlm, &mut network.rsi] {
        (stream.width, stream.layers, stream.heads) = (16, 2, 2);
    }
    network.vlm_taps = [0, 0];
    network.joint_width = 4;
    network.text =
        rszs_network::TextConfig { vocabulary: 600, context: 12, width: 8, layers: 1, heads: 1 };
    network
}

fn settings(steps: u64) -> PretrainSettings {
    let schedule = Schedule { peak: 1e-2, floor_fraction: 0.5, warmup_steps: 1, steps };
    PretrainSettings {
        precision: Precision::Float32,
        seed: 5,
        tile_px: TILE_PX,
        described: 8,
        plain: 2,
        same_scene: 0.3,
        evaluate_every: 1000,
        save_every_s: 1000,
        weights: LossWeights {
            rsi_distillation: 1.0,
            vlm_distillation: 1.0,
            sentences: 1.0,
            scenes: 1.0,
            names: 1.0,
        },
        teacher: TeacherSettings {
            weights: String::new(),
            components: COMPONENTS,
            whitening: 0.5,
            crops_per_set: 0,
            crop_side_px: [8, 8],
        },
        text: TextSettings {
            held_out_names: 1,
            target_template_share: 0.5,
            names_alone: 2,
            names_beside: 2,
            temperature: 0.1,
        },
        schedule,
        text_alone: Schedule { steps: 2, ..schedule },
        optimizer: AdamWSettings {
            beta1: 0.9,
            beta2: 0.98,
            epsilon: 1e-8,
            weight_decay: 0.05,
            max_gradient_norm: 1.0,
            learning_rate_factors: BTreeMap::new(),
        },
    }
}

fn pool(count: usize, seed: u64) -> Pool {
    let mut rng = Rng::new(seed);
    let (count, side, cells) = (count as i64, TILE_PX as i64, (TILE_PX / 16).pow(2) as i64);
    let bytes: Vec<u8> = (0..count * side * side * 3).map(|_| rng.below(256) as u8).collect();
    let features: Vec<f32> = (0..count * cells * COMPONENTS).map(|_| rng.normal()).collect();
    Pool {
        tiles: Tensor::from_slice(&bytes).reshape([count, side, side, 3]),
        targets: Tensor::from_slice(&features)
            .reshape([count, cells, COMPONENTS])
            .to_kind(Kind::Half),
    }
}

fn data(folder: &Path) -> Data {
    let aid_rsicd = AidRsicd::open(&fixtures::aid_rsicd(folder).unwrap()).unwrap();
    let clip_text = ClipText::open(&fixtures::clip_text(folder).unwrap()).unwrap();
    let needed = BTreeSet::from(["river".to_owned()]);
    let count = |split| aid_rsicd.images().len(split);
    Data {
        train: pool(count(Split::Train), 1),
        val: pool(count(Split::Val), 2),
        crops: pool(4, 3),
        names: TextTargets::new(&clip_text, &needed, 1, 5).unwrap(),
        templates: vec!["a {}".to_owned(), "{} from above".to_owned()],
        tokenizer: text_training::tokenizer(&aid_rsicd, &clip_text.names, &[], &[], 600),
        aid_rsicd,
    }
}

/// The weights after a run to the end in `folder`.
fn run_in(
    folder: &Path,
    data: &Data,
    steps: u64,
    stop_after: Option<u64>,
) -> BTreeMap<String, Tensor> {
    let settings = settings(steps);
    let mut run = Run::open(folder).unwrap();
    let mut stage = Stage::new(data, &settings, &network(), Device::Cpu).unwrap();
    if run.path(STATE).is_file() {
        stage.restore(&run).unwrap();
    }
    if let Some(stop_after) = stop_after {
        stage.train_until(stop_after, &mut run).unwrap();
    } else {
        stage.train(&mut run).unwrap();
    }
    Checkpoint::read(&run.path(WEIGHTS)).unwrap().tensors
}

#[test]
fn a_run_that_was_interrupted_ends_with_the_same_weights() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let whole = run_in(&folder.path().join("whole"), &data, 3, None);
    let parts = folder.path().join("parts");
    run_in(&parts, &data, 3, Some(1));
    run_in(&parts, &data, 3, Some(4));
    let parts = run_in(&parts, &data, 3, None);
    assert!(whole.keys().eq(parts.keys()));
    for (name, tensor) in &whole {
        assert!(tensor.equal(&parts[name]), "{name} differs");
    }
}

#[test]
fn the_weights_are_the_stem_and_the_towers_only_and_every_one_of_them_moves() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(folder.path());
    let settings = settings(2);
    let mut run = Run::open(&folder.path().join("run")).unwrap();
    let mut stage = Stage::new(&data, &settings, &network(), Device::Cpu).unwrap();
    let start = stage.parameters.detached_copy().unwrap();
    stage.train(&mut run).unwrap();
    let weights = Checkpoint::read(&run.path(WEIGHTS)).unwrap().tensors;
    let expected: Vec<&str> =
        start.iter().map(|(name, _)| name).filter(|name| GROUPS.contains(&group(name))).collect();
    assert!(weights.keys().eq(expected));
    let still: Vec<&String> = weights
        .iter()
        .filter(|(name, tensor)| tensor.equal(start.get(name).unwrap()))
        .map(|(name, _)| name)
        .collect();
    assert!(still.is_empty(), "no step reached {still:?}");
}

#[test]
fn pooled_cells_have_length_one() {
    let dense = Tensor::from_slice(&[3.0_f32, 0.0, 0.0, 4.0]).reshape([1, 2, 2]);
    let pooled = pooled(&dense).unwrap();
    assert!(
        (pooled.double_value(&[0, 0]) - 0.6).abs() < 1e-6
            && (pooled.double_value(&[0, 1]) - 0.8).abs() < 1e-6
    );
}
