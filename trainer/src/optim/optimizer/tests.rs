//! One step beside the formulas, tensor by tensor, and what is saved.

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
    for (max_gradient_norm, tolerance) in [(1e9, Tolerance::Exact), (0.01, Tolerance::Float32)] {
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
        let others =
            parameters.iter().flat_map(|(_, tensor)| [tensor.data_ptr(), tensor.grad().data_ptr()]);
        moments.chain(others).collect::<Vec<_>>()
    };
    assert_eq!(addresses(), addresses());
    assert_eq!(optimizer.groups.len(), 4, "two learning rates, with and without decay");
}

#[test]
fn a_restored_optimizer_goes_on_with_the_same_bits() {
    let (whole, resumed) = (random_parameters(), random_parameters());
    let run = |optimizer: &mut AdamW, parameters: &Parameters, steps: std::ops::Range<usize>| {
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
