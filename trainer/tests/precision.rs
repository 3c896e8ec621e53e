//! A step in bfloat16 computes the network, rounded.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use rszs_graph::Tensor as Values;
use rszs_tests::Tolerance;
use rszs_train::Precision;
use tch::{Kind, Tensor};

/// Cosine between the gradients of both precisions, all parameters together: they must lead downhill together.
const SAME_DIRECTION: f64 = 0.99;

/// Logits and the gradients of all parameters, one after the other.
fn step(precision: Precision) -> (Tensor, Tensor) {
    let (logits, parameters) = support::step(&support::config(), precision);
    let gradients: Vec<Tensor> = parameters.iter().map(|(_, tensor)| tensor.grad().flatten(0, -1)).collect();
    (logits, Tensor::cat(&gradients, 0))
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
