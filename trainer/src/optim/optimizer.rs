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
mod tests {
    use rszs_tests::Tolerance;
    use tch::Device;

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

    /// Lengths that vector instructions do not divide, in groups of each kind.
    const SHAPES: [(&str, &[i64]); 8] = [
        ("fast.attn.bias", &[7]),
        ("fast.attn.weight", &[13, 7]),
        ("fast.positions", &[5, 3]),
        ("slow.attn.bias", &[1]),
        ("slow.attn.weight", &[3, 11]),
        ("slow.class_token", &[1, 1, 9]),
        ("slow.conv.weight", &[4, 3, 3, 3]),
        ("slow.norm.weight", &[64]),
    ];

    fn random_parameters() -> Parameters {
        let mut parameters = Parameters::empty(Device::Cpu);
        for (seed, (name, shape)) in SHAPES.into_iter().enumerate() {
            parameters.insert(name, noise(seed as f32, shape)).unwrap();
        }
        parameters
    }

    /// Numbers between -1 and 1, without a pattern that matters.
    fn noise(seed: f32, shape: &[i64]) -> Tensor {
        let count: i64 = shape.iter().product();
        let numbers: Vec<f32> =
            (0..count).map(|index| (17.3 * index as f32 + 5.1 * seed + 1.0).sin()).collect();
        Tensor::from_slice(&numbers).reshape(shape)
    }

    /// Adds a gradient to each parameter that `reached` accepts.
    fn learn(parameters: &Parameters, step: usize, reached: impl Fn(&str) -> bool) {
        for (seed, (name, shape)) in SHAPES.into_iter().enumerate() {
            if reached(name) {
                let gradient = noise((100 * step + seed) as f32, shape);
                (parameters.get(name).unwrap() * gradient).sum(Kind::Float).backward();
            }
        }
    }

    /// [`AdamW`] with every parameter by itself, in the order of the paper's algorithm 2.
    struct OneByOne {
        settings: AdamWSettings,
        steps: i32,
        moments: BTreeMap<String, Moments>,
    }

    impl OneByOne {
        fn step(&mut self, parameters: &Parameters, learning_rate: f64) -> f64 {
            let AdamWSettings { beta1, beta2, epsilon, weight_decay, .. } = self.settings;
            let _guard = tch::no_grad_guard();
            let reached = || parameters.trainable().filter(|(_, tensor)| tensor.grad().defined());
            let squares: f64 =
                reached().map(|(_, tensor)| tensor.grad().norm().double_value(&[]).powi(2)).sum();
            let scale = (self.settings.max_gradient_norm / squares.sqrt()).min(1.0);
            self.steps += 1;
            for (name, tensor) in reached() {
                let factors = &self.settings.learning_rate_factors;
                let rate = learning_rate * factors.get(group(name)).copied().unwrap_or(1.0);
                let gradient = tensor.grad() * scale;
                let zeros = || gradient.zeros_like();
                let Moments { mean, square } = self
                    .moments
                    .entry(name.to_owned())
                    .or_insert_with(|| Moments { mean: zeros(), square: zeros() });
                let _ = mean.lerp_(&gradient, 1.0 - beta1);
                let _ = square.lerp_(&gradient.square(), 1.0 - beta2);
                let square_correction = (1.0 - beta2.powi(self.steps)).sqrt();
                let denominator = square.sqrt() / square_correction + epsilon;
                let update = &*mean / denominator * (-rate / (1.0 - beta1.powi(self.steps)));
                let mut tensor = tensor.shallow_clone();
                if decays(name, &tensor) {
                    let _ = tensor.f_mul_scalar_(1.0 - rate * weight_decay).unwrap();
                }
                let _ = tensor.f_add_(&update).unwrap();
                let _ = tensor.grad().zero_();
            }
            squares.sqrt()
        }
    }

    fn values(tensor: &Tensor) -> rszs_graph::Tensor {
        let values = Vec::<f32>::try_from(tensor.detach().flatten(0, -1)).unwrap();
        rszs_graph::Tensor::new(vec![values.len()], values)
    }

