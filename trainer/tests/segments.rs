//! A step in segments computes what a step in one piece does.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;

use rszs_graph::Tensor as Values;
use rszs_network::{Config, Policy, StreamPolicy, TextPolicy, block_of};
use rszs_tests::Tolerance;
use rszs_train::Precision;
use rszs_train::network::segments::Cut;
use support::{FULL, Step, step_in};
use tch::Tensor;

const CUTS: [Cut; 3] = [Cut::Nowhere, Cut::Blocks, Cut::BlocksRecomputed];

/// With branches that are dropped at random.
fn config() -> Config {
    let mut config = support::config();
    (config.vlm.drop_path, config.rsi.drop_path) = (0.5, 0.5);
    config
}

/// The gradients of all parameters that have one, over the largest of them.
fn gradients(step: &Step) -> Values {
    let all: Vec<Tensor> =
        step.parameters.trainable().map(|(_, tensor)| tensor.grad().flatten(0, -1)).collect();
    let all = Tensor::cat(&all, 0);
    let values = Vec::<f32>::try_from(&all / all.abs().max()).unwrap();
    Values::new(vec![values.len()], values)
}

fn expect_same(config: &Config, precision: Precision, policy: Policy) {
    let whole = step_in(config, precision, policy, None);
    for cut in CUTS {
        let cut_up = step_in(config, precision, policy, Some(cut));
        assert!(whole.logits.equal(&cut_up.logits), "{cut:?}: other branches were dropped");
        // The order of sums at a border differs.
        let result = Tolerance::Float32.check(&gradients(&whole), &gradients(&cut_up));
        result.unwrap_or_else(|reason| panic!("{cut:?}, {policy:?}: {reason}"));
    }
}

#[test]
fn gradients_are_those_of_one_piece_whatever_learns() {
    for vlm in StreamPolicy::ALL {
        for rsi in StreamPolicy::ALL {
            expect_same(
                &config(),
                Precision::Float32,
                Policy { vlm, rsi, text: TextPolicy::Frozen, frozen_stem_blocks: 0 },
            );
        }
    }
}

#[test]
fn gradients_are_those_of_one_piece_in_every_ablation_and_precision() {
    let without = |attention, head| Config {
        multi_scale_cross_attention: attention,
        category_adaptive_head: head,
        ..config()
    };
    expect_same(&without(false, true), Precision::Float32, FULL);
    expect_same(&without(true, false), Precision::Float32, FULL);
    expect_same(&config(), Precision::BFloat16, FULL);
    expect_same(&config(), Precision::Float16, FULL);
}

#[test]
fn a_step_in_one_segment_is_bit_for_bit_a_step_without_segments() {
    let [whole, one] =
        [None, Some(Cut::Nowhere)].map(|cut| step_in(&config(), Precision::Float32, FULL, cut));
    for ((name, whole), (_, one)) in whole.parameters.trainable().zip(one.parameters.trainable()) {
        assert!(whole.grad().equal(&one.grad()), "{name}");
    }
}

#[test]
fn every_gradient_is_finished_once_from_the_head_to_the_first_block() {
    for cut in CUTS {
        let step = step_in(&config(), Precision::Float32, FULL, Some(cut));
        let finished: BTreeSet<&str> = step.finished.iter().map(String::as_str).collect();
        assert!(finished.into_iter().eq(step.parameters.trainable().map(|(name, _)| name)));
        assert_eq!(step.finished.len(), step.parameters.len());
        if cut != Cut::Nowhere {
            let mut blocks: Vec<&str> =
                step.finished.iter().filter_map(|name| block_of(name)).collect();
            blocks.dedup();
            let streams =
                ["rsi.blocks.1", "rsi.blocks.0", "vlm.blocks.2", "vlm.blocks.1", "vlm.blocks.0"];
            let stem = (0..15).rev().map(|block| format!("stem.blocks.{block}"));
            let expected: Vec<String> =
                streams.map(str::to_owned).into_iter().chain(stem).collect();
            assert_eq!(blocks, expected);
            let first =
                |part: &str| step.finished.iter().position(|name| name.contains(part)).unwrap();
            assert!(
                first("carh.") < first(".blocks.")
                    && first("rsi.blocks.0") < first("rsi.positions")
            );
        }
    }
}
