//! Step sizes between real numbers and 8-bit ones.

use std::sync::Arc;

use crate::{Shape, Tensor};

/// Largest magnitude of a quantized weight; activations may also be -128.
const LARGEST_STEP: f32 = 127.0;

/// How much one step of an 8-bit number is worth. Symmetric: zero is zero, no offset.
#[derive(Debug, Clone, PartialEq)]
pub enum Scales {
    /// The same for all of a tensor.
    Tensor(f32),
    /// One for each index of an axis.
    Channels {
        /// The axis.
        axis: usize,
        /// As many as the axis is long.
        values: Arc<[f32]>,
    },
}

impl Scales {
    /// For values of at most `magnitude`.
    pub fn for_magnitude(magnitude: f32) -> Self {
        Self::Tensor(scale(magnitude))
    }

    /// For a weight: each index of `axis` by its own largest magnitude.
    pub fn of_weight(weight: &Tensor, axis: usize) -> Self {
        let mut magnitudes = vec![0.0_f32; weight.shape[axis]];
        let inner: usize = weight.shape[axis + 1..].iter().product();
        for (index, value) in weight.values.iter().enumerate() {
            let channel = index / inner % magnitudes.len();
            magnitudes[channel] = magnitudes[channel].max(value.abs());
        }
        Self::Channels { axis, values: magnitudes.into_iter().map(scale).collect() }
    }

    /// The numbers, one or one a channel.
    pub fn values(&self) -> &[f32] {
        match self {
            Self::Tensor(scale) => std::slice::from_ref(scale),
            Self::Channels { values, .. } => values,
        }
    }

    /// Each number changed by `change`.
    #[must_use]
    pub fn map(&self, change: impl Fn(f32) -> f32) -> Self {
        match self {
            &Self::Tensor(scale) => Self::Tensor(change(scale)),
            Self::Channels { axis, values } => Self::Channels {
                axis: *axis,
                values: values.iter().map(|&scale| change(scale)).collect(),
            },
        }
    }

    /// `x` in steps: whole numbers from -128 to 127, halves to the even one.
    pub fn quantize(&self, x: &Tensor) -> Vec<f32> {
        self.each(x, |value, scale| {
            (value / scale).round_ties_even().clamp(-LARGEST_STEP - 1.0, LARGEST_STEP)
        })
    }

    /// Steps as real numbers.
    pub fn dequantize(&self, steps: &Tensor) -> Vec<f32> {
        self.each(steps, |value, scale| value * scale)
    }

    /// Why these scales do not belong to values of `shape`.
    pub(crate) fn check(&self, shape: &Shape) -> Result<(), String> {
        if self.values().iter().any(|scale| !scale.is_finite() || *scale <= 0.0) {
            return Err("expected scales above zero".to_owned());
        }
        match self {
            Self::Tensor(_) => Ok(()),
            Self::Channels { axis, values } => {
                match shape.0.get(*axis).and_then(|dim| dim.as_fixed()) {
                    Some(length) if length == values.len() => Ok(()),
                    _ => Err(format!(
                        "cannot scale axis {axis} of {shape} with {} numbers",
                        values.len()
                    )),
                }
            }
        }
    }

    fn each(&self, x: &Tensor, change: impl Fn(f32, f32) -> f32) -> Vec<f32> {
        let values = x.values.iter();
        match self {
            &Self::Tensor(scale) => values.map(|&value| change(value, scale)).collect(),
            Self::Channels { axis, values: scales } => {
                let inner: usize = x.shape[axis + 1..].iter().product();
                values
                    .enumerate()
                    .map(|(index, &value)| change(value, scales[index / inner % scales.len()]))
                    .collect()
            }
        }
    }
}

/// What is zero everywhere has no magnitude, and any step will do.
fn scale(magnitude: f32) -> f32 {
    if magnitude > 0.0 { magnitude / LARGEST_STEP } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_of_a_weight_has_its_own_scale_and_zero_stays_zero() {
        let weight = Tensor::new([2, 3], vec![127.0, 2.0, 0.0, -63.5, -4.0, 0.0]);
        let scales = Scales::of_weight(&weight, 1);
        assert_eq!(scales.values(), [1.0, 4.0 / 127.0, 1.0]);
        let steps = Tensor::new([2, 3], scales.quantize(&weight));
        assert_eq!(steps.values, [127.0, 64.0, 0.0, -64.0, -127.0, 0.0]);
        assert_eq!(scales.dequantize(&steps)[..4], [127.0, 64.0 * (4.0 / 127.0), 0.0, -64.0]);
    }

    #[test]
    fn values_beyond_the_range_are_clipped() {
        let x = Tensor::new([4], vec![-9.0, 9.0, 0.5, 1.5]);
        assert_eq!(Scales::Tensor(1.0 / 32.0).quantize(&x), [-128.0, 127.0, 16.0, 48.0]);
        assert_eq!(
            Scales::Tensor(1.0).quantize(&x),
            [-9.0, 9.0, 0.0, 2.0],
            "halves to the even one"
        );
    }
}
