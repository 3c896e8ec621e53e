//! What training minimises: L = BCE + λ · `L_align` (paper, section 3.5), and what the paper does
//! not have beside it.

mod alignment;
mod patch_grid;
mod scene_naming;
mod segmentation;
mod targets;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::TrainError;

use alignment::{contrastive_alignment, cosine_alignment};
use patch_grid::patch_grid;
pub use scene_naming::Scenes;
use scene_naming::scene_naming;
use segmentation::segmentation_loss;
pub use targets::{Counts, Targets};

/// The form of `L_align`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Alignment {
    /// `1 - cos` with the mean of the words in sight.
    Cosine,
    /// `InfoNCE` over labelled words.
    Contrastive,
}

/// What is added to the binary cross-entropy, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// The form of `L_align`.
    pub alignment: Alignment,
    /// λ of `L_align`.
    pub alignment_weight: f64,
    /// Weight of `patch_grid`; the paper has no such term.
    pub patch_grid_weight: f64,
    /// Weight of the Dice loss; the paper has no such term.
    pub dice_weight: f64,
    /// Weight of naming scenes; the paper has no such term.
    pub scene_weight: f64,
    /// What the mean of the binary cross-entropy is over.
    pub averaging: Averaging,
    /// G, patches along the side of a tile.
    pub grid: usize,
}

impl Terms {
    /// The paper's loss: L = BCE + 0.2 · `L_align`.
    pub fn paper(grid: usize) -> Self {
        Self {
            alignment: Alignment::Cosine,
            alignment_weight: 0.2,
            patch_grid_weight: 0.0,
            dice_weight: 0.0,
            scene_weight: 0.0,
            averaging: Averaging::Pixels,
            grid,
        }
    }
}

/// What the mean of the binary cross-entropy is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Averaging {
    /// Labelled pixels of all queries together.
    Pixels,
    /// Queries, each by its own labelled pixels: one that few images label counts as much as the
    /// others.
    Queries,
}

/// The parts of a loss, each a number with a gradient.
#[derive(Debug)]
pub struct Loss {
    /// What is minimised.
    pub total: Tensor,
    /// Binary cross-entropy over labelled pixels, and the Dice loss where it is asked for.
    pub segmentation: Tensor,
    /// `L_align`, mean over images that show at least one query; 0 if none does.
    pub alignment: Tensor,
}

/// BCE with logits at the resolution of the targets, plus λ times `L_align` and what else `terms`
/// ask for.
///
/// `logits: [N, K, H/4, W/4]`, `aligned: [N, D]`, `queries: [K, D]`, both L2-normalised.
pub fn loss(
    logits: &Tensor,
    aligned: &Tensor,
    queries: &Tensor,
    targets: &Targets,
    scenes: Option<&Scenes>,
    counts: &Counts,
    terms: Terms,
) -> Result<Loss, TrainError> {
    let segmentation = segmentation_loss(logits, targets, counts, terms)?;
    let labels = &targets.labels;
    let alignment = match terms.alignment {
        Alignment::Cosine => cosine_alignment(aligned, queries, labels, counts)?,
        Alignment::Contrastive => contrastive_alignment(aligned, queries, labels, counts)?,
    };
    let mut total = segmentation.f_add(&alignment.f_mul_scalar(terms.alignment_weight)?)?;
    if terms.patch_grid_weight > 0.0 {
        total = total.f_add(
            &patch_grid(logits, terms.grid, counts)?.f_mul_scalar(terms.patch_grid_weight)?,
        )?;
    }
    if let Some(scenes) = scenes {
        total = total.f_add(&scene_naming(aligned, scenes)?.f_mul_scalar(terms.scene_weight)?)?;
    }
    Ok(Loss { total, segmentation, alignment })
}

#[cfg(test)]
mod tests;
