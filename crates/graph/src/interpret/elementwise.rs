//! Ops that look at one element at a time.

use super::layout::{Strided, broadcast_strides};
use crate::Tensor;

/// `function` of every element.
pub(super) fn unary(x: &Tensor, function: impl Fn(f32) -> f32) -> Vec<f32> {
    x.values.iter().map(|&value| function(value)).collect()
}

/// `function` of every pair, with axes of length 1 repeated up to `shape`.
pub(super) fn binary(
    left: &Tensor,
    right: &Tensor,
    shape: &[usize],
    function: impl Fn(f32, f32) -> f32,
) -> Vec<f32> {
    let left_elements = Strided::new(shape, broadcast_strides(&left.shape, shape), 0);
    let right_elements = Strided::new(shape, broadcast_strides(&right.shape, shape), 0);
    left_elements
        .zip(right_elements)
        .map(|(l, r)| function(left.values[l], right.values[r]))
        .collect()
}

/// `1 / (1 + exp(-x))`.
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// `x/2 · (1 + erf(x/√2))`.
pub(super) fn gelu(x: f32) -> f32 {
    let x = f64::from(x);
    (0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2))) as f32
}

/// The error function by its series `2/√π · exp(-x²) · Σ 2ⁿ x²ⁿ⁺¹ / (1·3·5⋯(2n+1))`. All terms have
/// one sign, so nothing cancels. Source: Abramowitz and Stegun, Handbook of Mathematical Functions,
/// 7.1.6.
fn erf(x: f64) -> f64 {
    /// Beyond it, 1 - erf is below the resolution of an `f64` near 1.
    const FLAT: f64 = 6.0;
    if x.abs() > FLAT {
        return x.signum();
    }
    let mut term = x;
    let mut sum = x;
    let mut odd = 1.0;
    while term.abs() > 1e-17 * sum.abs() {
        odd += 2.0;
        term *= 2.0 * x * x / odd;
        sum += term;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erf_matches_the_tables() {
        // Abramowitz and Stegun, table 7.1.
        for (x, expected) in
            [(0.0, 0.0), (0.5, 0.520_499_877_8), (1.0, 0.842_700_792_9), (2.0, 0.995_322_265_0)]
        {
            assert!((erf(x) - expected).abs() < 1e-10, "erf({x})");
            assert!((erf(-x) + expected).abs() < 1e-10, "erf(-{x})");
        }
        assert!((erf(7.0) - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn sigmoid_of_large_numbers_is_flat_and_finite() {
        assert!(sigmoid(-200.0).abs() < f32::EPSILON);
        assert!((sigmoid(200.0) - 1.0).abs() < f32::EPSILON);
    }
}
