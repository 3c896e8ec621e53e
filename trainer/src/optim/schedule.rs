//! The learning rate over a run.

use serde::{Deserialize, Serialize};

/// Linear warm-up from 0, then half a cosine down to a floor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Highest learning rate.
    pub peak: f64,
    /// Last learning rate, as a share of the highest.
    pub floor_fraction: f64,
    /// Steps of the warm-up.
    pub warmup_steps: u64,
    /// Steps of the whole run.
    pub steps: u64,
}

impl Schedule {
    /// The learning rate of step `step`, counted from 0.
    pub fn at(&self, step: u64) -> f64 {
        if step < self.warmup_steps {
            return self.peak * (step + 1) as f64 / self.warmup_steps as f64;
        }
        let decaying = self.steps.saturating_sub(self.warmup_steps).max(1) as f64;
        let progress = ((step - self.warmup_steps) as f64 / decaying).min(1.0);
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * progress).cos());
        self.peak * (self.floor_fraction + (1.0 - self.floor_fraction) * cosine)
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "exact numbers")]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_to_the_peak_and_falls_to_the_floor() {
        let schedule = Schedule { peak: 1.0, floor_fraction: 0.1, warmup_steps: 4, steps: 104 };
        assert_eq!(schedule.at(0), 0.25);
        assert_eq!(schedule.at(3), 1.0);
        assert_eq!(schedule.at(4), 1.0);
        assert!((schedule.at(54) - 0.55).abs() < 1e-12);
        assert!((schedule.at(104) - 0.1).abs() < 1e-12);
        assert!((schedule.at(1000) - 0.1).abs() < 1e-12);
    }
}
