//! Threshold and temperature.

use core::fmt;

use crate::sigmoid::logit;

/// Threshold and temperature of one query, ready to be compared with its logits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QueryRule {
    pub(crate) threshold_logit: f32,
    pub(crate) inverse_temperature: f32,
}

/// A threshold or a temperature that no rule can be made of.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum RuleError {
    /// The threshold is not strictly between 0 and 1.
    Threshold(f32),
    /// The temperature is not a positive, finite number.
    Temperature(f32),
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Threshold(found) => {
                write!(
                    f,
                    "threshold: expected a score between 0 and 1, both excluded, found {found}"
                )
            }
            Self::Temperature(found) => {
                write!(f, "temperature: expected a positive, finite number, found {found}")
            }
        }
    }
}

impl core::error::Error for RuleError {}

impl QueryRule {
    /// A query is where `sigmoid(logit / temperature) > threshold`.
    pub fn new(threshold: f32, temperature: f32) -> Result<Self, RuleError> {
        if !(threshold > 0.0 && threshold < 1.0) {
            return Err(RuleError::Threshold(threshold));
        }
        let inverse_temperature = 1.0 / temperature;
        if !(temperature > 0.0 && temperature.is_finite() && inverse_temperature.is_finite()) {
            return Err(RuleError::Temperature(temperature));
        }
        Ok(Self { threshold_logit: logit(threshold), inverse_temperature })
    }

    /// The logit over its temperature above which a pixel is in the mask.
    pub fn threshold_logit(&self) -> f32 {
        self.threshold_logit
    }

    /// What logits are multiplied with.
    pub fn inverse_temperature(&self) -> f32 {
        self.inverse_temperature
    }
}
