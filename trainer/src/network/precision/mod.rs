//! The type in which a step multiplies.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, TchError, Tensor};

pub(crate) mod tf32;

/// The type of the factors of matrix products and convolutions, and of their results until an op
/// wants float32: norms, means, losses, and sums with what is float32, such as the residual stream.
/// Weights, their gradients and the optimiser are float32. Softmax and activation functions of a
/// value of 16 bits compute in float32 and round what they return; `QuickGelu` rounds each of its
/// three steps.
///
/// `tch::autocast` is no way to this: it does nothing on a processor, and on a GPU it means
/// float16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 24 bits of mantissa.
    Float32,
    /// 11 bits of mantissa where a GPU's tensor cores multiply, from Ampere on;
    /// [`Precision::Float32`] everywhere else.
    Tf32,
    /// 8 bits of mantissa, the range of float32: needs no scaling of the loss. Faster where the
    /// processor multiplies bfloat16 itself (`avx512_bf16` or `amx_bf16` in `/proc/cpuinfo`; CUDA
    /// from Ampere on), and only there.
    BFloat16,
    /// 11 bits of mantissa, up to 65504: for GPUs before Ampere. Needs [`crate::LossScale`]. On a
    /// processor factors, results and their gradients are rounded to float16 and the product itself
    /// is float32, as in tensor cores: libtorch's own kernel took 241 ms for 1024 × 512 × 512 where
    /// float32 took 7 (one thread, AMD EPYC (Zen 4), `PyTorch` 2.11, 2026-11-27).
    Float16,
}

impl Precision {
    /// Prepares libtorch for this precision on `device`, and returns what a person should know
    /// before a run in it.
    pub fn prepare(self, device: Device) -> Option<&'static str> {
        tf32::allow(self == Self::Tf32);
        if device.is_cuda() {
            return None;
        }
        match self {
            Self::BFloat16 if !multiplies_bfloat16() => Some(
                "bfloat16: this processor has no instructions for it; expect precision = \
                 \"float32\" to be faster",
            ),
            Self::Float16 => {
                Some("float16: on a processor this is float32 with rounding, and slower")
            }
            Self::Tf32 => Some("tf32: on a processor this is float32"),
            Self::Float32 | Self::BFloat16 => None,
        }
    }

    /// A product of factors in this type, in which the result stays: what reads it next may take 16
    /// bits as they are, and what does not makes float32 of it (`rszs_graph::mixed_precision`).
    pub(crate) fn product<const FACTORS: usize>(
        self,
        factors: [&Tensor; FACTORS],
        multiply: impl FnOnce([&Tensor; FACTORS]) -> Result<Tensor, TchError>,
    ) -> Result<Tensor, TchError> {
        let kind = match self {
            Self::Float32 | Self::Tf32 => return multiply(factors),
            Self::BFloat16 => Kind::BFloat16,
            Self::Float16 => Kind::Half,
        };
        let is_rounded_only = self == Self::Float16 && factors[0].device() == Device::Cpu;
        let mut narrow = Vec::with_capacity(FACTORS);
        for factor in factors {
            let factor = factor.f_to_kind(kind)?;
            narrow.push(if is_rounded_only { factor.f_to_kind(Kind::Float)? } else { factor });
        }
        multiply(std::array::from_fn(|index| &narrow[index]))?.f_to_kind(kind)
    }
}

#[cfg(target_arch = "x86_64")]
fn multiplies_bfloat16() -> bool {
    std::arch::is_x86_feature_detected!("avx512bf16")
}

/// Nobody measured other processors.
#[cfg(not(target_arch = "x86_64"))]
fn multiplies_bfloat16() -> bool {
    true
}
