//! Why a run did not happen or stopped.

use std::io;
use std::path::PathBuf;

use rszs_bundle::BundleError;

use crate::cli::engine_arguments::EngineConflict;
use crate::cli::exit::ExitStatus;
use crate::compare::DifferenceError;
use crate::frame::layout::LayoutError;
use crate::queries::QueryError;
use crate::queries::text::TextError;
use crate::sink::SinkError;
use rszs_engine::NoEngine;

/// A run that did not happen or stopped. Inputs that fail are no such error: the run goes on
/// without them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was typed does not go together.
    #[error(transparent)]
    Engines(#[from] EngineConflict),
    /// Queries that cannot be used.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The default bundle is nowhere.
    #[error(
        "{found_nowhere}: expected the default bundle in a folder above {program} or above the \
         current one, found none; name a bundle with --bundle DIR",
        found_nowhere = found_nowhere.display(),
        program = program.display()
    )]
    NoDefaultBundle {
        /// Where it should be, below one of the folders above.
        found_nowhere: PathBuf,
        /// The program.
        program: PathBuf,
    },
    /// The bundle is refused.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The bundle's tiles cannot be laid over an image.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// No engine runs the bundle.
    #[error(transparent)]
    Engine(#[from] NoEngine),
    /// Results cannot be written.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// Two results that cannot be compared.
    #[error(transparent)]
    Difference(#[from] DifferenceError),
    /// Signals cannot be watched.
    #[error("signals: expected to watch SIGINT and SIGTERM, found: {0}")]
    Signals(#[source] io::Error),
}

impl Error {
    /// What the shell gets.
    pub fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Query(QueryError::Text(error)) => match error {
                TextError::TooLong { .. } => ExitStatus::Usage,
                TextError::Tokenizer(_) | TextError::NoDirection { .. } => {
                    ExitStatus::BundleRefused
                }
                TextError::Load(_) | TextError::Run(_) => ExitStatus::NoEngine,
            },
            Self::Engines(_)
            | Self::Query(_)
            | Self::Difference(_)
            | Self::Sink(SinkError::WouldOverwriteInput(_)) => ExitStatus::Usage,
            Self::Engine(NoEngine { is_interrupted: true, .. }) => ExitStatus::Interrupted,
            Self::NoDefaultBundle { .. } | Self::Bundle(_) | Self::Layout(_) => {
                ExitStatus::BundleRefused
            }
            Self::Engine(_) | Self::Signals(_) => ExitStatus::NoEngine,
            Self::Sink(_) => ExitStatus::OutputFailed,
        }
    }
}
