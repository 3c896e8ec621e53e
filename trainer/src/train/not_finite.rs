//! The batch that made a number infinite or undefined, for a person to look at.

use std::path::Path;

use rszs_data::sampler::Origin;
use rszs_data::{Batch, IndexMask, RgbImage, Sampler};
use serde::Serialize;

use crate::TrainError;
use crate::run::write_atomically;

#[derive(Serialize)]
struct Description<'a> {
    /// Optimiser steps taken before.
    step: u64,
    /// The number that is not finite.
    what: &'a str,
    words: &'a [String],
    /// From the top of `tiles.png` to its bottom.
    crops: Vec<Crop<'a>>,
}

#[derive(Serialize)]
struct Crop<'a> {
    set: &'a str,
    image: String,
    /// Set and image that ClassMix took pixels from.
    laid_over: Option<[String; 2]>,
}

/// Writes `tiles.png` (the crops as the network saw them, one below the other), `masks.png` (their
/// class indices, each of the set it is from) and `batch.json`.
pub(super) fn save_batch(
    folder: &Path,
    sampler: &Sampler,
    batch: &Batch,
    words: &[String],
    what: &str,
) -> Result<(), TrainError> {
    let (width, height) = (batch.tile_px, batch.tile_px * batch.origins.len());
    let name = |origin: &Origin| sampler.sources()[origin.source].set.name();
    let mut crops = Vec::new();
    for (origin, laid_over) in batch.origins.iter().zip(&batch.laid_over) {
        let image = |origin: Origin| Ok::<_, TrainError>(sampler.sample(origin)?.id.clone());
        let over = laid_over
            .map(|over| Ok::<_, TrainError>([name(&over).to_owned(), image(over)?]))
            .transpose()?;
        crops.push(Crop { set: name(origin), image: image(*origin)?, laid_over: over });
    }
    let description = Description { step: batch.step, what, words, crops };
    write_atomically(&folder.join("batch.json"), &serde_json::to_vec_pretty(&description)?)?;
    RgbImage { width, height, pixels: batch.images.clone() }
        .write_png(&folder.join("tiles.png"))?;
    IndexMask { width, height, ids: batch.masks.clone() }.write_png(&folder.join("masks.png"))?;
    Ok(())
}
