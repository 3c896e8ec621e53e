//! The temperature that makes scores match frequencies.
//!
//! Source: Guo et al., On Calibration of Modern Neural Networks, arXiv:1706.04599, section 4.2.

use crate::thresholds::pooled_histogram::PooledHistogram;

/// Steps of the grid in one doubling.
const STEPS: i32 = 8;
/// The grid reaches from a quarter to 8, in powers of two.
const POWERS: std::ops::RangeInclusive<i32> = -2 * STEPS..=3 * STEPS;

/// The temperature of the grid, steps of 9 % from 0.25 to 8, with the smallest negative
/// log-likelihood.
pub fn fit_temperature(pool: &PooledHistogram) -> f64 {
    let costs = POWERS
        .map(of_power)
        .map(|temperature| (temperature, pool.negative_log_likelihood(temperature)));
    costs
        .min_by(|left, right| left.1.total_cmp(&right.1))
        .map_or(1.0, |(temperature, _)| temperature)
}

/// Whether `temperature` is the first or the last of the grid: a better one may lie beyond, or the
/// scores tell nothing apart.
pub fn is_at_end(temperature: f32) -> bool {
    [*POWERS.start(), *POWERS.end()]
        .iter()
        .any(|end| (f64::from(temperature) / of_power(*end)).ln().abs() < 1e-3)
}

fn of_power(power: i32) -> f64 {
    (f64::from(power) / f64::from(STEPS)).exp2()
}

#[cfg(test)]
mod tests {
    use rszs_metrics::{HistogramResolution, ScoreHistogram};

    use super::*;
    use crate::thresholds::pooled_histogram::Weighting;
    use crate::thresholds::tempered_score::{FLAT_TEMPERATURE, score_at};

    /// Logits from -6 to 6 whose pixels are positive as often as a temperature of `truth` says.
    fn pool(truth: f64) -> PooledHistogram {
        let mut histogram = ScoreHistogram::new(HistogramResolution::Fine);
        for step in -24..=24 {
            let logit = f64::from(step) / 4.0;
            let flat = score_at(logit, f64::from(FLAT_TEMPERATURE)) as f32;
            let positives = (score_at(logit, truth) * 1000.0).round() as usize;
            let labels: Vec<u8> = (0..1000).map(|pixel| u8::from(pixel < positives)).collect();
            histogram.add(&labels, &[flat; 1000]).unwrap();
        }
        PooledHistogram::new(&[&histogram], Weighting::Sets).unwrap()
    }

    #[test]
    fn the_temperature_behind_the_labels_is_found_and_lowers_the_calibration_error() {
        for truth in [0.5, 1.0, 3.0] {
            let pool = pool(truth);
            let found = fit_temperature(&pool);
            assert!((found / truth).ln().abs() < 0.1, "{truth}: {found}");
            assert!(
                pool.calibration_error(found) < 0.01,
                "{truth}: {}",
                pool.calibration_error(found)
            );
        }
        let overconfident = pool(3.0);
        assert!(overconfident.calibration_error(1.0) > 0.05);
    }

    #[test]
    fn labels_that_contradict_every_score_give_the_end_of_the_grid() {
        let mut histogram = ScoreHistogram::new(HistogramResolution::Fine);
        histogram.add(&[1, 0], &[0.1, 0.9]).unwrap();
        let found = fit_temperature(&PooledHistogram::new(&[&histogram], Weighting::Sets).unwrap());
        assert!((found - 8.0).abs() < 1e-9);
        assert!(is_at_end(found as f32) && is_at_end(0.25) && !is_at_end(1.0));
    }
}
