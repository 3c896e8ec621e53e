//! Where training starts: the initial value of every parameter, from a seed.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::{Graph, Init, Op, Tensor};

/// The initial value of every parameter of `graph`.
pub fn initial_parameters(graph: &Graph, seed: u64) -> BTreeMap<String, Tensor> {
    let mut parameters = BTreeMap::new();
    for node in graph.params() {
        if let Op::Param { init } = node.op {
            parameters.insert(
                node.name.clone(),
                initial_value(&node.name, init, node.shape.at(1, 1), seed),
            );
        }
    }
    parameters
}

/// The initial value of one parameter. It depends on the name and the seed only: neither another
/// parameter nor the order of parameters changes it.
pub fn initial_value(name: &str, init: Init, shape: Vec<usize>, seed: u64) -> Tensor {
    let mut random = Random::of(name, seed);
    let length: usize = shape.iter().product();
    let mut fill = |draw: &mut dyn FnMut(&mut Random) -> f64| {
        (0..length).map(|_| draw(&mut random) as f32).collect()
    };
    let values = match init {
        Init::Constant(value) => vec![value; length],
        Init::Normal { standard_deviation } => {
            fill(&mut |random| f64::from(standard_deviation) * random.normal())
        }
        Init::FanIn { fan_in } => {
            let bound = (3.0 / fan_in as f64).sqrt();
            fill(&mut |random| bound * (2.0 * random.uniform() - 1.0))
        }
    };
    Tensor::new(shape, values)
}

/// The `SplitMix64` generator. Source: Steele, Lea and Flood, Fast Splittable Pseudorandom Number
/// Generators, OOPSLA 2014.
struct Random(u64);

impl Random {
    fn of(name: &str, seed: u64) -> Self {
        let digest = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(name).finalize();
        Self(digest.iter().take(8).fold(0, |state, &byte| state << 8 | u64::from(byte)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// In (0, 1).
    fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Mean 0, standard deviation 1, by Box and Muller's method.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variance(values: &[f32]) -> f64 {
        let mean = values.iter().copied().map(f64::from).sum::<f64>() / values.len() as f64;
        values.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>()
            / values.len() as f64
    }

    #[test]
    fn each_rule_has_its_variance() {
        let normal =
            initial_value("a", Init::Normal { standard_deviation: 0.5 }, vec![100, 200], 0);
        assert!((variance(&normal.values) - 0.25).abs() < 0.01);
        let fan_in = initial_value("a", Init::FanIn { fan_in: 4 }, vec![100, 200], 0);
        assert!((variance(&fan_in.values) - 0.25).abs() < 0.01);
        assert!(fan_in.magnitude() <= 0.75_f32.sqrt());
        assert_eq!(initial_value("a", Init::Constant(2.0), vec![2], 0).values, [2.0, 2.0]);
    }

    #[test]
    fn a_value_depends_on_its_name_and_the_seed() {
        let draw = |name, seed| initial_value(name, Init::FanIn { fan_in: 1 }, vec![8], seed);
        assert_eq!(draw("a", 0), draw("a", 0));
        assert_ne!(draw("a", 0), draw("b", 0));
        assert_ne!(draw("a", 0), draw("a", 1));
    }
}