    #[test]
    fn a_step_of_all_is_a_step_of_each_parameter_by_itself() {
        // Some parameters are reached later, and stay until then; then a loss leaves some out.
        let reached: [fn(&str) -> bool; 4] = [
            |name| name.ends_with("weight") && name.starts_with("slow"),
            |_| true,
            |name| name.ends_with("bias"),
            |_| true,
        ];
        // The norm that shortens gradients is another order of sums.
        for (max_gradient_norm, tolerance) in [(1e9, Tolerance::Exact), (0.01, Tolerance::Float32)]
        {
            let settings = AdamWSettings { max_gradient_norm, ..settings() };
            let (parameters, by_itself) = (random_parameters(), random_parameters());
            let mut optimizer = AdamW::new(settings.clone());
            let mut reference = OneByOne { settings, steps: 0, moments: BTreeMap::new() };
            for (step, reached) in reached.into_iter().enumerate() {
                learn(&parameters, step, reached);
                learn(&by_itself, step, reached);
                let norm = optimizer.step(&parameters, 0.1).unwrap();
                let expected = reference.step(&by_itself, 0.1);
                assert!((norm / expected - 1.0).abs() < 1e-6, "{norm} {expected}");
            }
            let agree = |name: &str, expected: &Tensor, found: &Tensor| {
                let result = tolerance.check(&values(expected), &values(found));
                result.unwrap_or_else(|reason| panic!("{name}, {tolerance:?}: {reason}"));
            };
            for (name, expected) in by_itself.iter() {
                agree(name, expected, parameters.get(name).unwrap());
                let (expected, found) = (&reference.moments[name], &optimizer.moments[name]);
                agree(name, &expected.mean, &found.mean);
                agree(name, &expected.square, &found.square);
            }
        }
    }

    #[test]
    fn a_step_moves_no_buffer_once_all_parameters_were_reached() {
        let parameters = random_parameters();
        let mut optimizer = AdamW::new(settings());
        let mut addresses = || {
            learn(&parameters, 0, |_| true);
            optimizer.step(&parameters, 0.1).unwrap();
            let moments = optimizer.state().map(|(_, tensor)| tensor.data_ptr());
            let others = parameters
                .iter()
                .flat_map(|(_, tensor)| [tensor.data_ptr(), tensor.grad().data_ptr()]);
            moments.chain(others).collect::<Vec<_>>()
        };
        assert_eq!(addresses(), addresses());
        assert_eq!(optimizer.groups.len(), 4, "two learning rates, with and without decay");
    }

    #[test]
    fn a_restored_optimizer_goes_on_with_the_same_bits() {
        let (whole, resumed) = (random_parameters(), random_parameters());
        let run =
            |optimizer: &mut AdamW, parameters: &Parameters, steps: std::ops::Range<usize>| {
                for step in steps {
                    learn(parameters, step, |_| true);
                    optimizer.step(parameters, 0.1).unwrap();
                }
            };
        let mut unbroken = AdamW::new(settings());
        run(&mut unbroken, &whole, 0..4);
        let mut saved = AdamW::new(settings());
        run(&mut saved, &resumed, 0..2);
        let state: BTreeMap<String, Tensor> =
            saved.state().map(|(name, tensor)| (name, tensor.copy())).collect();
        let mut restored = AdamW::new(settings());
        restored.restore(&state, 2, 0, &resumed).unwrap();
        run(&mut restored, &resumed, 2..4);
        for ((name, whole), (_, resumed)) in whole.iter().zip(resumed.iter()) {
            assert!(whole.equal(resumed), "{name}");
        }
    }

    #[test]
    fn moments_of_another_shape_are_refused() {
        let parameters = parameters("head.weight", &[1.0, 2.0], &[2, 1]);
        let moment = || Tensor::zeros([1, 2], (Kind::Float, Device::Cpu));
        let state = BTreeMap::from(
            ["mean", "square"].map(|moment_of| (format!("{moment_of}.head.weight"), moment())),
        );
        let error = AdamW::new(settings()).restore(&state, 1, 0, &parameters).unwrap_err();
        assert!(
            error.to_string().contains("head.weight: expected shape [2, 1], found [1, 2]"),
            "{error}"
        );
    }

    #[test]
    fn a_gradient_that_is_not_finite_changes_nothing() {
        let parameters = parameters("head.bias", &[2.0], &[1]);
        (parameters.get("head.bias").unwrap() * f64::NAN).sum(Kind::Float).backward();
        assert!(AdamW::new(settings()).step(&parameters, 0.1).is_err());
        assert_eq!(value(&parameters, "head.bias"), 2.0);
    }
}
