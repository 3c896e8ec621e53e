//! The precision of a model file.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Precision of one model file; a bundle holds one or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats throughout.
    Fp32,
    /// 16-bit floats, with what must be exact kept in 32 bits.
    Fp16,
    /// 8-bit integers with explicit quantise and dequantise nodes; the rest in 32 bits, as CPUs
    /// want it.
    Int8,
    /// The same with signed integers around zero, 16-bit scales and the rest as in
    /// [`Precision::Fp16`], as `TensorRT` wants it.
    #[serde(rename = "int8-fp16")]
    Int8Fp16,
}

impl Precision {
    /// All of them, widest first.
    pub const ALL: [Self; 4] = [Self::Fp32, Self::Fp16, Self::Int8, Self::Int8Fp16];

    /// As it stands in file names and options.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Fp16 => "fp16",
            Self::Int8 => "int8",
            Self::Int8Fp16 => "int8-fp16",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}
