//! Keeps gradients in float16's range: the loss is multiplied by a factor that follows what
//! overflows.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::TrainError;

/// How the factor on a loss in float16 changes. Other precisions have the range of float32 and no
/// factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossScaleSettings {
    /// The first factor is 2 to the power of this.
    pub initial_exponent: u32,
    /// Steps in a row with finite gradients after which the factor doubles.
    pub growth_interval: u64,
}

/// The factor on the loss, with dynamic scaling (Micikevicius et al. 2018, arXiv:1710.03740,
/// section 3.2): halved by a gradient that is not finite, whose step is skipped; doubled after many
/// that were. Powers of two: scaling rounds nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct LossScale {
    growth_interval: u64,
    factor: f64,
    finite_steps: u64,
    skipped: u64,
}

impl LossScale {
    /// The factor at the start.
    pub fn new(settings: LossScaleSettings) -> Self {
        let factor = f64::from(settings.initial_exponent).exp2();
        Self { growth_interval: settings.growth_interval, factor, finite_steps: 0, skipped: 0 }
    }

    /// What the loss is to be multiplied by.
    pub fn factor(&self) -> f64 {
        self.factor
    }

    /// Takes the factor off `gradients`.
    pub fn unscale(&self, gradients: &mut [Tensor]) -> Result<(), TrainError> {
        for gradient in gradients {
            let _ = gradient.f_mul_scalar_(self.factor.recip())?;
        }
        Ok(())
    }

    /// After a step with finite gradients.
    pub fn grow(&mut self) {
        self.finite_steps += 1;
        if self.finite_steps >= self.growth_interval {
            (self.factor, self.finite_steps) = (self.factor * 2.0, 0);
        }
    }

    /// After gradients that were not finite. Returns whether a smaller factor can help: below 1
    /// they overflow by themselves.
    pub fn shrink(&mut self) -> bool {
        (self.factor, self.finite_steps) = (self.factor / 2.0, 0);
        self.skipped += 1;
        self.factor >= 1.0
    }

    /// Steps that were skipped.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// What must be saved to go on: `[3]`.
    pub fn state(&self) -> Result<Tensor, TrainError> {
        Ok(Tensor::f_from_slice(&[
            self.factor as f32,
            self.finite_steps as f32,
            self.skipped as f32,
        ])?)
    }

    /// Goes on from a saved [`LossScale::state`].
    pub fn restore(&mut self, state: &Tensor) -> Result<(), TrainError> {
        self.factor = state.f_double_value(&[0])?;
        self.finite_steps = state.f_double_value(&[1])? as u64;
        self.skipped = state.f_double_value(&[2])? as u64;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "powers of two")]
mod tests {
    use super::*;

    fn scale() -> LossScale {
        LossScale::new(LossScaleSettings { initial_exponent: 3, growth_interval: 2 })
    }

    #[test]
    fn the_factor_doubles_after_finite_steps_in_a_row_and_halves_at_once() {
        let mut scale = scale();
        let mut factors = vec![scale.factor()];
        for finite in [true, true, true, false, true, true] {
            if finite {
                scale.grow();
            } else {
                assert!(scale.shrink());
            }
            factors.push(scale.factor());
        }
        assert_eq!(factors, [8.0, 8.0, 16.0, 16.0, 8.0, 8.0, 16.0]);
    }

    #[test]
    fn a_factor_below_one_helps_nobody() {
        let mut scale = scale();
        assert_eq!(
            [scale.shrink(), scale.shrink(), scale.shrink(), scale.shrink()],
            [true, true, true, false]
        );
    }

    #[test]
    fn a_restored_factor_grows_when_the_saved_one_would_have() {
        let (mut saved, mut restored) = (scale(), scale());
        saved.shrink();
        saved.grow();
        restored.restore(&saved.state().unwrap()).unwrap();
        assert_eq!(saved, restored);
    }
}
