//! What learns under which policy, and batches in parts.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;

use rszs_graph::Tensor as Values;
use rszs_network::{Purpose, image_graph, text_graph};
use rszs_tests::Tolerance;
use rszs_train::checkpoint::Checkpoint;
use rszs_train::run::Run;
use rszs_train::train::{TrainOptions, train};
use rszs_train::{Parameters, RunConfig, TrainError};
use tch::{Device, Tensor};

const STREAM_POLICIES: [&str; 3] = ["freeze", "attention", "full"];

/// The state after one step with `more` changes.
fn state_after_a_step(
    folder: &Path,
    name: &str,
    more: &[String],
) -> Result<Checkpoint, TrainError> {
    support::single_thread();
    let path = folder.join(name);
    let mut changes = support::changes(folder, 1);
    changes.extend_from_slice(more);
    let options =
        TrainOptions { from: folder.join("text.safetensors"), exclude_queries: Vec::new() };
    train(
        &RunConfig::read(&support::nano(), &changes)?,
        &options,
        &mut Run::open(&path)?,
        Device::Cpu,
    )?;
    Checkpoint::read(&path.join("states/step_00000001.safetensors"))
}

/// What every test starts from, by name.
fn before() -> Vec<(String, Tensor)> {
    let network = support::config();
    let graphs =
        [(image_graph(&network, Purpose::Train).unwrap(), 1), (text_graph(&network).unwrap(), 5)];
    let mut tensors = Vec::new();
    for (graph, seed) in graphs {
        let parameters = Parameters::initialise(&[&graph], seed, Device::Cpu).unwrap();
        tensors.extend(
            parameters.iter().map(|(name, tensor)| (name.to_owned(), tensor.detach().copy())),
        );
    }
    tensors
}

/// What a policy says of one parameter of a tower, told here once more and by other means: by its
/// place in the tower.
fn learns(name: &str, policy: &str) -> bool {
    let parts: Vec<&str> = name.split('.').collect();
    match policy {
        "full" => true,
        "freeze" => false,
        "attention" => matches!(
            parts.as_slice(),
            ["vlm" | "text", "blocks", _, "attn", "q" | "v", "weight"]
                | ["rsi", "blocks", _, "attn", "q" | "k" | "v", "weight"]
                | ["rsi", "positions"]
        ),
        _ => panic!("policy {policy}"),
    }
}

/// The first three blocks of the stem, and the convolution before them.
fn is_frozen_in_nano(name: &str) -> bool {
    ["stem.first.", "stem.blocks.0.", "stem.blocks.1.", "stem.blocks.2."]
        .iter()
        .any(|frozen| name.starts_with(frozen))
}

/// Compares what moved in a step with what should.
fn expect_moves(folder: &Path, vlm: &str, rsi: &str, text: &str) {
    let name = format!("{vlm}_{rsi}_{text}");
    let policy = format!("train.policy = {{ vlm = '{vlm}', rsi = '{rsi}', text = '{text}' }}");
    let after = state_after_a_step(folder, &name, &[policy]).unwrap();
    let (mut moved, mut stayed) = (0, 0);
    for (parameter, before) in before() {
        let should = match parameter.split('.').next().unwrap() {
            "vlm" => learns(&parameter, vlm),
            "rsi" => learns(&parameter, rsi),
            "text" => text == "follow" && learns(&parameter, vlm),
            "stem" => !is_frozen_in_nano(&parameter),
            _ => true,
        };
        // Softmax does not see the bias of keys: its gradient is rounding, which may be 0.
        if should && parameter.starts_with("text.") && parameter.ends_with("attn.k.bias") {
            continue;
        }
        let has_moved = before != after.tensors[&format!("weights.{parameter}")];
        assert_eq!(has_moved, should, "{name}: {parameter}");
        assert_eq!(
            has_moved,
            after.tensors.contains_key(&format!("mean.{parameter}")),
            "{name}: {parameter}"
        );
        *(if has_moved { &mut moved } else { &mut stayed }) += 1;
    }
    assert!(
        moved > 0 && (stayed > 0 || name == "full_full_follow"),
        "{name}: {moved} moved, {stayed} stayed"
    );
}

#[test]
fn all_nine_policies_of_the_streams_move_what_they_say_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    support::start(folder.path());
    for vlm in STREAM_POLICIES {
        for rsi in STREAM_POLICIES {
            expect_moves(folder.path(), vlm, rsi, "frozen");
        }
    }
}

#[test]
fn the_text_tower_follows_the_policy_of_the_vision_language_stream() {
    let folder = tempfile::tempdir().unwrap();
    support::start(folder.path());
    for vlm in STREAM_POLICIES {
        expect_moves(folder.path(), vlm, "full", "follow");
    }
}

