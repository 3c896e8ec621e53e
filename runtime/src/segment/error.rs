//! What can go wrong with one frame.

use rszs_hot::{BlendError, DecideError, LogitRowsError, TileError};

use rszs_cuda::frame::FrameError;

use rszs_engine::EngineError;

/// One frame could not be segmented.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// The image cannot be tiled.
    #[error(transparent)]
    Tile(#[from] TileError),
    /// The engine failed on a batch.
    #[error("tiles {first} to {last}: {source}")]
    Engine {
        /// First tile of the batch.
        first: usize,
        /// Last tile of the batch.
        last: usize,
        /// Why.
        source: EngineError,
    },
    /// The engine gave no presence.
    #[error("tile {tile}, query {query}: expected a presence in [-1, 1], found {found}")]
    Presence {
        /// Number of the tile.
        tile: usize,
        /// Row of the engine.
        query: usize,
        /// What it gave.
        found: f32,
    },
    /// The engine's logits cannot be blended.
    #[error(transparent)]
    Blend(#[from] BlendError),
    /// The blended logits cannot be decided.
    #[error(transparent)]
    Decide(#[from] DecideError),
    /// Blended logits of an unexpected size.
    #[error(transparent)]
    Rows(#[from] LogitRowsError),
    /// The frame path of a device takes whole images alone.
    #[error(
        "expected an image at every pixel, found {found} pixels without one, which the frame path \
         of a GPU does not leave out yet; name an engine of the processor, such as --engine cpu"
    )]
    InvalidOnDevice {
        /// Pixels that hold no image.
        found: u64,
    },
    /// The device could not segment the frame.
    #[error(transparent)]
    Device(#[from] FrameError),
}
