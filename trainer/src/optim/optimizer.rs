//! `AdamW` with parameter groups.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::device::upload;
use crate::{Parameters, TrainError, group};

/// How weights follow gradients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamWSettings {
    /// Decay of the mean gradient.
    pub beta1: f64,
    /// Decay of the mean squared gradient.
    pub beta2: f64,
    /// Added to the root of the mean squared gradient.
    pub epsilon: f64,
    /// Share of a weight that a step at learning rate 1 takes away. Matrices and kernels only:
    /// norms, biases, position tables and token tables do not decay.
    pub weight_decay: f64,
    /// Gradients longer than this, all together, are shortened to it.
    pub max_gradient_norm: f64,
    /// Factor on the learning rate by the first part of a parameter's name; 1 for what is not
    /// named; 0 freezes.
    pub learning_rate_factors: BTreeMap<String, f64>,
}

/// `AdamW` (arXiv:1711.05101), own so that its state can be saved: a resumed run goes on exactly.
#[derive(Debug)]
pub struct AdamW {
    settings: AdamWSettings,
    steps: u64,
    skipped: u64,
    moments: BTreeMap<String, Moments>,
}

#[derive(Debug)]
struct Moments {
    mean: Tensor,
    square: Tensor,
}

impl AdamW {
    /// No steps taken.
    pub fn new(settings: AdamWSettings) -> Self {
        Self { settings, steps: 0, skipped: 0, moments: BTreeMap::new() }
    }

    /// Takes a step along the gradients, clears them, and returns their norm before clipping. A
    /// parameter without a gradient stays. A gradient that is not finite is an error and nothing
    /// changes.
    pub fn step(&mut self, parameters: &Parameters, learning_rate: f64) -> Result<f64, TrainError> {
        let _guard = tch::no_grad_guard();
        let with_gradient = || parameters.trainable().filter(|(_, tensor)| tensor.grad().defined());
        let squares: Result<Vec<Tensor>, _> = with_gradient()
            .map(|(_, tensor)| tensor.grad().f_norm().and_then(|norm| norm.f_square()))
            .collect();
        let squares = squares?;
        if squares.is_empty() {
            return Ok(0.0);
        }
        let norm =
            // sync: once a step
            Tensor::f_stack(&squares, 0)?.f_sum(Kind::Float)?.f_sqrt()?.f_double_value(&[])?;
        if !norm.is_finite() {
            return Err(TrainError::NotFinite {
                what: "gradient norm".to_owned(),
                step: self.steps,
            });
        }
        let scale = (self.settings.max_gradient_norm / norm.max(1e-12)).min(1.0);
        self.steps += 1;
        for (name, tensor) in with_gradient() {
            let rate = learning_rate * self.factor(name);
            self.update(name, tensor, scale, rate)?;
            let _ = tensor.grad().f_zero_()?;
        }
        Ok(norm)
    }

    fn update(
        &mut self,
        name: &str,
        tensor: &Tensor,
        gradient_scale: f64,
        rate: f64,
    ) -> Result<(), TrainError> {
        let AdamWSettings { beta1, beta2, epsilon, weight_decay, .. } = self.settings;
        let gradient = tensor.grad().f_mul_scalar(gradient_scale)?;
        if !self.moments.contains_key(name) {
            let moments =
                Moments { mean: gradient.f_zeros_like()?, square: gradient.f_zeros_like()? };
            self.moments.insert(name.to_owned(), moments);
        }
        let Some(moments) = self.moments.get_mut(name) else {
            unreachable!("{name}: inserted above")
        };
        let _ = moments.mean.f_lerp_(&gradient, 1.0 - beta1)?;
        let _ = moments.square.f_lerp_(&gradient.f_square()?, 1.0 - beta2)?;
        let steps = (self.steps - self.skipped) as f64;
        let mean_correction = 1.0 - beta1.powf(steps);
        let square_correction = 1.0 - beta2.powf(steps);
        let mut denominator = moments.square.f_sqrt()?;
        let _ = denominator.f_div_scalar_(square_correction.sqrt())?.f_add_scalar_(epsilon)?;
        let mut update = moments.mean.f_div(&denominator)?;
        let _ = update.f_mul_scalar_(-rate / mean_correction)?;
        let mut tensor = tensor.shallow_clone();
        if decays(name, &tensor) {
            let _ = tensor.f_mul_scalar_(1.0 - rate * weight_decay)?;
        }
        let _ = tensor.f_add_(&update)?;
        Ok(())
    }

    /// Counts a step that changes nothing, and clears the gradients.
    pub fn skip(&mut self, parameters: &Parameters) -> Result<(), TrainError> {
        let _guard = tch::no_grad_guard();
        (self.steps, self.skipped) = (self.steps + 1, self.skipped + 1);
        for (_, tensor) in parameters.trainable().filter(|(_, tensor)| tensor.grad().defined()) {
            let _ = tensor.grad().f_zero_()?;
        }
        Ok(())
    }

