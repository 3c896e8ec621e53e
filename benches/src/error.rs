//! Why nothing was measured, or a report was not written.

use std::io;
use std::path::PathBuf;

use rszs_edge::cli::exit::ExitStatus;

/// A run that did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Bundle, engine or queries.
    #[error(transparent)]
    Edge(#[from] rszs_edge::error::Error),
    /// An image that cannot be read or segmented: all configurations must see the same ones.
    #[error(transparent)]
    Image(#[from] rszs_edge::pipeline::ImageError),
    /// None of the engines that were asked for.
    #[error(
        "expected at least one engine that passes the self-test, found: {}",
        skipped.join("; ")
    )]
    NoEngine {
        /// Each with its reason.
        skipped: Vec<String>,
    },
    /// A preset that cannot be built.
    #[error("network: {0}")]
    Network(#[from] rszs_graph::GraphError),
    /// The engine does not run one large product.
    #[error("one large product: {0}")]
    Gemm(#[from] rszs_engine::LoadError),
    /// No report of this program.
    #[error(
        "{path}: expected a report of rszs-bench --json, schema {schema}, found: {found}",
        path = path.display(),
        schema = crate::report::SCHEMA
    )]
    Report {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        found: String,
    },
    /// A report that says nothing about this run. What was measured has been written.
    #[error("--baseline {path}: {source}", path = path.display())]
    Baseline {
        /// The file.
        path: PathBuf,
        /// Why.
        source: crate::baseline::NotComparable,
    },
    /// A report that cannot be written.
    #[error("{path}: expected to write a report, found: {source}; name a file in a folder that is \
        there", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Nobody reads stdout any more.
    #[error("stdout: expected to write the table, found: {0}")]
    Stdout(#[source] io::Error),
}

impl Error {
    /// What the shell gets.
    pub fn exit_code(&self) -> u8 {
        let status = match self {
            Self::Edge(error) => error.exit_status(),
            Self::Image(_) | Self::Report { .. } | Self::Baseline { .. } => ExitStatus::Usage,
            Self::Network(_) => ExitStatus::BundleRefused,
            Self::NoEngine { .. } | Self::Gemm(_) => ExitStatus::NoEngine,
            Self::Write { .. } | Self::Stdout(_) => ExitStatus::OutputFailed,
        };
        status.code()
    }
}
