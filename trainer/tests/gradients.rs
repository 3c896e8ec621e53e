//! Every parameter that trains is reached by the loss.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;

use rszs_network::{Config, text_graph};
use rszs_train::{Mode, Parameters, Precision, eval};
use tch::{Device, Kind, Tensor};

/// Below this a gradient is rounding.
const ROUNDING: f64 = 1e-9;

/// The bias of an attention's keys moves all scores of a row alike, and softmax does not see that:
/// its true gradient is 0. The head's keys also pass a sigmoid, so theirs is not.
fn is_invisible(name: &str) -> bool {
    name.ends_with("attn.k.bias")
}

fn expect_gradients(parameters: &Parameters) {
    for (name, tensor) in parameters.iter() {
        let gradient = tensor.grad();
        assert!(gradient.defined(), "{name}: no gradient");
        let largest = gradient.abs().max().double_value(&[]);
        assert!(largest.is_finite(), "{name}: {largest}");
        assert!(largest > ROUNDING || is_invisible(name), "{name}: {largest:e}");
    }
}

fn image_gradients(config: &Config) {
    expect_gradients(&support::step(config, Precision::Float32).1);
}

#[test]
fn every_parameter_of_the_image_network_gets_a_gradient() {
    image_gradients(&support::config());
}

#[test]
fn every_parameter_gets_a_gradient_without_multi_scale_attention() {
    image_gradients(&Config { multi_scale_cross_attention: false, ..support::config() });
}

#[test]
fn every_parameter_gets_a_gradient_without_the_category_adaptive_head() {
    image_gradients(&Config { category_adaptive_head: false, ..support::config() });
}

#[test]
fn every_parameter_of_the_text_tower_gets_a_gradient() {
    support::single_thread();
    tch::manual_seed(1);
    let config = support::config();
    let graph = text_graph(&config).unwrap();
    let parameters = Parameters::initialise(&[&graph], 1, Device::Cpu).unwrap();
    let tokens = Tensor::randint(500, [4, 8], (Kind::Int, Device::Cpu));
    let end = Tensor::eye(8, (Kind::Float, Device::Cpu)).narrow(0, 4, 4);
    let feeds = BTreeMap::from([("tokens", tokens), ("end", end)]);
    let outputs =
        eval(&graph, &["embeddings"], &feeds, &parameters, Mode::Train(Precision::Float32))
            .unwrap();
    let target = Tensor::randn([4, config.joint_width as i64], (Kind::Float, Device::Cpu));
    (&outputs["embeddings"] * target).sum(Kind::Float).backward();
    expect_gradients(&parameters);
}
