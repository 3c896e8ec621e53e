//! The threshold of a word that nobody measured.

use rszs_bundle::{Threshold, ThresholdSource, Vocabulary};

/// The mean of what was measured for the words of `vocabulary`, to a hundredth; nothing where
/// nothing was measured, or where no mean is a threshold.
///
/// The mean is of logits before a temperature divides them: a free word has none. Even odds instead
/// give a word that is nowhere a quarter of an image (`reports/training.md`, "Free words").
pub(super) fn free_threshold(vocabulary: &Vocabulary) -> Option<Threshold> {
    let measured = vocabulary.entries().iter().filter(|entry| {
        !entry.support && matches!(entry.threshold_source, ThresholdSource::Calibrated { .. })
    });
    let logits: Vec<f64> = measured
        .map(|entry| {
            let threshold = f64::from(entry.threshold.get());
            f64::from(entry.temperature.get()) * (threshold / (1.0 - threshold)).ln()
        })
        .collect();
    if logits.is_empty() {
        return None;
    }
    let mean = logits.iter().sum::<f64>() / logits.len() as f64;
    let score = 1.0 / (1.0 + (-mean).exp());
    Threshold::new(((100.0 * score).round() / 100.0) as f32).ok()
}

#[cfg(test)]
mod tests {
    use rszs_bundle::{Entry, Name, Temperature};

    use super::*;

    fn vocabulary(measured: &[(f32, f32)]) -> Vocabulary {
        let names = ["building", "flood", "sky"];
        let entries = names.iter().enumerate().map(|(index, name)| {
            let entry = Entry::new(Name::new(*name).unwrap(), "plain", [1, 2, 3]);
            let Some(&(threshold, temperature)) = measured.get(index) else { return entry };
            Entry {
                threshold: Threshold::new(threshold).unwrap(),
                temperature: Temperature::new(temperature).unwrap(),
                threshold_source: ThresholdSource::Calibrated { set: "a".to_owned(), images: 1 },
                ..entry
            }
        });
        let embeddings = vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
        Vocabulary::new(entries.collect(), embeddings, 3).unwrap()
    }

    #[test]
    fn a_free_word_has_the_mean_of_the_measured_thresholds() {
        // 2 ln(0.75 / 0.25) = ln 9 and ln(0.9 / 0.1) = ln 9: both are scores of 0.9.
        let threshold = free_threshold(&vocabulary(&[(0.75, 2.0), (0.9, 1.0)]));
        assert_eq!(threshold, Threshold::new(0.9).ok());
    }

    #[test]
    fn where_nothing_was_measured_there_is_no_mean() {
        assert_eq!(free_threshold(&vocabulary(&[])), None);
        assert_eq!(free_threshold(&vocabulary(&[(1.0, 1.0), (0.0, 1.0)])), None);
    }
}
