//! What can go wrong with one frame on a device.

use rszs_hot::{BlendError, TileError};

use crate::Error;

/// A frame could not be segmented on the device.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The device or its driver.
    #[error(transparent)]
    Cuda(#[from] Error),
    /// The image cannot be tiled.
    #[error(transparent)]
    Tile(#[from] TileError),
    /// The engine's logits cannot be blended.
    #[error(transparent)]
    Blend(#[from] BlendError),
    /// The engine failed.
    #[error("engine: {0}")]
    Engine(String),
    /// As many frames as there are places are under way.
    #[error("frames under way: expected fewer than {most}; collect one first")]
    Full {
        /// Places.
        most: usize,
    },
    /// No frame is under way.
    #[error("frames under way: expected one to collect, found none")]
    Nothing,
    /// The settings do not fit together.
    #[error("{what}: expected {expected}, found {found}")]
    Settings {
        /// Which of them.
        what: &'static str,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
}
