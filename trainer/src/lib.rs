//! Trains RS-ZeroSeg with libtorch.
//!
//! | module | what it is |
//! |---|---|
//! | [`network`] | a graph of `rszs-graph` in libtorch, and its trained tensors |
//! | [`import`], [`pretrain`], [`train`] | published weights → towers → the network |
//! | [`loss`], [`optim`] | what is learned, and how |
//! | [`parallel`], [`device`] | ranks and where they compute |
//! | [`run`], [`checkpoint`] | a run's folder, its states and progress; weights on disk |
//! | [`prepare`] | data made ready before training |
//! | [`evaluate`], [`experiment`] | numbers of one model; the paper's tables |
//!
//! Letters: N images, K queries, T tokens, C channels, D joint width, H W pixels.

mod config;
mod error;
mod prompts;

pub mod checkpoint;
pub mod device;
pub mod evaluate;
pub mod experiment;
pub mod import;
pub mod loss;
pub mod network;
pub mod optim;
pub mod parallel;
pub mod prepare;
pub mod pretrain;
pub mod run;
pub mod train;

pub use config::{DataSettings, RunConfig};
pub use error::TrainError;
pub use network::eager::{Mode, eval, eval_with};
pub use network::parameters::{Parameters, group};
pub use network::positions::{PositionRule, interpolate_positions};
pub use network::precision::Precision;
pub use optim::average::Average;
pub use optim::loss_scale::{LossScale, LossScaleSettings};
pub use optim::optimizer::{AdamW, AdamWSettings};
pub use optim::schedule::Schedule;
pub use prompts::{PromptSettings, Prompts, TextEncoder};
pub use run::progress::{Progress, peak_resident_bytes};
pub use run::states::States;
pub use run::stop::{Ending, Stop};
