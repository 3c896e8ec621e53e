//! Numbers that decide what is in a mask; each is checked once, where it enters.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A number outside its range.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{what}: expected a number in {range}, found {found}")]
pub struct ScoreError {
    what: &'static str,
    range: &'static str,
    found: f32,
}

macro_rules! score {
    ($(#[$doc:meta])* $name:ident, $what:literal, $range:literal, $accepts:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(try_from = "f32", into = "f32")]
        pub struct $name(f32);

        impl $name {
            #[doc = concat!("Accepts ", $range, ".")]
            pub fn new(value: f32) -> Result<Self, ScoreError> {
                let accepts: fn(f32) -> bool = $accepts;
                if accepts(value) {
                    Ok(Self(value))
                } else {
                    Err(ScoreError { what: $what, range: $range, found: value })
                }
            }

            /// The number.
            pub fn get(self) -> f32 {
                self.0
            }
        }

        impl TryFrom<f32> for $name {
            type Error = ScoreError;
            fn try_from(value: f32) -> Result<Self, ScoreError> {
                Self::new(value)
            }
        }

        impl From<$name> for f32 {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, formatter)
            }
        }
    };
}

score! {
    /// A pixel belongs to a query if its score, sigmoid(logit / temperature), reaches this. In [0,
    /// 1].
    Threshold, "threshold", "[0, 1]", |value| (0.0..=1.0).contains(&value)
}
score! {
    /// Divides a logit before the sigmoid. In (0, 1000].
    Temperature, "temperature", "(0, 1000]", |value| value > 0.0 && value <= 1000.0
}
score! {
    /// A query whose presence (a cosine) stays below this is absent from the tile. In [-1, 1].
    PresenceThreshold, "presence_threshold", "[-1, 1]", |value| (-1.0..=1.0).contains(&value)
}

impl Threshold {
    /// Even odds: what holds where nothing was calibrated.
    pub const EVEN: Self = Self(0.5);
}

impl Temperature {
    /// Leaves logits as they are.
    pub const ONE: Self = Self(1.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_a_number_from_0_to_1() {
        assert!(Threshold::new(0.0).is_ok() && Threshold::new(1.0).is_ok());
        for outside in [-0.01, 1.01, f32::NAN, f32::INFINITY] {
            assert!(Threshold::new(outside).is_err(), "{outside}");
        }
    }

    #[test]
    fn a_temperature_is_positive() {
        assert!(Temperature::new(0.0).is_err() && Temperature::new(f32::NAN).is_err());
    }

    #[test]
    fn a_threshold_in_a_file_is_checked_like_any_other() {
        assert!(serde_json::from_str::<Threshold>("1.5").is_err());
    }
}
