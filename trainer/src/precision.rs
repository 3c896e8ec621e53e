//! The type in which a step multiplies.

use serde::{Deserialize, Serialize};
use tch::{Kind, TchError, Tensor};

/// The type of the factors of matrix products and convolutions. Everything else (norms, softmax, losses, weights, gradients
/// of weights, the optimiser) stays in float32.
///
/// `tch::autocast` is no way to this: it does nothing on a processor, and on a GPU it means float16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 24 bits of mantissa.
    Float32,
    /// 8 bits of mantissa, the range of float32: needs no scaling of the loss. Faster where the processor multiplies
    /// bfloat16 itself (`avx512_bf16` or `amx_bf16` in `/proc/cpuinfo`; CUDA from Ampere on), and only there.
    BFloat16,
}

impl Precision {
    /// What a person should know before a run in this precision on this processor.
    pub fn advice(self) -> Option<&'static str> {
        let is_slow = self == Self::BFloat16 && !multiplies_bfloat16();
        is_slow.then_some(
            "bfloat16: this processor has no instructions for it; expect precision = \"float32\" to be faster",
        )
    }

    /// A product of factors in this type, as float32.
    pub(crate) fn product<const FACTORS: usize>(
        self,
        factors: [&Tensor; FACTORS],
        multiply: impl FnOnce([&Tensor; FACTORS]) -> Result<Tensor, TchError>,
    ) -> Result<Tensor, TchError> {
        match self {
            Self::Float32 => multiply(factors),
            Self::BFloat16 => {
                let mut narrow = Vec::with_capacity(FACTORS);
                for factor in factors {
                    narrow.push(factor.f_to_kind(Kind::BFloat16)?);
                }
                multiply(std::array::from_fn(|index| &narrow[index]))?.f_to_kind(Kind::Float)
            }
        }
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
