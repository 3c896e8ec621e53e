//! The type in which a step multiplies.

use serde::{Deserialize, Serialize};
use tch::{Kind, TchError, Tensor};

/// The type of the factors of matrix products and convolutions. Everything else (norms, softmax, losses, weights, gradients
/// of weights, the optimiser) stays in float32.
///
/// `tch::autocast` is no way to this: it does nothing on a processor, and on a GPU it means float16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 24 bits of mantissa.
    #[default]
    Float32,
    /// 8 bits of mantissa, the range of float32: needs no scaling of the loss. Faster where the processor multiplies
    /// bfloat16 itself (`avx512_bf16` or `amx_bf16` in `/proc/cpuinfo`; CUDA from sm_80 on), and only there.
    BFloat16,
}

impl Precision {
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
