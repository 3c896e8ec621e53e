//! Tensors: type, shape, direction.

use std::fmt;

/// Type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum DataType {
    Float32,
    Float16,
    Int8,
    Int32,
    Bool,
    Uint8,
    Float8,
    Bfloat16,
    Int64,
    Int4,
    Float4,
    /// A type of a version that this crate does not know by name.
    Other(i32),
}

impl DataType {
    /// From `nvinfer1::DataType`, whose numbers are the same in every family.
    pub(super) fn from_code(code: i32) -> Self {
        match code {
            0 => Self::Float32,
            1 => Self::Float16,
            2 => Self::Int8,
            3 => Self::Int32,
            4 => Self::Bool,
            5 => Self::Uint8,
            6 => Self::Float8,
            7 => Self::Bfloat16,
            8 => Self::Int64,
            9 => Self::Int4,
            10 => Self::Float4,
            other => Self::Other(other),
        }
    }
}

/// An input or output of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// As in the ONNX file.
    pub name: String,
    /// Type of its elements.
    pub data_type: DataType,
    /// Sizes; -1 is open, until a profile or the inputs' shapes decide.
    pub shape: Vec<i64>,
}

impl fmt::Display for TensorInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?} {:?}", self.name, self.data_type, self.shape)
    }
}

/// Whether a tensor goes in or comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Direction {
    Input,
    Output,
}

/// An input or output of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineTensor {
    /// In or out.
    pub direction: Direction,
    /// Name, type, shape.
    pub tensor: TensorInfo,
}
