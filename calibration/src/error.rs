//! Why a run did not happen or stopped. There are no partial results: a threshold from a part of a
//! set looks like one from all of it.

use std::io;
use std::path::PathBuf;

use rszs_bundle::{BundleError, ScoreError, VocabularyError, WriteError};
use rszs_data::DataError;
use rszs_edge::cli::engine_arguments::EngineConflict;
use rszs_edge::frame::layout::LayoutError;
use rszs_edge::queries::QueryError;
use rszs_edge::segment::SegmentError;
use rszs_edge::source::SourceError;
use rszs_engine::{EngineError, LoadError, NoEngine};
use rszs_export::bundle::ExportError;
use rszs_export::lower::HalfError;
use rszs_export::unpack::UnpackError;
use rszs_graph::{GraphError, InterpretError, QuantizeError};
use rszs_metrics::MetricsError;

use crate::exit::ExitStatus;

/// A run that did not happen or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was typed about engines does not go together.
    #[error(transparent)]
    Engines(#[from] EngineConflict),
    /// A set was typed twice.
    #[error("--set: expected each set once, found one of them twice; remove one")]
    SetTwice,
    /// No set to measure on.
    #[error("{path}: expected a folder with one of the sets {known}, found none; name your own \
        with --set", path = .folder.display())]
    NoSets {
        /// The data folder.
        folder: PathBuf,
        /// The sets that are known by name.
        known: String,
    },
    /// The set has no image in the split.
    #[error(
        "{set}: expected images in the split {split}, found none; choose the other one with \
         --split"
    )]
    EmptySplit {
        /// The set.
        set: String,
        /// The split.
        split: &'static str,
    },
    /// No set says anything about any word.
    #[error("{bundle}: expected a vocabulary with one of the words that the sets label, \
        {labelled}, found none of them", bundle = .bundle.display())]
    NothingLabelled {
        /// The bundle.
        bundle: PathBuf,
        /// The words of the sets.
        labelled: String,
    },
    /// A word of `--with-ruled-out` is none of the bundle.
    #[error("--with-ruled-out: expected words of the bundle, {known}, found {word}")]
    UnknownRuledOut {
        /// What was typed.
        word: String,
        /// The words of the bundle.
        known: String,
    },
    /// No image to observe ranges on.
    #[error(
        "--data: expected training images to observe ranges on, found none in {sets}; name \
         another set with --set"
    )]
    NothingToObserve {
        /// The sets.
        sets: String,
    },
    /// A value that is no number.
    #[error(
        "{node}: expected finite values, found {found} on a training tile (weights of a run that \
         diverged?)"
    )]
    NotFinite {
        /// The node.
        node: String,
        /// The value.
        found: f32,
    },
    /// Only one engine has fast products of 8-bit numbers.
    #[error(
        "--engine: expected ONNX Runtime on the processor (cpu), which alone runs INT8 faster, \
         found {found}; run `cargo xtask setup` or name a library with --onnxruntime"
    )]
    NoFastInt8 {
        /// The engine that was started.
        found: &'static str,
    },
    /// No network can be had from the bundle.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// The network cannot be written down from its configuration.
    #[error("network: {0}")]
    Network(#[from] GraphError),
    /// The network cannot be quantized.
    #[error(transparent)]
    Quantize(#[from] QuantizeError),
    /// The network cannot be written as ONNX.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The oracle does not run the network.
    #[error("oracle: {0}")]
    Oracle(#[from] InterpretError),
    /// The oracle does not run the network in half precision.
    #[error(transparent)]
    Half(#[from] HalfError),
    /// The engine does not take a file that was made here.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The engine failed on a file that was made here.
    #[error(transparent)]
    Probe(#[from] EngineError),
    /// A set cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The runtime does not read an image.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Image and mask do not lie over each other.
    #[error(
        "{path}: expected {mask_wide}x{mask_high} pixels like its mask, found {wide}x{high}",
        path = .path.display()
    )]
    Sizes {
        /// The image.
        path: PathBuf,
        /// Width of the mask.
        mask_wide: usize,
        /// Height of the mask.
        mask_high: usize,
        /// Width of the image.
        wide: u32,
        /// Height of the image.
        high: u32,
    },
    /// The bundle is refused.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The bundle's tiles cannot be laid over an image.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The words of the bundle cannot be used as queries.
    #[error("vocabulary: {0}")]
    Query(#[from] QueryError),
    /// No engine runs the bundle.
    #[error(transparent)]
    Engine(#[from] NoEngine),
    /// An image could not be segmented.
    #[error("{path}: {source}", path = .path.display())]
    Segment {
        /// The image.
        path: PathBuf,
        /// Why.
        source: SegmentError,
    },
    /// Pixels could not be counted.
    #[error("{path}: {source}", path = .path.display())]
    Count {
        /// The image.
        path: PathBuf,
        /// Why.
        source: MetricsError,
    },
    /// Pixels of the baseline could not be counted.
    #[error("{image}: baseline: {source}")]
    Baseline {
        /// The image.
        image: String,
        /// Why.
        source: MetricsError,
    },
    /// A contact sheet could not be written.
    #[error("{path}: expected to write a contact sheet, found: {source}", path = .path.display())]
    Sheet {
        /// The file or its folder.
        path: PathBuf,
        /// Why not.
        source: image::ImageError,
    },
    /// A threshold or temperature that no vocabulary takes.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// The new vocabulary is refused.
    #[error(transparent)]
    Vocabulary(#[from] VocabularyError),
    /// The bundle cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The report cannot be written.
    #[error("{path}: expected to write the report, found: {source}", path = .path.display())]
    Report {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The reader of stdout has gone, or the disk behind it is full.
    #[error("stdout: expected to write results, found: {0}")]
    Stdout(#[source] io::Error),
    /// Signals cannot be watched.
    #[error("signals: expected to watch SIGINT and SIGTERM, found: {0}")]
    Signals(#[source] io::Error),
    /// Somebody asked to stop.
    #[error("interrupted; nothing was written")]
    Interrupted,
}

impl Error {
    /// What the shell gets.
    pub fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Engines(_)
            | Self::SetTwice
            | Self::NoSets { .. }
            | Self::EmptySplit { .. }
            | Self::NothingLabelled { .. }
            | Self::UnknownRuledOut { .. }
            | Self::NothingToObserve { .. }
            | Self::Data(DataError::UnknownSet { .. }) => ExitStatus::Usage,
            Self::Data(_) | Self::Source(_) | Self::Sizes { .. } => ExitStatus::DataRefused,
            Self::Bundle(_)
            | Self::Layout(_)
            | Self::Query(_)
            | Self::NotFinite { .. }
            | Self::Unpack(_)
            | Self::Network(_)
            | Self::Quantize(_)
            | Self::Export(_)
            | Self::Oracle(_)
            | Self::Half(_) => ExitStatus::BundleRefused,
            Self::NoFastInt8 { .. }
            | Self::Load(_)
            | Self::Probe(_)
            | Self::Engine(_)
            | Self::Segment { .. }
            | Self::Count { .. }
            | Self::Baseline { .. }
            | Self::Signals(_) => ExitStatus::NoEngine,
            Self::Score(_)
            | Self::Vocabulary(_)
            | Self::Write(_)
            | Self::Report { .. }
            | Self::Sheet { .. }
            | Self::Stdout(_) => ExitStatus::OutputFailed,
            Self::Interrupted => ExitStatus::Interrupted,
        }
    }
}
