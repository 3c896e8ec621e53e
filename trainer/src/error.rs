//! What can go wrong in training.

use std::path::PathBuf;

use rszs_checkpoint::CheckpointError;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// An output was asked for that the graph does not have.
    #[error("no output named {name}; the graph has {known}")]
    UnknownOutput {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// An input that a wanted output needs has no value.
    #[error(
        "input {name}: expected {expected}, found nothing; feed it, or ask only for outputs that \
         do not need it"
    )]
    NotFed {
        /// The input.
        name: String,
        /// Its shape.
        expected: String,
    },
    /// A value of another shape than the input's.
    #[error("input {name}: expected {expected} with one N and one K for all inputs, found {found}")]
    Feed {
        /// The input.
        name: String,
        /// Its shape.
        expected: String,
        /// The shape of the value.
        found: String,
    },
    /// libtorch refused an op.
    #[error("node {name} ({op}): {source}")]
    Node {
        /// The node.
        name: String,
        /// Its op.
        op: &'static str,
        /// What libtorch said.
        source: tch::TchError,
    },
    /// libtorch refused something outside a graph.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    /// The graph has a parameter that was never made.
    #[error("parameter {name}: expected a tensor, found none; known are parameters of {known}")]
    UnknownParameter {
        /// The parameter.
        name: String,
        /// The name prefixes that exist.
        known: String,
    },
    /// Two graphs disagree about a parameter they share.
    #[error("parameter {name}: expected shape {expected:?}, found {found:?} ({hint})")]
    ParameterShape {
        /// The parameter.
        name: String,
        /// The shape the graph wants.
        expected: Vec<i64>,
        /// The shape there is.
        found: Vec<i64>,
        /// Where the other shape may come from.
        hint: String,
    },
    /// Checkpoint and graph do not hold the same parameters.
    #[error("{}: expected {expected}, found {found}; {hint}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What should have been there.
        expected: String,
        /// What was there.
        found: String,
        /// What to do.
        hint: &'static str,
    },
    /// Weights that are damaged, or of another network.
    #[error(transparent)]
    Weights(CheckpointError),
    /// Published weights that cannot be taken over.
    #[error(transparent)]
    Import(#[from] crate::import::ImportError),
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// A file of the run could not be written: no room, or no permission.
    #[error(
        "{}: {source}; what was there before is unchanged: make room or make the folder writable, \
         then give the same \
         command again", path.display()
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// Two processes would write the same files.
    #[error(
        "{}: another process trains here; wait for it, or choose another --run",
        folder.display()
    )]
    Locked {
        /// The run's folder.
        folder: PathBuf,
    },
    /// A process of several is gone, or never came.
    #[error("rank {rank} of {size}: {reason}")]
    Rank {
        /// The process, from 0.
        rank: usize,
        /// How many there are.
        size: usize,
        /// What is known.
        reason: String,
    },
    /// A way to sum over ranks that cannot be had.
    #[error("--transport {transport}: expected {expected}, found {found}; {hint}")]
    Transport {
        /// What was asked for.
        transport: &'static str,
        /// What should have been there.
        expected: String,
        /// What was there.
        found: String,
        /// What to do.
        hint: String,
    },
    /// Signals cannot be watched.
    #[error("signals: expected to watch SIGINT and SIGTERM, found: {0}")]
    Signals(std::io::Error),
    /// A device that cannot be had.
    #[error("--device {device}: expected {expected}, found {found}; {hint}")]
    Device {
        /// What was asked for.
        device: String,
        /// What should have been there.
        expected: String,
        /// What was there.
        found: String,
        /// What to do.
        hint: &'static str,
    },
    /// The driver of a CUDA device.
    #[error(transparent)]
    Cuda(#[from] rszs_cuda::Error),
    /// A launcher that says too little.
    #[error("environment {name}: expected {expected}, found {found}")]
    Environment {
        /// The variable.
        name: &'static str,
        /// What it should hold.
        expected: String,
        /// What it holds.
        found: String,
    },
    /// A number that training cannot go on with, and what it came from.
    #[error(
        "{}: step {step}: {what} is not finite; its batch is in this folder and no checkpoint was \
         touched: look at the \
         images, lower the learning rate, then give the same command again", folder.display()
    )]
    NotFiniteBatch {
        /// Where the batch was saved.
        folder: PathBuf,
        /// The number.
        what: String,
        /// Optimiser steps taken before.
        step: u64,
    },
    /// A number that training cannot go on with.
    #[error(
        "step {step}: {what} is not finite; lower the learning rate or go back to the last \
         checkpoint"
    )]
    NotFinite {
        /// The number.
        what: String,
        /// Optimiser steps taken before.
        step: u64,
    },
    /// A run description that cannot be followed.
    #[error("{}: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A query that nothing is known of.
    #[error("query {word}: expected one of {known}")]
    UnknownWord {
        /// The query.
        word: String,
        /// The queries there are.
        known: String,
    },
    /// A network that cannot be written down.
    #[error(transparent)]
    Graph(#[from] rszs_graph::GraphError),
    /// A data set.
    #[error(transparent)]
    Data(#[from] rszs_data::DataError),
    /// A tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] rszs_tokenizer::TokenizerError),
    /// Counting.
    #[error(transparent)]
    Metrics(#[from] rszs_metrics::MetricsError),
    /// Something that cannot be written as JSON.
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Tiling.
    #[error(transparent)]
    Tile(#[from] rszs_hot::TileError),
    /// Blending.
    #[error(transparent)]
    Blend(#[from] rszs_hot::BlendError),
    /// Deciding.
    #[error(transparent)]
    Decide(#[from] rszs_hot::DecideError),
    /// A threshold.
    #[error(transparent)]
    Rule(#[from] rszs_hot::RuleError),
}

impl From<CheckpointError> for TrainError {
    fn from(error: CheckpointError) -> Self {
        match error {
            CheckpointError::Read { path, source } => Self::File { path, source },
            CheckpointError::Write { path, source } => Self::Write { path, source },
            CheckpointError::Format { .. }
            | CheckpointError::Metadata { .. }
            | CheckpointError::ElementType { .. }
            | CheckpointError::Damaged { .. }
            | CheckpointError::NotFinite { .. }
            | CheckpointError::Difference { .. } => Self::Weights(error),
        }
    }
}

impl TrainError {
    /// For `map_err` on file operations.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// For `map_err` where a file is written.
    pub(crate) fn write(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Write { path, source }
    }

    /// For `map_err` where the tokenizer beside a checkpoint is read.
    pub(crate) fn no_tokenizer(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Checkpoint {
            path,
            expected: "the tokenizer beside its checkpoint".to_owned(),
            found: source.to_string(),
            hint: "copy the two together",
        }
    }
}
