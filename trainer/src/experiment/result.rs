//! What a finished run leaves for its table.

use serde::{Deserialize, Serialize};

use super::measure::Efficiency;
use crate::evaluate::SetScores;

/// The content of `result.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RunResult {
    /// Of a run that was trained.
    Scores(Vec<SetResult>),
    /// Of a network that was counted and timed.
    Efficiency(Efficiency),
}

/// Scores of one set, in [0, 1].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SetResult {
    pub(super) set: String,
    pub(super) images: usize,
    pub(super) mean_iou: f64,
    /// Whether every pixel is labelled, so that the largest score decides. Otherwise each query has
    /// the threshold that is best on these very images.
    pub(super) exclusive: bool,
    pub(super) base: Option<f64>,
    pub(super) novel: Option<f64>,
    pub(super) harmonic_mean: Option<f64>,
}

impl SetResult {
    pub(super) fn of(scores: &SetScores) -> Self {
        let means = scores.labels.as_ref().and_then(|labels| labels.base_novel);
        Self {
            set: scores.set.clone(),
            images: scores.images,
            mean_iou: scores.mean_iou_exclusive.unwrap_or(scores.mean_iou_best),
            exclusive: scores.mean_iou_exclusive.is_some(),
            base: means.and_then(|means| means.base),
            novel: means.and_then(|means| means.novel),
            harmonic_mean: means.and_then(|means| means.harmonic_mean),
        }
    }
}
