//! Lines of `metrics.jsonl`.

use serde::Serialize;

use crate::TrainError;
use crate::evaluate::SetScores;
use crate::loss::Loss;

/// The numbers of one step.
pub(super) struct StepLosses {
    pub(super) total: f64,
    pub(super) segmentation: f64,
    pub(super) alignment: f64,
    pub(super) gradient_norm: f64,
    pub(super) learning_rate: f64,
}

impl StepLosses {
    pub(super) fn read(losses: &Loss, gradient_norm: f64, learning_rate: f64) -> Result<Self, TrainError> {
        Ok(Self {
            total: losses.total.f_double_value(&[])?,
            segmentation: losses.segmentation.f_double_value(&[])?,
            alignment: losses.alignment.f_double_value(&[])?,
            gradient_norm,
            learning_rate,
        })
    }
}

/// Means since the last line of metrics.
#[derive(Default)]
pub(super) struct LossWindow {
    steps: Vec<StepLosses>,
}

impl LossWindow {
    pub(super) fn add(&mut self, step: &StepLosses) {
        self.steps.push(StepLosses { ..*step });
    }

    pub(super) fn take(&mut self, step: u64, images_per_s: f64) -> StepRecord {
        let steps = std::mem::take(&mut self.steps);
        let mean = |part: fn(&StepLosses) -> f64| steps.iter().map(part).sum::<f64>() / steps.len().max(1) as f64;
        StepRecord {
            kind: "step",
            step,
            loss: mean(|losses| losses.total),
            segmentation: mean(|losses| losses.segmentation),
            alignment: mean(|losses| losses.alignment),
            gradient_norm: mean(|losses| losses.gradient_norm),
            learning_rate: steps.last().map_or(0.0, |losses| losses.learning_rate),
            images_per_s,
        }
    }
}

#[derive(Serialize)]
pub(super) struct StartRecord<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) step: u64,
    pub(super) config: &'a toml::Table,
    pub(super) exclude_queries: &'a [String],
    pub(super) command: &'a str,
    pub(super) git: &'a str,
}

#[derive(Serialize)]
pub(super) struct StepRecord {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) step: u64,
    pub(super) loss: f64,
    pub(super) segmentation: f64,
    pub(super) alignment: f64,
    pub(super) gradient_norm: f64,
    pub(super) learning_rate: f64,
    pub(super) images_per_s: f64,
}

#[derive(Serialize)]
pub(super) struct EvaluationRecord<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) step: u64,
    pub(super) scores: &'a SetScores,
}
