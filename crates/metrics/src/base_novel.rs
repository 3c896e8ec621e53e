//! Classes that training saw beside classes that it did not.

use serde::Serialize;

use crate::confusion_matrix::mean;

/// Means of a class score over base classes, which training saw, and novel ones, which it did not;
/// none where no class has a score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BaseNovel {
    /// Mean over base classes.
    pub base: Option<f64>,
    /// Mean over novel classes.
    pub novel: Option<f64>,
    /// `2 · base · novel / (base + novel)`: high only if both are.
    ///
    /// Source: Xian et al., Zero-Shot Learning - A Comprehensive Evaluation of the Good, the Bad
    /// and the Ugly, arXiv:1707.00600.
    pub harmonic_mean: Option<f64>,
}

impl BaseNovel {
    /// From each class's score and whether it is novel.
    pub fn new(classes: impl IntoIterator<Item = (Option<f64>, bool)>) -> Self {
        let (novel, base): (Vec<_>, Vec<_>) = classes.into_iter().partition(|&(_, novel)| novel);
        let [base, novel] =
            [base, novel].map(|classes| mean(classes.into_iter().filter_map(|(score, _)| score)));
        let harmonic = |(base, novel): (f64, f64)| {
            let sum = base + novel;
            if sum > 0.0 { 2.0 * base * novel / sum } else { 0.0 }
        };
        Self { base, novel, harmonic_mean: base.zip(novel).map(harmonic) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_those_counted_by_hand() {
        let scores = BaseNovel::new([
            (Some(0.5), false),
            (Some(0.25), true),
            (Some(0.75), false),
            (None, true),
        ]);
        // base (0.5 + 0.75) / 2, novel 0.25; 2 · 0.625 · 0.25 / 0.875
        assert_eq!((scores.base, scores.novel), (Some(0.625), Some(0.25)));
        assert!((scores.harmonic_mean.unwrap() - 0.3125 / 0.875).abs() < 1e-12);
    }

    #[test]
    fn without_scores_on_one_side_there_is_no_harmonic_mean() {
        let scores = BaseNovel::new([(Some(0.5), false), (None, true)]);
        assert_eq!(scores, BaseNovel { base: Some(0.5), novel: None, harmonic_mean: None });
    }

    #[test]
    fn nothing_right_is_a_harmonic_mean_of_nothing() {
        assert_eq!(
            BaseNovel::new([(Some(0.0), false), (Some(0.0), true)]).harmonic_mean,
            Some(0.0)
        );
    }
}
