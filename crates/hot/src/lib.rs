//! What touches every pixel between the engine's output and the sink: tile grid, blending,
//! decision, run-length encoding.
//!
//! `#![no_std]` without `alloc`: the compiler, not a reviewer, keeps allocation out. Every buffer
//! belongs to the caller, who asks for its size once ([`TileGrid::weights_len`],
//! [`TileGrid::logits_len`], [`words_per_row`]) and keeps it from frame to frame.
//!
//! ```text
//! TileGrid -> fill_tile -> (engine) -> Blender -> Decider -> class row, RegionStatistics
//!                                                         -> mask rows -> RunEncoder
//! ```
//!
//! Letters: K queries, H W pixels; `H4 = ceil(H / 4)`, `W4 = ceil(W / 4)` count logits, T4 is the
//! side of a tile in logits.
//!
//! No float image of full resolution ever exists: a decision is taken for 64 pixels of one row at a
//! time, on the stack.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod blend;
mod blend_error;
mod decide;
mod fill;
mod logits;
mod mask;
mod region;
mod rle;
mod rule;
mod sigmoid;
mod tile;
mod upsample;
mod weights;
mod winners;

pub use blend::Blender;
pub use blend_error::BlendError;
pub use decide::{
    DecideBuffers, DecideError, DecidedRow, Decider, Decision, INVALID_CLASS, MAX_QUERIES,
};
pub use fill::fill_tile;
pub use logits::{LogitRows, LogitRowsError};
pub use mask::{transpose_mask, words_per_row};
pub use region::{Bounds, RegionStatistics, RegionSums, SCORE_STEPS};
pub use rle::{RleError, RunEncoder, RunSink, decode_runs, read_coco_counts, write_coco_counts};
pub use rule::{QueryRule, RuleError};
pub use sigmoid::{logit, sigmoid};
pub use tile::{MAX_SIDE_PX, Tile, TileError, TileGrid, TileLayout};
pub use weights::BlendWeights;

/// Pixels between two logits, in both directions: the engine contract's `logits: [N, K, H/4, W/4]`.
pub const LOGIT_STRIDE_PX: u32 = 4;
