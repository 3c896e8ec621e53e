//! The moving average of weights, which is what ships.

use tch::Tensor;

use super::flat::{Flat, joined};
use crate::{Parameters, TrainError};

/// Exponential moving average of parameters.
///
/// Its decay grows with the number of updates, `min(decay, (1 + n) / (10 + n))`, so that the start
/// of a run is forgotten soon.
#[derive(Debug)]
pub struct Average {
    weights: Parameters,
    decay: f64,
    updates: u64,
    /// The weights that follow.
    flat: Flat,
}

impl Average {
    /// Starts at the values of `parameters`.
    pub fn new(parameters: &Parameters, decay: f64) -> Result<Self, TrainError> {
        let weights = parameters.detached_copy()?;
        Ok(Self { weights, decay, updates: 0, flat: Flat::default() })
    }

    /// Moves towards `parameters`.
    pub fn update(&mut self, parameters: &Parameters) -> Result<(), TrainError> {
        let _guard = tch::no_grad_guard();
        let updates = self.updates as f64;
        let decay = self.decay.min((1.0 + updates) / (10.0 + updates));
        self.updates += 1;
        let (names, weights): (Vec<&str>, Vec<Tensor>) =
            parameters.trainable().map(|(name, tensor)| (name, tensor.shallow_clone())).unzip();
        let followers: Result<Vec<Tensor>, TrainError> =
            names.into_iter().map(|name| Ok(self.weights.get(name)?.shallow_clone())).collect();
        let _ = self.flat.over(&followers?)?.f_lerp_(&joined(&weights)?, 1.0 - decay)?;
        Ok(())
    }

    /// The averaged weights.
    pub fn weights(&self) -> &Parameters {
        &self.weights
    }

    /// Goes on from saved weights after `updates` updates.
    pub fn restore(&mut self, weights: &Parameters, updates: u64) -> Result<(), TrainError> {
        self.updates = updates;
        self.weights.copy_values_from(weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    #[test]
    fn the_average_follows_slowly() {
        let mut parameters = Parameters::empty(Device::Cpu);
        parameters.insert("head.bias", Tensor::zeros([1], (Kind::Float, Device::Cpu))).unwrap();
        let mut average = Average::new(&parameters, 0.5).unwrap();
        parameters.insert("head.bias", Tensor::ones([1], (Kind::Float, Device::Cpu))).unwrap();
        // The first decay is 1/10, the second 2/11: 0 -> 0.9 -> 0.9 + 0.1 * 9/11.
        average.update(&parameters).unwrap();
        average.update(&parameters).unwrap();
        let value = average.weights().get("head.bias").unwrap().double_value(&[0]);
        assert!((value - (0.9 + 0.1 * 9.0 / 11.0)).abs() < 1e-6);
    }
}