fn parts(folder: &Path, batch_size: usize, accumulate: usize, more: &str) -> Values {
    let name = format!("{batch_size}_times_{accumulate}");
    let changes = [
        format!("train.batch_size = {batch_size}"),
        format!("train.accumulate = {accumulate}"),
        "train.precision = 'float32'".to_owned(),
        // Which branches are dropped depends on the passes.
        "network.vlm.drop_path = 0.0".to_owned(),
        more.to_owned(),
    ];
    support::gradients(&state_after_a_step(folder, &name, &changes).unwrap())
}

#[test]
fn passes_of_a_step_add_up_to_one_large_batch() {
    let follow = "train.policy.text = 'follow'";
    for more in ["train.alignment = 'cosine'", "train.alignment = 'contrastive'", follow] {
        let folder = tempfile::tempdir().unwrap();
        support::start(folder.path());
        let whole = parts(folder.path(), 4, 1, more);
        assert!(
            Tolerance::Float32.check(&whole, &parts(folder.path(), 2, 1, more)).is_err(),
            "half a batch is another"
        );
        for (batch_size, accumulate) in [(2, 2), (1, 4)] {
            let result = Tolerance::Float32
                .check(&whole, &parts(folder.path(), batch_size, accumulate, more));
            result.unwrap_or_else(|reason| {
                panic!("{more}, {batch_size} times {accumulate}: {reason}")
            });
        }
    }
}

#[test]
fn wrong_words_in_the_description_name_the_known_ones() {
    let folder = tempfile::tempdir().unwrap();
    support::start(folder.path());
    let refused = |change: &str| {
        state_after_a_step(folder.path(), "run", &[change.to_owned()]).unwrap_err().to_string()
    };
    let known = "expected one of `freeze`, `attention`, `full`";
    assert!(
        refused("train.policy.vlm = 'frozen'").contains(known),
        "{}",
        refused("train.policy.vlm = 'frozen'")
    );
    assert!(refused("train.policy.text = 'freeze'").contains("`frozen` or `follow`"));
    assert!(refused("train.alignment = 'clip'").contains("`cosine` or `contrastive`"));
    assert!(refused("train.accumulate = 0").contains("nonzero"));
    assert!(
        refused("train.optimizer.learning_rate_factors.rsi = 0")
            .contains("[train.policy] says what is frozen")
    );
    let message = refused("train.optimizer.learning_rate_factors.vml = 0.3");
    assert!(message.contains("vml: expected one of align, carh, dsfe"), "{message}");
    assert!(!folder.path().join("run/weights.safetensors").exists());
}

#[test]
fn numbers_that_nothing_can_be_trained_with_are_named() {
    let folder = tempfile::tempdir().unwrap();
    support::start(folder.path());
    for (change, expected) in [
        ("train.batch_size = 0", "[train]: batch_size: expected at least 1, found 0"),
        ("train.sources = []", "[train]: sources: expected 1 to 255 of [[train.sources]], found 0"),
        (
            "train.schedule.peak = -1.0",
            "[train]: schedule.peak: expected a number above 0, found -1",
        ),
        (
            "train.optimizer.beta1 = 1.5",
            "[train]: optimizer.beta1: expected a number from 0 to 1, found 1.5",
        ),
        (
            "train.optimizer.weight_decay = -1.0",
            "[train]: optimizer.weight_decay: expected 0 or a number above it, found -1",
        ),
        (
            "train.dice_weight = -0.5",
            "[train]: dice_weight: expected 0 or a number above it, found -0.5",
        ),
        (
            "train.best.patience = 3",
            "[train]: best.patience: expected 0 where evaluate_every_steps is 0, found 3",
        ),
        (
            "train.class_weights.flood = 0.0",
            "[train]: class_weights, flood: expected a number above 0, found 0",
        ),
        ("train.class_weights.hovercraft = 2.0", "query hovercraft: expected one of "),
        (
            "train.mix_probability = 2.0",
            "[train]: mix_probability: expected a number from 0 to 1, found 2",
        ),
    ] {
        let message = state_after_a_step(folder.path(), "wrong", &[change.to_owned()])
            .unwrap_err()
            .to_string();
        assert!(message.contains(expected), "{change}: {message}");
    }
}

#[test]
fn words_to_exclude_must_be_labelled_and_not_all_there_is() {
    let folder = tempfile::tempdir().unwrap();
    support::start(folder.path());
    let excluding = |words: &[&str]| {
        let words = words.iter().map(|&word| word.to_owned()).collect();
        let options =
            TrainOptions { from: folder.path().join("text.safetensors"), exclude_queries: words };
        let config =
            RunConfig::read(&support::nano(), &support::changes(folder.path(), 1)).unwrap();
        let mut run = Run::open(&folder.path().join("excluding")).unwrap();
        train(&config, &options, &mut run, Device::Cpu).unwrap_err().to_string()
    };
    let message = excluding(&["no such word"]);
    assert!(message.starts_with("query no such word: expected one of "), "{message}");
    let all = message.split("expected one of ").nth(1).unwrap().to_owned();
    let message = excluding(&all.split(", ").collect::<Vec<_>>());
    assert!(message.contains("expected a set that labels other words, found none"), "{message}");
}
