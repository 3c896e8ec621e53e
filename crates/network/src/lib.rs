//! RS-ZeroSeg, defined once.
//!
//! The paper's figure, from left to right, is [`image_graph`]'s body:
//!
//! ```text
//!           ┌─ clip::dense_tower ─┐             E(t_k): [K, D] ──┬──────────────┐
//! tiles ────┤   taps ─────────┐   ├─ dsfe ─ ms_cam ─── F ─────── carh ─ logits  align ─ presence
//! [N,H,W,3] └─ dino::tower ───│───┘           │  [N, C, H/4, W/4]  [N, K, H/4, W/4]     [N, K]
//!                             └───────────────┘
//! ```
//!
//! In small presets both streams stand on one convolutional [`stem`] instead of patches, and the
//! taps are its finer maps.
//!
//! No weights, no libtorch, no ONNX here: the graph is data, and others interpret it. Every size
//! comes from [`Config`]. What the paper leaves open is settled in the module that needs it, with
//! its source.
//!
//! Letters: N images, K queries, T tokens, C channels, D joint width of images and words, H and W
//! pixels.

mod align;
mod carh;
pub mod clip;
mod config;
pub mod dino;
mod dsfe;
mod layers;
mod model;
mod ms_cam;
mod policy;
mod preprocess;
pub mod stem;

pub use config::{Config, HeadConfig, StageConfig, StemConfig, TextConfig, VitConfig};
pub use layers::TokenSource;
pub use model::{Purpose, image_graph, text_graph};
pub use policy::{Policy, StreamPolicy, TextPolicy, block_of};
