//! Third floor: what is public. Types own what they made and borrow what it needs.
#![allow(
    unsafe_code,
    reason = "the calls below are unsafe by the terms of `crate::result`, which the types here \
        fulfil"
)]

mod builder;
mod config;
mod context;
mod data_type;
mod engine;
mod error;
mod installed;
mod library;
mod load_error;
mod loaded_plan;
mod log;
mod network;
mod owned;
mod plan;
mod runtime;

pub use builder::Builder;
pub use config::{BuildProgress, BuilderConfig, BuilderFlag, ProfileShapes};
pub use context::ExecutionContext;
pub use data_type::{DataType, Direction, EngineTensor, TensorInfo};
pub use engine::Engine;
pub use error::{Error, ParseFault};
pub use library::{Library, LibraryFiles};
pub use load_error::LoadError;
pub use loaded_plan::{ContextId, LoadedPlan};
pub use log::{LogLine, LogLines, Logger, Severity};
pub use network::Network;
pub use plan::Plan;
pub use runtime::Runtime;
