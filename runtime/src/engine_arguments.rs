//! How an engine is asked for on a command line: the same words for every program that runs bundles.

use std::num::NonZero;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use rszs_bundle::Precision;

use crate::engine::{EngineKind, EngineOptions};

/// Engine, threads, batch.
#[derive(Debug, Clone, Args)]
pub struct EngineArguments {
    /// What computes the network
    #[arg(long, value_enum, default_value_t = EngineChoice::Auto)]
    pub engine: EngineChoice,

    /// Precision of the model file: int8 was written into the bundle only where it measured faster and nearly as good
    #[arg(long, value_enum, default_value_t = PrecisionChoice::Auto)]
    pub precision: PrecisionChoice,

    /// Threads of the engine [default: one per core]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// Tiles per call of the engine: more may be faster and takes more memory
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub batch: u16,

    /// Library file of ONNX Runtime [default: searched, see rszs-edge --help]
    #[arg(long, value_name = "FILE")]
    pub onnxruntime: Option<PathBuf>,
}

/// What computes the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EngineChoice {
    /// ONNX Runtime if it is found and passes the self-test, else embedded
    Auto,
    /// ONNX Runtime, from a library file on this machine
    Onnxruntime,
    /// The engine inside this program; needs nothing installed
    Embedded,
}

/// Which model file of the bundle is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PrecisionChoice {
    /// int8 where the engine is ONNX Runtime and the bundle offers it, else fp32
    Auto,
    /// 32-bit floats
    Fp32,
    /// 8-bit integers in the heavy products; ONNX Runtime only
    Int8,
}

impl PrecisionChoice {
    fn precision(self) -> Option<Precision> {
        match self {
            Self::Auto => None,
            Self::Fp32 => Some(Precision::Fp32),
            Self::Int8 => Some(Precision::Int8),
        }
    }
}

/// A library was named for an engine that uses none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("--onnxruntime: expected another engine than --engine embedded; remove one of them")]
pub struct EngineConflict;

impl EngineArguments {
    /// As [`start`](crate::engine::start) takes it.
    pub fn options(&self) -> Result<EngineOptions, EngineConflict> {
        let kind = match self.engine {
            EngineChoice::Auto => None,
            EngineChoice::Onnxruntime => Some(EngineKind::OnnxRuntime),
            EngineChoice::Embedded if self.onnxruntime.is_some() => return Err(EngineConflict),
            EngineChoice::Embedded => Some(EngineKind::Embedded),
        };
        let threads = self.threads.and_then(|threads| NonZero::new(usize::from(threads)));
        Ok(EngineOptions { kind, precision: self.precision.precision(), threads, library: self.onnxruntime.clone() })
    }
}
