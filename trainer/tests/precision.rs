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

fn expect_rounded(precision: Precision, tolerance: Tolerance) {
    let (logits, gradient) = step(Precision::Float32);
    let (rounded_logits, rounded_gradient) = step(precision);
    assert_eq!(rounded_gradient.kind(), Kind::Float, "weights and their gradients stay in float32");
    tolerance.check(&values(&logits), &values(&rounded_logits)).unwrap();
    assert!(!logits.equal(&rounded_logits), "nothing was rounded");
    let cosine = Tensor::cosine_similarity(&gradient, &rounded_gradient, 0, 1e-12).double_value(&[]);
    assert!(cosine > SAME_DIRECTION, "{cosine}");
}

#[test]
fn bfloat16_gives_the_logits_and_the_direction_of_float32() {
    expect_rounded(Precision::BFloat16, Tolerance::BFloat16);
}

#[test]
fn float16_gives_the_direction_of_float32_and_is_nearer_to_its_logits_than_bfloat16() {
    expect_rounded(Precision::Float16, Tolerance::BFloat16);
    let logits = [Precision::Float32, Precision::Float16, Precision::BFloat16].map(|precision| step(precision).0);
    let error = |rounded: &Tensor| (rounded - &logits[0]).abs().max().double_value(&[]);
    // Three more bits of mantissa.
    assert!(4.0 * error(&logits[1]) < error(&logits[2]), "{} {}", error(&logits[1]), error(&logits[2]));
}
