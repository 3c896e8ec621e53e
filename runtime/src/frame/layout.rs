//! The tiles that a bundle's engine takes, laid over images of a known or unknown scale.

use std::path::PathBuf;

use rszs_bundle::Bundle;
use rszs_hot::{TileError, TileGrid, TileLayout};

use crate::frame::ground::GroundSample;

/// The bundle's tiles cannot be laid over an image.
#[derive(Debug, thiserror::Error)]
#[error("manifest.json of {bundle}: {source}", bundle = .bundle.display())]
pub struct LayoutError {
    /// The bundle.
    pub bundle: PathBuf,
    /// Why.
    pub source: TileError,
}

/// The layout of `bundle`. Where the ground under a pixel is known, tiles grow until the network
/// sees it no finer than it was trained on.
pub fn layout(bundle: &Bundle, ground: Option<GroundSample>) -> Result<TileLayout, LayoutError> {
    let manifest = bundle.manifest();
    let layout = TileLayout::of_engine(manifest.engine.tile_px, manifest.engine.overlap_px);
    TileGrid::new(layout.tile_px, layout.tile_px, layout)
        .map_err(|source| LayoutError { bundle: bundle.path().to_owned(), source })?;
    Ok(layout.reduced(reduction(bundle, ground)))
}

/// How many times smaller the network of `bundle` should see an image; 1 where the size of a pixel
/// is not known, of the image or of those of training.
pub fn reduction(bundle: &Bundle, ground: Option<GroundSample>) -> u32 {
    match (ground, bundle.manifest().training_gsd_m) {
        (Some(ground), Some([finest_m, _])) => ground.reduction(finest_m),
        _ => 1,
    }
}
