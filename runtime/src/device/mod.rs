//! The frame path on a CUDA device: a frame goes up, classes, mask words, statistics and presences
//! come down.
//!
//! Tiles are cut, logits blended and pixels decided on the device, by kernels that give the bits of
//! `rszs_hot`: where the engine's logits are the same, so is every mask. See `rszs_cuda::frame`.

mod segmenter;

pub use segmenter::DeviceSegmenter;

use rszs_hot::TileLayout;

use crate::queries::QuerySet;
use crate::segment::Keep;
use rszs_engine::{BuildWatch, Engine, SharedTensorRt};

/// The frame path on the device that `engine` computes on; nothing where it computes on none. Where
/// the path cannot be had, the `watch` hears why: the masks are the same either way, only the way
/// is longer.
pub(crate) fn frame_path(
    engine: &Engine,
    layout: TileLayout,
    batch: usize,
    queries: &QuerySet,
    keep: Keep,
    watch: &BuildWatch,
) -> Option<DeviceSegmenter<SharedTensorRt>> {
    let engine = engine.on_device()?;
    if let Err(error) = engine.try_capture() {
        watch.warn(&format!("batches run one by one, without CUDA graphs: {error}"));
    }
    DeviceSegmenter::new(&engine.device(), engine, layout, batch, queries, keep)
        .map_err(|error| watch.warn(&format!("frames go through the processor: {error}")))
        .ok()
}
