//! `AdamW` with parameter groups.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::flat::Flat;
use crate::device::upload;
use crate::network::parameters::expect_shape;
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
///
/// Parameters of one learning rate, with and without decay, are a group. What a group has of each
/// kind lies in one buffer, so a step is a few operations a group, whatever the network.
#[derive(Debug)]
pub struct AdamW {
    settings: AdamWSettings,
    steps: u64,
    skipped: u64,
    /// By parameter.
    moments: BTreeMap<String, Moments>,
    groups: BTreeMap<GroupKey, Group>,
}

#[derive(Debug)]
struct Moments {
    mean: Tensor,
    square: Tensor,
}

/// What the parameters of a group have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct GroupKey {
    /// The bits of the factor on the learning rate.
    factor: u64,
    decays: bool,
}

/// The buffers of a group.
#[derive(Debug, Default)]
struct Group {
    weights: Flat,
    gradients: Flat,
    mean: Flat,
    square: Flat,
}

/// The parameters that have a gradient, by group and name.
type Members<'a> = BTreeMap<GroupKey, Vec<(&'a str, Tensor)>>;

impl AdamW {
    /// No steps taken.
    pub fn new(settings: AdamWSettings) -> Self {
        let (moments, groups) = (BTreeMap::new(), BTreeMap::new());
        Self { settings, steps: 0, skipped: 0, moments, groups }
    }

    /// Takes a step along the gradients, clears them, and returns their norm before clipping. A
    /// parameter without a gradient stays. A gradient that is not finite is an error and nothing
    /// changes.
    pub fn step(&mut self, parameters: &Parameters, learning_rate: f64) -> Result<f64, TrainError> {
        let _guard = tch::no_grad_guard();
        let gradients = self.gradients(parameters)?;
        if gradients.is_empty() {
            return Ok(0.0);
        }
        let squares: Result<Vec<Tensor>, _> =
            gradients.iter().map(|gradients| gradients.f_square()?.f_sum(Kind::Float)).collect();
        let norm =
            // sync: once a step
            Tensor::f_stack(&squares?, 0)?.f_sum(Kind::Float)?.f_sqrt()?.f_double_value(&[])?;
        if !norm.is_finite() {
            return Err(TrainError::NotFinite {
                what: "gradient norm".to_owned(),
                step: self.steps,
            });
        }
        let scale = (self.settings.max_gradient_norm / norm.max(1e-12)).min(1.0);
        self.steps += 1;
        for ((key, members), gradients) in self.members(parameters).into_iter().zip(gradients) {
            self.update(key, &members, gradients, scale, learning_rate)?;
        }
        Ok(norm)
    }

    fn update(
        &mut self,
        key: GroupKey,
        members: &[(&str, Tensor)],
        gradients: Tensor,
        gradient_scale: f64,
        learning_rate: f64,
    ) -> Result<(), TrainError> {
        let AdamWSettings { beta1, beta2, epsilon, weight_decay, .. } = self.settings;
        let rate = learning_rate * f64::from_bits(key.factor);
        let [mut weights, mut mean, mut square] = self.buffers(key, members)?;
        // The gradients' memory holds what comes of them; at the end they are cleared.
        let mut update = gradients;
        let _ = update.f_mul_scalar_(gradient_scale)?;
        let _ = mean.f_lerp_(&update, 1.0 - beta1)?;
        let _ = square.f_lerp_(&update.f_square_()?, 1.0 - beta2)?;
        let steps = (self.steps - self.skipped) as f64;
        let mean_correction = 1.0 - beta1.powf(steps);
        let square_correction = 1.0 - beta2.powf(steps);
        let mut denominator = square.f_sqrt_out(&update)?;
        let _ = denominator.f_div_scalar_(square_correction.sqrt())?.f_add_scalar_(epsilon)?;
        let _ = mean.f_div_out(&update, &denominator)?.f_mul_scalar_(-rate / mean_correction)?;
        if key.decays {
            let _ = weights.f_mul_scalar_(1.0 - rate * weight_decay)?;
        }
        let _ = weights.f_add_(&update)?;
        let _ = update.f_zero_()?;
        Ok(())
    }

    /// Weights, mean gradients and mean squared gradients of a group, each as one tensor.
    fn buffers(
        &mut self,
        key: GroupKey,
        members: &[(&str, Tensor)],
    ) -> Result<[Tensor; 3], TrainError> {
        let (mut weights, mut means, mut squares) = (Vec::new(), Vec::new(), Vec::new());
        for (name, tensor) in members {
            if !self.moments.contains_key(*name) {
                let zeros = || tensor.f_zeros_like();
                self.moments
                    .insert((*name).to_owned(), Moments { mean: zeros()?, square: zeros()? });
            }
            let moments = &self.moments[*name];
            weights.push(tensor.shallow_clone());
            means.push(moments.mean.shallow_clone());
            squares.push(moments.square.shallow_clone());
        }
        let group = self.groups.entry(key).or_default();
        Ok([group.weights.over(&weights)?, group.mean.over(&means)?, group.square.over(&squares)?])
    }

    /// All gradients, those of a group as one tensor, `[numbers]`: to change them all at once.
    pub fn gradients(&mut self, parameters: &Parameters) -> Result<Vec<Tensor>, TrainError> {
        let members = self.members(parameters);
        self.groups.retain(|key, _| members.contains_key(key));
        let flat = |(key, members): (GroupKey, Vec<(&str, Tensor)>)| {
            let gradients: Vec<Tensor> = members.iter().map(|(_, tensor)| tensor.grad()).collect();
            self.groups.entry(key).or_default().gradients.over(&gradients)
        };
        members.into_iter().map(flat).collect()
    }

    fn members<'a>(&self, parameters: &'a Parameters) -> Members<'a> {
        let mut members = Members::new();
        for (name, tensor) in parameters.trainable().filter(|(_, tensor)| tensor.grad().defined()) {
            let key =
                GroupKey { factor: self.factor(name).to_bits(), decays: decays(name, tensor) };
            members.entry(key).or_default().push((name, tensor.shallow_clone()));
        }
        members
    }

    /// Counts a step that changes nothing, and clears the gradients.
    pub fn skip(&mut self, parameters: &Parameters) -> Result<(), TrainError> {
        (self.steps, self.skipped) = (self.steps + 1, self.skipped + 1);
        for mut gradients in self.gradients(parameters)? {
            let _ = gradients.f_zero_()?;
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

    /// Goes on from a saved [`AdamW::state`] of `parameters` after `steps` steps, `skipped` of
    /// which changed nothing. Other names in `state` are left alone.
    pub fn restore(
        &mut self,
        state: &BTreeMap<String, Tensor>,
        steps: u64,
        skipped: u64,
        parameters: &Parameters,
    ) -> Result<(), TrainError> {
        (self.steps, self.skipped) = (steps, skipped);
        for (key, mean) in state {
            let Some(name) = key.strip_prefix("mean.") else { continue };
            if let Some(square) = state.get(&format!("square.{name}")) {
                let shape = parameters.get(name)?.size();
                let own = |saved: &Tensor| {
                    expect_shape(name, &shape, saved, "moments of another config?")?;
                    Ok::<_, TrainError>(upload(&saved.f_detach_copy()?, parameters.device())?)
                };
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
mod tests;
