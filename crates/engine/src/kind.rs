//! The engines and what each runs well.

use rszs_bundle::Precision;
use rszs_tensorrt::Family;
use serde::{Deserialize, Serialize};

use super::embedded::EmbeddedSession;
use super::onnxruntime::{OnnxRuntimeSession, Provider};
use super::session::Session;
use super::{EngineOptions, LoadError, tensorrt};

/// The engines, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EngineKind {
    /// TensorRT on a GPU, with a plan that is built on this machine.
    TensorRt,
    /// The same with TensorRT-RTX.
    TensorRtRtx,
    /// ONNX Runtime on a GPU, through its CUDA provider.
    Cuda,
    /// ONNX Runtime on the processor.
    Cpu,
    /// The engine inside this program.
    Embedded,
}

impl EngineKind {
    /// Every engine in the order in which they are tried.
    pub const ALL: [Self; 5] =
        [Self::TensorRt, Self::TensorRtRtx, Self::Cuda, Self::Cpu, Self::Embedded];

    /// As it stands in options and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::TensorRt => "tensorrt",
            Self::TensorRtRtx => "tensorrt-rtx",
            Self::Cuda => "cuda",
            Self::Cpu => "cpu",
            Self::Embedded => "embedded",
        }
    }

    /// Precisions of the model files that it runs well, the preferred one first. A bundle offers
    /// INT8 only if it was measured to be faster and nearly as good, on a CPU that sums products of
    /// bytes in one instruction; on others FP32 comes first. Half precision is slower there; it is
    /// for GPUs. INT8 for TensorRT comes last: it is not measured yet. The embedded engine has
    /// no fast products of 8-bit numbers.
    pub fn precisions(self) -> &'static [Precision] {
        match self {
            Self::TensorRt | Self::TensorRtRtx => {
                &[Precision::Fp16, Precision::Fp32, Precision::Int8Fp16]
            }
            Self::Cuda => &[Precision::Fp16, Precision::Fp32],
            Self::Cpu if sums_byte_products() => &[Precision::Int8, Precision::Fp32],
            Self::Cpu => &[Precision::Fp32, Precision::Int8],
            Self::Embedded => &[Precision::Fp32],
        }
    }

    /// The library behind it, if that is one of TensorRT's.
    pub(super) fn tensorrt_family(self) -> Option<Family> {
        match self {
            Self::TensorRt => Some(Family::TensorRt),
            Self::TensorRtRtx => Some(Family::TensorRtRtx),
            Self::Cuda | Self::Cpu | Self::Embedded => None,
        }
    }

    /// Whether it needs a CUDA device.
    pub fn is_gpu(self) -> bool {
        matches!(self, Self::TensorRt | Self::TensorRtRtx | Self::Cuda)
    }

    /// Whether a library file of ONNX Runtime can be named for it.
    pub fn is_onnxruntime(self) -> bool {
        matches!(self, Self::Cuda | Self::Cpu)
    }

    /// Version and place of the library behind it, once it is loaded.
    pub fn library(self) -> String {
        match self {
            Self::TensorRt | Self::TensorRtRtx => {
                self.tensorrt_family().map(tensorrt::library_name).unwrap_or_default()
            }
            Self::Cuda | Self::Cpu => OnnxRuntimeSession::library(),
            Self::Embedded => EmbeddedSession::library(),
        }
    }

    /// Loads the bytes of an ONNX file with any inputs, such as the text tower. What is run a few
    /// times is not worth a plan or a copy of its weights on a GPU: engines there leave it to the
    /// processor.
    pub fn load(self, model: &[u8], options: &EngineOptions) -> Result<Session, LoadError> {
        let threads = options.threads();
        match self {
            Self::Cuda | Self::Cpu => {
                OnnxRuntimeSession::load(model, threads, options.library.as_deref(), Provider::Cpu)
                    .map(Session::OnnxRuntime)
            }
            Self::TensorRt | Self::TensorRtRtx | Self::Embedded => {
                EmbeddedSession::load(model.to_vec(), threads).map(Session::Embedded)
            }
        }
    }
}

/// Whether this processor has the instruction that ONNX Runtime's products of bytes gain from: VNNI
/// on `x86_64`, the dot product on `aarch64` (Cortex-A76 and later, so every Orin; not the A72 of a
/// Raspberry Pi 4). Both take four bytes where FP32 takes one value.
#[cfg(target_arch = "x86_64")]
fn sums_byte_products() -> bool {
    std::arch::is_x86_feature_detected!("avx512vnni")
        || std::arch::is_x86_feature_detected!("avxvnni")
}

#[cfg(target_arch = "aarch64")]
fn sums_byte_products() -> bool {
    std::arch::is_aarch64_feature_detected!("dotprod")
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn sums_byte_products() -> bool {
    false
}
