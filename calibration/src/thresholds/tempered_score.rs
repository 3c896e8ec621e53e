//! Scores of pixels, finely told apart from one end to the other.
//!
//! The runtime gives scores as bytes, which are coarse near 0 and 1, where thresholds of rare
//! things lie. A byte of `sigmoid(logit / T)` resolves the ends where T is large and the middle
//! where T is 1; so each pixel is read at both, from the same logits, and becomes one *flat score*,
//! `sigmoid(logit / 4)`: it rises with the logit, so every threshold on a score is one on it.

use rszs_hot::{logit, sigmoid};

/// The temperature of a flat score. A byte of it tells logits up to 22 from each other.
pub const FLAT_TEMPERATURE: f32 = 4.0;

/// Bytes of scores at a temperature of 1 that tell logits more finely than those at
/// [`FLAT_TEMPERATURE`]: one step is at most 0.07.
const MIDDLE: std::ops::RangeInclusive<u8> = 16..=239;

/// Flat scores by the two bytes of a pixel.
#[derive(Debug, Clone)]
pub struct TemperedScores {
    middle: [f32; 256],
}

impl TemperedScores {
    /// The table.
    pub fn new() -> Self {
        let flat = |byte: usize| sigmoid(logit(byte as f32 / 255.0) / FLAT_TEMPERATURE);
        Self { middle: std::array::from_fn(flat) }
    }

    /// The flat score of a pixel whose score is `plain / 255` at a temperature of 1 and
    /// `flat / 255` at [`FLAT_TEMPERATURE`].
    pub fn of(&self, plain: u8, flat: u8) -> f32 {
        if MIDDLE.contains(&plain) {
            self.middle[usize::from(plain)]
        } else {
            f32::from(flat) / 255.0
        }
    }
}

impl Default for TemperedScores {
    fn default() -> Self {
        Self::new()
    }
}

/// The logit of a flat score.
pub fn logit_of(flat: f64) -> f64 {
    f64::from(FLAT_TEMPERATURE) * (flat / (1.0 - flat)).ln()
}

/// The flat score of the pixels with this score at `temperature`.
pub fn flat_of(score: f64, temperature: f64) -> f64 {
    let logit = (score / (1.0 - score)).ln() * temperature;
    score_at(logit, f64::from(FLAT_TEMPERATURE))
}

/// `sigmoid(logit / temperature)`.
pub fn score_at(logit: f64, temperature: f64) -> f64 {
    1.0 / (1.0 + (-logit / temperature).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn byte(logit: f32, temperature: f32) -> u8 {
        (sigmoid(logit / temperature) * 255.0).round() as u8
    }

    fn read(table: &TemperedScores, logit: f32) -> f32 {
        table.of(byte(logit, 1.0), byte(logit, FLAT_TEMPERATURE))
    }

    #[test]
    fn a_flat_score_rises_with_the_logit() {
        let table = TemperedScores::new();
        let logits = (-2400..=2400).map(|step| step as f32 / 100.0);
        // where the two readings meet they agree to a quarter of a step
        let scores: Vec<f32> = logits.map(|logit| read(&table, logit)).collect();
        assert!(scores.windows(2).all(|pair| pair[1] >= pair[0] - 0.001));
        assert!(scores.first().unwrap() < &0.005 && scores.last().unwrap() > &0.995);
    }

    #[test]
    fn a_logit_is_read_within_an_eighth_up_to_9_where_bytes_of_scores_are_lost_at_6() {
        let table = TemperedScores::new();
        for step in -900..=900 {
            let logit = step as f32 / 100.0;
            let found = logit_of(f64::from(read(&table, logit)));
            assert!((found - f64::from(logit)).abs() < 0.125, "{logit}: {found}");
        }
        assert_eq!(byte(-7.0, 1.0), byte(-9.0, 1.0));
    }

    #[test]
    fn scores_and_flat_scores_convert_into_each_other() {
        for (score, temperature) in [(0.5, 1.0), (0.03, 2.0), (0.9, 0.5)] {
            let back = score_at(logit_of(flat_of(score, temperature)), temperature);
            assert!((back - score).abs() < 1e-9, "{score} at {temperature}: {back}");
        }
    }
}
