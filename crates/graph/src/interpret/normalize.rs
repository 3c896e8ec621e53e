//! Ops that divide by a statistic. Statistics are accumulated in `f64`.

use super::layout::{Strided, broadcast_strides};
use crate::Tensor;

/// The mean over `axes`, which stay with length 1 in `shape`.
pub(super) fn mean(x: &Tensor, axes: &[usize], shape: &[usize]) -> Vec<f32> {
    let count: usize = axes.iter().map(|&axis| x.shape[axis]).product();
    let mut sums = vec![0.0_f64; shape.iter().product()];
    let targets = Strided::new(&x.shape, broadcast_strides(shape, &x.shape), 0);
    for (target, &value) in targets.zip(&x.values) {
        sums[target] += f64::from(value);
    }
    sums.into_iter().map(|sum| (sum / count as f64) as f32).collect()
}

pub(super) fn layer_norm(x: &Tensor, gain: &Tensor, bias: &Tensor, epsilon: f32) -> Vec<f32> {
    let mut values = x.values.clone();
    for row in values.chunks_exact_mut(gain.values.len()) {
        standardize(row, epsilon);
        for ((value, gain), bias) in row.iter_mut().zip(&gain.values).zip(&bias.values) {
            *value = *value * gain + bias;
        }
    }
    values
}

pub(super) fn group_norm(
    x: &Tensor,
    gain: &Tensor,
    bias: &Tensor,
    groups: usize,
    epsilon: f32,
) -> Vec<f32> {
    let channels = gain.values.len();
    let plane: usize = x.shape[2..].iter().product();
    let mut values = x.values.clone();
    for group in values.chunks_exact_mut(channels / groups * plane) {
        standardize(group, epsilon);
    }
    for (index, pixels) in values.chunks_exact_mut(plane).enumerate() {
        let (gain, bias) = (gain.values[index % channels], bias.values[index % channels]);
        for value in pixels {
            *value = *value * gain + bias;
        }
    }
    values
}

/// `(x - mean) / sqrt(variance + epsilon)`, with the variance of the whole population.
fn standardize(values: &mut [f32], epsilon: f32) {
    let count = values.len() as f64;
    let mean = values.iter().copied().map(f64::from).sum::<f64>() / count;
    let variance =
        values.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / count;
    let scale = 1.0 / (variance + f64::from(epsilon)).sqrt();
    for value in values {
        *value = ((f64::from(*value) - mean) * scale) as f32;
    }
}

pub(super) fn l2_normalize(x: &Tensor) -> Vec<f32> {
    /// As documented on [`crate::Op::L2Normalize`].
    const SHORTEST: f64 = 1e-6;
    let mut values = x.values.clone();
    for row in values.chunks_exact_mut(last_axis(x)) {
        let length =
            row.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt().max(SHORTEST);
        for value in row.iter_mut() {
            *value = (f64::from(*value) / length) as f32;
        }
    }
    values
}

/// `exp(x - max) / Σ exp(x - max)` over the last axis.
pub(super) fn softmax(x: &Tensor) -> Vec<f32> {
    let mut values = x.values.clone();
    for row in values.chunks_exact_mut(last_axis(x)) {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for value in row.iter_mut() {
            *value = (*value - largest).exp();
        }
        let sum: f64 = row.iter().copied().map(f64::from).sum();
        for value in row.iter_mut() {
            *value = (f64::from(*value) / sum) as f32;
        }
    }
    values
}

fn last_axis(x: &Tensor) -> usize {
    x.shape.last().copied().unwrap_or(1).max(1)
}
