//! The frame path on a device: pixels in, classes, masks and statistics out. Logits never leave the
//! device.
//!
//! ```text
//! copies:   upload ─┐
//! compute:          └─▶ job, clear ─▶ [fill → engine → blend → next] × batches ─┐
//!                       ┌───────────────────────────────────────────────────────┘
//!                       └─▶ decide ─▶ measure ─▶ download
//! ```
//!
//! Two streams: the next frame is copied to the device while this one is computed. What stands in
//! brackets is a CUDA graph, one for each number of tiles, captured once; what differs from batch
//! to batch and from frame to frame is read from device memory.
//!
//! Every kernel gives the bits of `rszs_hot`, its oracle. [`FramePath`] does not know the network,
//! only [`DeviceEngine`].
//!
//! Letters: N tiles of a batch, T side of a tile as the engine sees it, `T4 = T / 4`, K rows of the
//! engine, D width of an embedding, R rules, H W pixels, H4 W4 logits of the frame.

mod engine;
mod error;
mod job;
mod kernels;
mod memory;
mod path;
mod place;
mod rules;
mod settings;

pub use engine::{DeviceEngine, EngineShape, EngineTensors, LogitType};
pub use error::FrameError;
pub use path::FramePath;
pub use place::{BadLogit, FrameKeep, FrameResults, FrameTimes};
pub use rules::{Absence, FrameRule};
pub use settings::FrameSettings;