    /// The factor on the learning rate of a parameter; 0 freezes it.
    fn factor(&self, name: &str) -> f64 {
        self.settings.learning_rate_factors.get(group(name)).copied().unwrap_or(1.0)
    }

    /// Steps taken, skipped ones too.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// What must be saved to go on: `mean.NAME` and `square.NAME` of every parameter that has
    /// moved.
    pub fn state(&self) -> impl Iterator<Item = (String, &Tensor)> {
        self.moments.iter().flat_map(|(name, moments)| {
            [(format!("mean.{name}"), &moments.mean), (format!("square.{name}"), &moments.square)]
        })
    }

    /// Goes on, with moments on `device`, from a saved [`AdamW::state`] after `steps` steps,
    /// `skipped` of which changed nothing. Other names in `state` are left alone.
    pub fn restore(
        &mut self,
        state: &BTreeMap<String, Tensor>,
        steps: u64,
        skipped: u64,
        device: Device,
    ) -> Result<(), TrainError> {
        (self.steps, self.skipped) = (steps, skipped);
        for (key, mean) in state {
            let Some(name) = key.strip_prefix("mean.") else { continue };
            if let Some(square) = state.get(&format!("square.{name}")) {
                let own = |saved: &Tensor| upload(&saved.f_detach_copy()?, device);
                let moments = Moments { mean: own(mean)?, square: own(square)? };
                self.moments.insert(name.to_owned(), moments);
            }
        }
        Ok(())
    }
}

/// Whether weight decay acts on a parameter: on matrices and kernels, not on gains, biases and
/// tables.
fn decays(name: &str, tensor: &Tensor) -> bool {
    let leaf = name.rsplit('.').next().unwrap_or(name);
    tensor.dim() >= 2
        && !matches!(leaf, "positions" | "class_token" | "tokens" | "gate_gain" | "gate_bias")
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "exact numbers")]
mod tests {
    use super::*;

    fn settings() -> AdamWSettings {
        AdamWSettings {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.5,
            max_gradient_norm: 1e9,
            learning_rate_factors: BTreeMap::from([
                ("slow".to_owned(), 0.1),
                ("frozen".to_owned(), 0.0),
            ]),
        }
    }

    fn parameters(name: &str, values: &[f32], shape: &[i64]) -> Parameters {
        let mut parameters = Parameters::empty(Device::Cpu);
        parameters.insert(name, Tensor::from_slice(values).reshape(shape)).unwrap();
        parameters
    }

    fn backward(parameters: &Parameters, name: &str) {
        parameters.get(name).unwrap().sum(Kind::Float).backward();
    }

    fn value(parameters: &Parameters, name: &str) -> f64 {
        parameters.get(name).unwrap().flatten(0, -1).double_value(&[0])
    }

    #[test]
    fn the_first_step_is_the_learning_rate_and_decay_acts_on_matrices_only() {
        for (shape, decay) in [(vec![1, 1], 0.5), (vec![1], 0.0)] {
            let parameters = parameters("head.weight", &[2.0], &shape);
            backward(&parameters, "head.weight");
            AdamW::new(settings()).step(&parameters, 0.1).unwrap();
            let expected = 2.0 * (1.0 - 0.1 * decay) - 0.1;
            assert!((value(&parameters, "head.weight") - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn groups_scale_the_learning_rate_and_zero_freezes() {
        let slow = parameters("slow.bias", &[2.0], &[1]);
        backward(&slow, "slow.bias");
        AdamW::new(settings()).step(&slow, 0.1).unwrap();
        assert!((value(&slow, "slow.bias") - 1.99).abs() < 1e-6);
        let frozen = parameters("frozen.bias", &[2.0], &[1]);
        backward(&frozen, "frozen.bias");
        AdamW::new(settings()).step(&frozen, 0.1).unwrap();
        assert_eq!(value(&frozen, "frozen.bias"), 2.0);
    }

    #[test]
    fn the_norm_is_of_all_gradients_together_and_they_are_cleared() {
        let parameters = parameters("head.weight", &[1.0, 2.0, 3.0, 4.0], &[2, 2]);
        backward(&parameters, "head.weight");
        let norm = AdamW::new(settings()).step(&parameters, 0.1).unwrap();
        assert!((norm - 2.0).abs() < 1e-6);
        let gradient = parameters.get("head.weight").unwrap().grad();
        assert_eq!(gradient.abs().sum(Kind::Float).double_value(&[]), 0.0);
    }

    #[test]
    fn a_gradient_that_is_not_finite_changes_nothing() {
        let parameters = parameters("head.bias", &[2.0], &[1]);
        (parameters.get("head.bias").unwrap() * f64::NAN).sum(Kind::Float).backward();
        assert!(AdamW::new(settings()).step(&parameters, 0.1).is_err());
        assert_eq!(value(&parameters, "head.bias"), 2.0);
    }
}
