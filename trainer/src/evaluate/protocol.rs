//! The ways to evaluate.

use std::path::PathBuf;

use clap::ValueEnum;
use rszs_data::RgbImage;
use rszs_hot::TileLayout;
use serde::Serialize;
use tch::Tensor;

use super::prediction::Prediction;
use super::{EvaluateSettings, Model, deployment, gsnet};
use crate::run::Run;
use crate::{PromptSettings, TrainError};

/// The one prompt of GSNet's training and evaluation.
const GSNET_PROMPT: &str = "A photo of a {} in the scene";

/// How an image becomes scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Tiles at the image's own size, blended as the runtime does: what a device will see
    Deployment,
    /// Five views of the squashed image and one prompt, "A photo of a {} in the scene", as GSNet
    /// is evaluated: for tables beside its own
    Gsnet,
}

impl Protocol {
    /// What `model` says about an image; `vectors: [K, D]`.
    pub(super) fn predict(
        self,
        model: &Model,
        image: &RgbImage,
        vectors: &Tensor,
        settings: &EvaluateSettings,
    ) -> Result<Prediction, TrainError> {
        let queries = vectors.size()[0] as usize;
        let logits = |tiles: &[u8]| model.logits(tiles, vectors);
        match self {
            Self::Deployment => {
                let layout = TileLayout::of_engine(model.tile_px as u32, settings.overlap_px);
                deployment::predict(image, layout, settings.batch_size, queries, logits)
            }
            Self::Gsnet => {
                gsnet::predict(image, model.tile_px, settings.batch_size, queries, logits)
            }
        }
    }

    /// How a word becomes sentences: as described, or as the predecessor has it.
    pub(super) fn prompts(self, described: PromptSettings) -> PromptSettings {
        match self {
            Self::Deployment => described,
            Self::Gsnet => PromptSettings { templates: vec![GSNET_PROMPT.to_owned()] },
        }
    }

    /// Its name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::Gsnet => "gsnet",
        }
    }

    /// A file of this protocol's evaluation: in the run's folder, or below its `gsnet/`.
    pub(super) fn path(self, run: &Run, name: &str) -> PathBuf {
        match self {
            Self::Deployment => run.path(name),
            Self::Gsnet => run.path(self.name()).join(name),
        }
    }
}
