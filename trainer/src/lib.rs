//! Trains RS-ZeroSeg with libtorch.
//!
//! [`eval`] interprets a graph of `rszs-graph` in libtorch; [`Parameters`] are its trained tensors
//! and [`checkpoint`] keeps them. Letters: N images, K queries, T tokens, C channels, D joint
//! width, H W pixels.

mod average;
mod config;
mod data_digest;
mod device_memory;
mod eager;
mod error;
mod loss_scale;
mod optimizer;
mod overlay;
mod parameters;
mod positions;
mod precision;
mod progress;
mod prompts;
mod schedule;
mod states;
mod stop;
mod tensorboard;

pub mod checkpoint;
pub mod device;
pub mod evaluate;
pub mod experiment;
pub mod features;
pub mod import;
pub mod loss;
pub mod parallel;
pub mod prepare;
pub mod pretrain;
pub mod run;
pub mod segments;
pub mod teacher;
pub mod text_training;
pub mod train;

pub use average::Average;
pub use config::{DataSettings, RunConfig};
pub use eager::{Mode, eval, eval_with};
pub use error::TrainError;
pub use loss_scale::{LossScale, LossScaleSettings};
pub use optimizer::{AdamW, AdamWSettings};
pub use parameters::{Parameters, group};
pub use positions::{PositionRule, interpolate_positions};
pub use precision::Precision;
pub use progress::{Progress, peak_resident_bytes};
pub use prompts::{PromptSettings, Prompts, TextEncoder};
pub use schedule::Schedule;
pub use states::States;
pub use stop::{Ending, Stop};
