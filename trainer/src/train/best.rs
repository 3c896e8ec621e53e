//! The best weights of a run by the evaluations while it trains, kept beside the last ones, and
//! when to stop for want of better.

use std::fs;

use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::checkpoint::Checkpoint;
use crate::evaluate::SetScores;
use crate::run::write_atomically;
use crate::run::{Run, tell};

/// Weights of the best evaluation: averaged, of all towers, as [`super::WEIGHTS`] are.
pub const BEST: &str = "best.safetensors";
/// The scores so far.
const RECORD: &str = "best.json";

/// The section `[train.best]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BestSettings {
    /// What is compared.
    pub score: BestScore,
    /// Evaluations in a row without a better score that end the run; 0 never ends it.
    pub patience: usize,
}

/// A mean over the sets of an evaluation, each set's own mean over its queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BestScore {
    /// `IoU` of each query at its best threshold.
    BestIou,
    /// `IoU` of each query at a score of 0.5.
    HalfIou,
    /// Area under precision over recall.
    AveragePrecision,
}

impl BestScore {
    /// The score of one evaluation; nothing where no set was evaluated.
    pub(super) fn of(self, sets: &[SetScores]) -> Option<f64> {
        let of_set = |set: &SetScores| match self {
            Self::BestIou => set.mean_iou_best,
            Self::HalfIou => set.mean_iou_half,
            Self::AveragePrecision => {
                let precisions: Vec<f64> =
                    set.queries.iter().filter_map(|query| query.average_precision).collect();
                precisions.iter().sum::<f64>() / precisions.len().max(1) as f64
            }
        };
        (!sets.is_empty()).then(|| sets.iter().map(of_set).sum::<f64>() / sets.len() as f64)
    }
}

/// Every evaluation of a run, and which is the best.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Best {
    score: BestScore,
    evaluations: Vec<Evaluation>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Evaluation {
    step: u64,
    score: f64,
}

impl Best {
    /// The evaluations up to `step`, which a run goes on from. They count only with the weights of
    /// the best one.
    pub(super) fn open(run: &Run, score: BestScore, step: u64) -> Result<Self, TrainError> {
        let path = run.path(RECORD);
        let mut best = Self { score, evaluations: Vec::new() };
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(best),
            read => read.map_err(TrainError::file(&path))?,
        };
        let before =
            serde_json::from_slice::<Self>(&bytes).ok().filter(|before| before.score == score);
        if let Some(before) = before {
            best.evaluations = before
                .evaluations
                .into_iter()
                .filter(|evaluation| evaluation.step <= step)
                .collect();
        }
        let weights = run.path(BEST);
        let kept = best.best().filter(|kept| {
            Checkpoint::read(&weights).is_ok_and(|read| read.origin.step == kept.step)
        });
        if kept.is_none() {
            tell(&format!(
                "{}: not the best of what this run goes on from, forgotten",
                weights.display()
            ));
            best.evaluations.clear();
        }
        Ok(best)
    }

    /// Counts the evaluation of `step`; true if none was better or as good before.
    pub(super) fn add(&mut self, step: u64, score: f64) -> bool {
        let is_best = self.best().is_none_or(|best| score > best.score);
        self.evaluations.push(Evaluation { step, score });
        is_best
    }

    /// Whether the last `patience` evaluations were no better than one before them.
    pub(super) fn is_over(&self, patience: usize) -> bool {
        let Some(best) = self.best() else { return false };
        let since =
            self.evaluations.iter().filter(|evaluation| evaluation.step > best.step).count();
        patience > 0 && since >= patience
    }

    /// The step of the best evaluation, and its score.
    pub(super) fn line(&self) -> String {
        self.best().map_or(String::new(), |best| {
            format!("best score {:.4} at step {}", best.score, best.step)
        })
    }

    pub(super) fn write(&self, run: &Run) -> Result<(), TrainError> {
        write_atomically(&run.path(RECORD), &serde_json::to_vec_pretty(self)?)
    }

    /// The first of the highest scores.
    fn best(&self) -> Option<Evaluation> {
        let better = |best: Option<Evaluation>, next: &Evaluation| match best {
            Some(best) if next.score <= best.score => Some(best),
            _ => Some(*next),
        };
        self.evaluations.iter().fold(None, better)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_scores_is_the_best_and_patience_counts_from_it() {
        let mut best = Best { score: BestScore::BestIou, evaluations: Vec::new() };
        assert!(!best.is_over(1));
        assert!(
            [best.add(10, 0.2), best.add(20, 0.4), best.add(30, 0.4), best.add(40, 0.3)]
                == [true, true, false, false]
        );
        assert_eq!(best.line(), "best score 0.4000 at step 20");
        assert!(best.is_over(2) && !best.is_over(3) && !best.is_over(0));
    }

    #[test]
    fn scores_whose_weights_are_gone_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::open(folder.path()).unwrap();
        let mut best = Best::open(&run, BestScore::HalfIou, 0).unwrap();
        best.add(10, 0.5);
        best.write(&run).unwrap();
        assert!(Best::open(&run, BestScore::HalfIou, 10).unwrap().evaluations.is_empty());
    }
}
