//! How an engine is asked for on a command line: the same words for every program that runs
//! bundles.

use std::num::NonZero;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use rszs_bundle::Precision;

use rszs_engine::{EngineKind, EngineOptions};

/// Engine, threads, batch.
#[derive(Debug, Clone, Args)]
pub struct EngineArguments {
    /// What computes the network
    #[arg(long, value_enum, default_value_t = EngineChoice::Auto)]
    pub engine: EngineChoice,

    /// Precision of the model file; a bundle has int8 only where it was measured to be faster and
    /// nearly as good
    #[arg(long, value_enum, default_value_t = PrecisionChoice::Auto)]
    pub precision: PrecisionChoice,

    /// Threads of the engine [default: one per core]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// Tiles per call of the engine: more may be faster and takes more memory
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(1..=256)
    )]
    pub batch: u16,

    /// Library file of ONNX Runtime, for the engines cuda and cpu [default: searched, see rszs-edge
    /// --help]
    #[arg(long, value_name = "FILE")]
    pub onnxruntime: Option<PathBuf>,

    /// Folder of the plans that TensorRT has built on this machine [default: rszs/engines in the
    /// user's folder for caches]
    #[arg(long, value_name = "DIR")]
    pub engine_cache: Option<PathBuf>,
}

/// What computes the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EngineChoice {
    /// The first of the others, in this order, that is on this machine and passes the self-test
    Auto,
    /// TensorRT 10 or 11 on a GPU: a plan is built at the first start, which may take minutes, and
    /// kept
    Tensorrt,
    /// TensorRT-RTX 1.3 to 1.7 on a GPU, in the same way
    TensorrtRtx,
    /// ONNX Runtime on a GPU, from a library file with the CUDA provider
    Cuda,
    /// ONNX Runtime on the processor, from a library file on this machine
    Cpu,
    /// The engine inside this program; needs nothing installed
    Embedded,
}

impl EngineChoice {
    /// The one engine; nothing for [`Auto`](Self::Auto).
    pub fn kind(self) -> Option<EngineKind> {
        match self {
            Self::Auto => None,
            Self::Tensorrt => Some(EngineKind::TensorRt),
            Self::TensorrtRtx => Some(EngineKind::TensorRtRtx),
            Self::Cuda => Some(EngineKind::Cuda),
            Self::Cpu => Some(EngineKind::Cpu),
            Self::Embedded => Some(EngineKind::Embedded),
        }
    }

    /// Whether a library file of ONNX Runtime can be named for it.
    pub fn takes_library(self) -> bool {
        self.kind().is_none_or(EngineKind::is_onnxruntime)
    }
}

/// Which model file of the bundle is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PrecisionChoice {
    /// fp16 on a GPU, int8 in ONNX Runtime on a processor that is fast with it, where the bundle
    /// offers them; else fp32
    Auto,
    /// 32-bit floats
    Fp32,
    /// 16-bit floats; on a GPU only
    Fp16,
    /// 8-bit integers in the heavy products; in ONNX Runtime on the processor only
    Int8,
    /// The same with 16-bit floats between; in TensorRT only, its speed is not measured
    #[value(name = "int8-fp16")]
    Int8Fp16,
}

impl PrecisionChoice {
    fn precision(self) -> Option<Precision> {
        match self {
            Self::Auto => None,
            Self::Fp32 => Some(Precision::Fp32),
            Self::Fp16 => Some(Precision::Fp16),
            Self::Int8 => Some(Precision::Int8),
            Self::Int8Fp16 => Some(Precision::Int8Fp16),
        }
    }
}

/// A library was named for an engine that uses none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "--onnxruntime: expected --engine auto, cuda or cpu, found one that uses no ONNX Runtime; \
     remove one of the two options"
)]
pub struct EngineConflict;

impl EngineArguments {
    /// As [`start`](rszs_engine::start) takes it.
    pub fn options(&self) -> Result<EngineOptions, EngineConflict> {
        if self.onnxruntime.is_some() && !self.engine.takes_library() {
            return Err(EngineConflict);
        }
        let count = |count: u16| NonZero::new(usize::from(count));
        Ok(EngineOptions {
            kind: self.engine.kind(),
            precision: self.precision.precision(),
            threads: self.threads.and_then(count),
            library: self.onnxruntime.clone(),
            batch: count(self.batch),
            engine_cache: self.engine_cache.clone(),
            ..EngineOptions::default()
        })
    }
}
