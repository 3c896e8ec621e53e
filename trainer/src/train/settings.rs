//! The section `[train]` of a run description.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use rszs_data::Augment;
use rszs_network::Policy;
use serde::{Deserialize, Serialize};

use super::BestSettings;
use crate::loss::{Alignment, Averaging, Terms};
use crate::network::segments::Recompute;
use crate::{AdamWSettings, LossScaleSettings, Precision, Schedule};

/// The section `[train]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainSettings {
    /// Seed of everything random.
    pub seed: u64,
    /// N, the images of a forward and backward pass.
    pub batch_size: usize,
    /// Passes a step: their gradients add up to those of one batch this many times as large, in the
    /// memory of one pass.
    pub accumulate: NonZeroUsize,
    /// Type of the factors of matrix products and convolutions.
    pub precision: Precision,
    /// What is computed again in the backward pass, for less memory.
    pub recompute: Recompute,
    /// The form of `L_align`.
    pub alignment: Alignment,
    /// λ of `L_align`.
    pub alignment_weight: f64,
    /// Weight of the penalty on logits that know of the grid of patches; not in the paper, 0 leaves
    /// it out.
    pub patch_grid_weight: f64,
    /// Weight of the Dice loss beside the binary cross-entropy; not in the paper, 0 leaves it out.
    pub dice_weight: f64,
    /// Weight of naming the scenes of images that show one thing from edge to edge; not in the
    /// paper, 0 leaves it out.
    pub scene_weight: f64,
    /// What the mean of the binary cross-entropy is over.
    pub averaging: Averaging,
    /// What a word counts in the binary cross-entropy beside others; 1 for words that are not
    /// named.
    #[serde(default)]
    pub class_weights: BTreeMap<String, f64>,
    /// Chance that a query is a synonym and not the concept's name.
    pub synonym_share: f32,
    /// How often half of the classes of another crop are laid over a crop.
    pub mix_probability: f32,
    /// Decay of the moving average of weights.
    pub average_decay: f64,
    /// Steps between lines of metrics.
    pub log_every_steps: u64,
    /// Seconds between checkpoints; 0 for one after each step.
    pub save_every_s: u64,
    /// How many of the last states stay, to go back to.
    pub keep_states: NonZeroUsize,
    /// Steps between evaluations on a part of the validation splits; 0 for never.
    pub evaluate_every_steps: u64,
    /// Which weights of the evaluations are kept, and when they end the run.
    pub best: BestSettings,
    /// Which weights of the pretrained parts learn.
    pub policy: Policy,

    /// Learning rate over the run.
    pub schedule: Schedule,
    /// The factor on a loss in float16.
    pub loss_scale: LossScaleSettings,
    /// How weights follow gradients.
    pub optimizer: AdamWSettings,
    /// How crops are made, where a source does not say otherwise.
    pub augment: Augment,
    /// Where crops come from.
    pub sources: Vec<SourceSettings>,
}

impl TrainSettings {
    /// Images a step, of each process.
    pub fn step_images(&self) -> usize {
        self.batch_size * self.accumulate.get()
    }

    /// Whether the weights after `step` steps are evaluated: every so often, and at the end.
    pub fn evaluates_after(&self, step: u64) -> bool {
        self.evaluate_every_steps > 0
            && (step.is_multiple_of(self.evaluate_every_steps) || step == self.schedule.steps)
    }

    /// The loss, for a network with `grid` patches along the side of a tile.
    pub(crate) fn terms(&self, grid: usize) -> Terms {
        let &Self {
            alignment,
            alignment_weight,
            patch_grid_weight,
            dice_weight,
            scene_weight,
            averaging,
            ..
        } = self;
        Terms {
            alignment,
            alignment_weight,
            patch_grid_weight,
            dice_weight,
            scene_weight,
            averaging,
            grid,
        }
    }

    /// Refuses numbers that nothing can be trained with, before anything is loaded. The reason
    /// names the field.
    pub fn check(&self) -> Result<(), String> {
        require(self.batch_size > 0, "batch_size", "at least 1", self.batch_size)?;
        require(
            (1..=255).contains(&self.sources.len()),
            "sources",
            "1 to 255 of [[train.sources]]",
            self.sources.len(),
        )?;
        for source in &self.sources {
            let set = &source.set;
            positive(&format!("sources, {set}: weight"), source.weight.into())?;
            positive(
                &format!("sources, {set}: loss_weight"),
                source.loss_weight.unwrap_or(1.0).into(),
            )?;
            positive(&format!("sources, {set}: scale_min"), source.scale_min.into())?;
            let is_range = source.scale_max >= source.scale_min && source.scale_max.is_finite();
            require(
                is_range,
                &format!("sources, {set}: scale_max"),
                "at least scale_min",
                source.scale_max,
            )?;
        }
        for (word, &weight) in &self.class_weights {
            positive(&format!("class_weights, {word}"), weight)?;
        }
        positive("schedule.peak", self.schedule.peak)?;
        share("schedule.floor_fraction", self.schedule.floor_fraction)?;
        let is_met = self.best.patience == 0 || self.evaluate_every_steps > 0;
        require(is_met, "best.patience", "0 where evaluate_every_steps is 0", self.best.patience)?;
        for (part, weight) in [
            ("alignment_weight", self.alignment_weight),
            ("patch_grid_weight", self.patch_grid_weight),
            ("dice_weight", self.dice_weight),
            ("scene_weight", self.scene_weight),
            ("optimizer.weight_decay", self.optimizer.weight_decay),
        ] {
            require(weight >= 0.0 && weight.is_finite(), part, "0 or a number above it", weight)?;
        }
        positive("optimizer.epsilon", self.optimizer.epsilon)?;
        positive("optimizer.max_gradient_norm", self.optimizer.max_gradient_norm)?;
        share("synonym_share", self.synonym_share.into())?;
        share("mix_probability", self.mix_probability.into())?;
        share("average_decay", self.average_decay)?;
        share("optimizer.beta1", self.optimizer.beta1)?;
        share("optimizer.beta2", self.optimizer.beta2)
    }
}

fn require(is_met: bool, field: &str, expected: &str, found: impl Display) -> Result<(), String> {
    if is_met { Ok(()) } else { Err(format!("{field}: expected {expected}, found {found}")) }
}

fn share(field: &str, found: f64) -> Result<(), String> {
    require((0.0..=1.0).contains(&found), field, "a number from 0 to 1", found)
}

fn positive(field: &str, found: f64) -> Result<(), String> {
    require(found > 0.0 && found.is_finite(), field, "a number above 0", found)
}

/// One set as a source of crops.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSettings {
    /// Name of the set.
    pub set: String,
    /// The folder that holds its folder, where that is not `data.root`; relative to the working
    /// folder.
    pub root: Option<PathBuf>,
    /// Share of the crops, relative to the other sources.
    pub weight: f32,
    /// What a labelled pixel counts in the loss, for weak labels: 1 without it.
    pub loss_weight: Option<f32>,
    /// Smallest scale, crop pixels an image pixel.
    pub scale_min: f32,
    /// Largest scale.
    pub scale_max: f32,
    /// Up stays up: no turns, no mirror up and down.
    pub oblique: bool,
    /// How often a crop of one index alone is kept, where it differs from the rest: 1 where an
    /// image has but one.
    pub uniform_probability: Option<f32>,
}
