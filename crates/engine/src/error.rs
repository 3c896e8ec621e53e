//! Why an engine cannot be had, or what went wrong in it.

use std::path::PathBuf;

use rszs_bundle::{GoldenError, Precision};

use super::EngineKind;
use super::library::Refusal;
use super::onnxruntime::LEAST_CUDA_RELEASE;
use super::tensorrt::TensorRtError;

/// One call of an engine failed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// What the engine says.
    #[error("engine: {0}")]
    Run(String),
    /// The model has no such output, or not of floats.
    #[error(
        "engine: expected an output `{0}` of 32-bit floats, found none (model of another exporter?)"
    )]
    OutputMissing(String),
    /// An output of the wrong shape.
    #[error(
        "engine: output `{name}`: expected {expected:?}, found {found:?} (model of another \
         exporter?)"
    )]
    OutputShape {
        /// Name of the output.
        name: String,
        /// As the contract has it.
        expected: Vec<usize>,
        /// As the engine gave it.
        found: Vec<usize>,
    },
}

/// An engine cannot be used on this machine with this bundle.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No place holds a usable library.
    #[error("no library of ONNX Runtime found: {}", list(.0))]
    NoLibrary(Vec<Refusal>),
    /// A library of ONNX Runtime that is for the processor alone.
    #[error(
        "this ONNX Runtime has no CUDA provider ({library}); name one that has with --onnxruntime \
         FILE",
        library = .0.display()
    )]
    NoCudaProvider(PathBuf),
    /// A library of ONNX Runtime whose CUDA provider lacks kernels.
    #[error(
        "{library}: expected ONNX Runtime 1.{LEAST_CUDA_RELEASE} or later for the GPU, found \
         {found}, which leaves Resize to the processor (pip install --upgrade onnxruntime-gpu)",
        library = .library.display()
    )]
    OldCudaProvider {
        /// The library file.
        library: PathBuf,
        /// Its version.
        found: String,
    },
    /// No CUDA device.
    #[error(transparent)]
    Device(#[from] rszs_cuda::Error),
    /// A GPU was asked for, and the processor would have computed.
    #[error(
        "expected every node of the model on the GPU, found {nodes} left to the processor by ONNX \
         Runtime"
    )]
    NotOnGpu {
        /// How many of which operator.
        nodes: String,
    },
    /// TensorRT, its device, or the plan.
    #[error(transparent)]
    TensorRt(#[from] TensorRtError),
    /// The library was loaded and does not start.
    #[error("{path}: expected ONNX Runtime to start, found: {reason}", path = .path.display())]
    Library {
        /// The library file.
        path: PathBuf,
        /// What it says.
        reason: String,
    },
    /// The engine does not take the model.
    #[error("expected a model that {engine} can run, found: {reason}")]
    Model {
        /// The engine.
        engine: &'static str,
        /// What it says.
        reason: String,
    },
    /// The bundle holds no model of a precision that this engine runs.
    #[error("expected a model file of precision {expected}, found {found}")]
    Precision {
        /// What the engine runs, or what of it was asked for.
        expected: String,
        /// What there is, or what was asked for.
        found: String,
    },
    /// The model fails on the golden inputs.
    #[error("self-test: {0}")]
    Run(#[from] EngineError),
    /// The outputs are not the golden ones.
    #[error("self-test: {0}")]
    Golden(#[from] GoldenError),
    /// The same of a plan, which is kept.
    #[error(
        "self-test: {0}; `rszs-edge build --again` with the same bundle and --batch builds another \
         plan"
    )]
    GoldenOfPlan(#[source] GoldenError),
}

impl LoadError {
    /// Whether the engine is simply not on this machine, which is nothing to worry about.
    pub(super) fn is_absent(&self) -> bool {
        match self {
            Self::NoLibrary(_) | Self::NoCudaProvider(_) => true,
            Self::Device(error)
            | Self::TensorRt(
                TensorRtError::Device(error)
                | TensorRtError::DeviceAndLibrary { device: error, .. },
            ) => {
                matches!(error, rszs_cuda::Error::NoDriver | rszs_cuda::Error::NoDevice { .. })
            }
            Self::TensorRt(error) => {
                matches!(error, TensorRtError::Load(rszs_tensorrt::LoadError::NotFound { .. }))
            }
            Self::OldCudaProvider { .. }
            | Self::NotOnGpu { .. }
            | Self::Library { .. }
            | Self::Model { .. }
            | Self::Precision { .. }
            | Self::Run(_)
            | Self::Golden(_)
            | Self::GoldenOfPlan(_) => false,
        }
    }
}

/// An engine that was tried and refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Which.
    pub kind: EngineKind,
    /// Why.
    pub reason: String,
    /// It is not on this machine, which is nothing to worry about.
    pub is_absent: bool,
}

/// No engine passed, or the run was interrupted before one did.
#[derive(Debug, thiserror::Error)]
#[error(
    "{}",
    if *.is_interrupted {
        "interrupted before an engine was ready".to_owned()
    } else {
        format!("no engine can run this bundle; {}", reasons(.skipped))
    }
)]
pub struct NoEngine {
    /// What was tried, in order.
    pub skipped: Vec<Skipped>,
    /// Somebody asked to stop; nothing else was tried.
    pub is_interrupted: bool,
}

fn list(refusals: &[Refusal]) -> String {
    let lines: Vec<String> = refusals
        .iter()
        .map(|refusal| format!("{}: {}", refusal.place.display(), refusal.reason))
        .collect();
    lines.join("; ")
}

fn reasons(skipped: &[Skipped]) -> String {
    let lines: Vec<String> =
        skipped.iter().map(|one| format!("{}: {}", one.kind.name(), one.reason)).collect();
    lines.join("; ")
}

pub(super) fn precisions(found: impl Iterator<Item = Precision>) -> String {
    found.map(Precision::as_str).collect::<Vec<_>>().join(", ")
}
