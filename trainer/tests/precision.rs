//! A step in bfloat16 computes the network, rounded.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;

use rszs_graph::Tensor as Values;
use rszs_network::{Purpose, image_graph};
use rszs_tests::Tolerance;
use rszs_train::loss::loss;
use rszs_train::{Mode, Parameters, Precision, eval};
use tch::{Device, Kind, Tensor};

/// Cosine between the gradients of both precisions, all parameters together: they must lead downhill together.
const SAME_DIRECTION: f64 = 0.99;

/// Logits and the gradient of every parameter, one after the other.
fn step(precision: Precision) -> (Tensor, Tensor) {
    support::single_thread();
    tch::manual_seed(1);
    let config = support::config();
    let graph = image_graph(&config, Purpose::Train).unwrap();
    let parameters = Parameters::initialise(&[&graph], 1, Device::Cpu).unwrap();
    let side = config.tile_px as i64;
    let tiles = Tensor::randint(256, [2, side, side, 3], (Kind::Uint8, Device::Cpu));
    let queries = Tensor::randn([3, config.joint_width as i64], (Kind::Float, Device::Cpu));
    let queries = &queries / queries.norm_scalaropt_dim(2, [-1], true);
    let targets = Tensor::randint(2, [2, 3, side, side], (Kind::Uint8, Device::Cpu));
    let feeds = BTreeMap::from([("tiles", &tiles), ("queries", &queries)]);
    let outputs = eval(&graph, &["logits", "aligned"], &feeds, &parameters, Mode::Train(precision)).unwrap();
    loss(&outputs["logits"], &outputs["aligned"], &queries, &targets, 0.2).unwrap().total.backward();
    let gradients: Vec<Tensor> = parameters.iter().map(|(_, tensor)| tensor.grad().flatten(0, -1)).collect();
    (outputs["logits"].detach(), Tensor::cat(&gradients, 0))
}

fn values(tensor: &Tensor) -> Values {
    let shape: Vec<usize> = tensor.size().iter().map(|&length| length as usize).collect();
    Values::new(shape, Vec::<f32>::try_from(tensor.flatten(0, -1)).unwrap())
}

#[test]
fn bfloat16_gives_the_logits_and_the_direction_of_float32() {
    let (logits, gradient) = step(Precision::Float32);
    let (rounded_logits, rounded_gradient) = step(Precision::BFloat16);
    assert_eq!(rounded_gradient.kind(), Kind::Float, "weights and their gradients stay in float32");
    Tolerance::BFloat16.check(&values(&logits), &values(&rounded_logits)).unwrap();
    assert!(!logits.equal(&rounded_logits), "nothing was rounded");
    let cosine = Tensor::cosine_similarity(&gradient, &rounded_gradient, 0, 1e-12).double_value(&[]);
    assert!(cosine > SAME_DIRECTION, "{cosine}");
}
