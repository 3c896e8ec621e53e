//! The part of ONNX's file format that we write, as protobuf messages.
//!
//! Field numbers and types are those of `onnx/onnx-ml.proto` (ONNX 1.23, IR version 9). Written by
//! hand: what we emit needs nine of its thirty messages, and no field that could point outside the
//! file exists here.

use half::f16;
use prost::Message;

/// A whole file.
#[derive(Clone, PartialEq, Message)]
pub struct ModelProto {
    /// Version of the format.
    #[prost(int64, optional, tag = "1")]
    pub ir_version: Option<i64>,
    /// Operator sets in use.
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSetIdProto>,
    /// Program that wrote the file.
    #[prost(string, optional, tag = "2")]
    pub producer_name: Option<String>,
    /// Its version.
    #[prost(string, optional, tag = "3")]
    pub producer_version: Option<String>,
    /// The network.
    #[prost(message, optional, tag = "7")]
    pub graph: Option<GraphProto>,
    /// Free notes by name.
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: Vec<StringStringEntryProto>,
}

/// An operator set.
#[derive(Clone, PartialEq, Message)]
pub struct OperatorSetIdProto {
    /// Empty for ONNX's own.
    #[prost(string, optional, tag = "1")]
    pub domain: Option<String>,
    /// Its version.
    #[prost(int64, optional, tag = "2")]
    pub version: Option<i64>,
}

/// A note.
#[derive(Clone, PartialEq, Message)]
pub struct StringStringEntryProto {
    /// Name of the note.
    #[prost(string, optional, tag = "1")]
    pub key: Option<String>,
    /// The note.
    #[prost(string, optional, tag = "2")]
    pub value: Option<String>,
}

/// Nodes in order of evaluation, weights, and what goes in and out.
#[derive(Clone, PartialEq, Message)]
pub struct GraphProto {
    /// The operations.
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<NodeProto>,
    /// Name of the graph.
    #[prost(string, optional, tag = "2")]
    pub name: Option<String>,
    /// The weights.
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<TensorProto>,
    /// What is fed.
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfoProto>,
    /// What comes out.
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfoProto>,
    /// Types of what is between.
    #[prost(message, repeated, tag = "13")]
    pub value_info: Vec<ValueInfoProto>,
}

/// One operation.
#[derive(Clone, PartialEq, Message)]
pub struct NodeProto {
    /// Names of the values it reads; an empty name leaves an optional one out.
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    /// Names of the values it makes.
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    /// Name of the node.
    #[prost(string, optional, tag = "3")]
    pub name: Option<String>,
    /// Name of the operator.
    #[prost(string, optional, tag = "4")]
    pub op_type: Option<String>,
    /// Its fixed settings.
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<AttributeProto>,
}

/// A fixed setting of an operation.
#[derive(Clone, PartialEq, Message)]
pub struct AttributeProto {
    /// Name of the setting.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// For [`attribute_type::FLOAT`].
    #[prost(float, optional, tag = "2")]
    pub f: Option<f32>,
    /// For [`attribute_type::INT`].
    #[prost(int64, optional, tag = "3")]
    pub i: Option<i64>,
    /// For [`attribute_type::STRING`].
    #[prost(bytes = "vec", optional, tag = "4")]
    pub s: Option<Vec<u8>>,
    /// For [`attribute_type::INTS`].
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub ints: Vec<i64>,
    /// Which of them it is.
    #[prost(int32, optional, tag = "20")]
    pub r#type: Option<i32>,
}

/// A weight.
#[derive(Clone, PartialEq, Message)]
pub struct TensorProto {
    /// Axis lengths.
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub dims: Vec<i64>,
    /// One of [`data_type`].
    #[prost(int32, optional, tag = "2")]
    pub data_type: Option<i32>,
    /// Name of the weight.
    #[prost(string, optional, tag = "8")]
    pub name: Option<String>,
    /// Row-major, little-endian.
    #[prost(bytes = "vec", optional, tag = "9")]
    pub raw_data: Option<Vec<u8>>,
}

/// Name and type of a value.
#[derive(Clone, PartialEq, Message)]
pub struct ValueInfoProto {
    /// Name of the value.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// Its type.
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<TypeProto>,
}

/// A tensor type; the other kinds of type are not written.
#[derive(Clone, PartialEq, Message)]
pub struct TypeProto {
    /// Element type and shape.
    #[prost(message, optional, tag = "1")]
    pub tensor_type: Option<TensorTypeProto>,
}

/// Element type and shape.
#[derive(Clone, PartialEq, Message)]
pub struct TensorTypeProto {
    /// One of [`data_type`].
    #[prost(int32, optional, tag = "1")]
    pub elem_type: Option<i32>,
    /// The axes.
    #[prost(message, optional, tag = "2")]
    pub shape: Option<TensorShapeProto>,
}

/// A shape.
#[derive(Clone, PartialEq, Message)]
pub struct TensorShapeProto {
    /// The axes, outermost first.
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<DimensionProto>,
}

/// One axis: a number or a symbol.
#[derive(Clone, PartialEq, Message)]
pub struct DimensionProto {
    /// The length, where fixed.
    #[prost(int64, optional, tag = "1")]
    pub dim_value: Option<i64>,
    /// The symbol, where not.
    #[prost(string, optional, tag = "2")]
    pub dim_param: Option<String>,
}

/// `TensorProto.DataType`.
pub mod data_type {
    /// 32-bit float.
    pub const FLOAT: i32 = 1;
    /// Byte.
    pub const UINT8: i32 = 2;
    /// Signed byte.
    pub const INT8: i32 = 3;
    /// 32-bit integer.
    pub const INT32: i32 = 6;
    /// 64-bit integer.
    pub const INT64: i32 = 7;
    /// 16-bit float.
    pub const FLOAT16: i32 = 10;
}

/// `AttributeProto.AttributeType`.
pub mod attribute_type {
    /// In `f`.
    pub const FLOAT: i32 = 1;
    /// In `i`.
    pub const INT: i32 = 2;
    /// In `s`.
    pub const STRING: i32 = 3;
    /// In `ints`.
    pub const INTS: i32 = 7;
}

impl AttributeProto {
    fn named(name: &str, r#type: i32) -> Self {
        Self { name: Some(name.to_owned()), r#type: Some(r#type), ..Self::default() }
    }

    /// A real number.
    pub fn float(name: &str, value: f32) -> Self {
        Self { f: Some(value), ..Self::named(name, attribute_type::FLOAT) }
    }

    /// A whole number.
    pub fn int(name: &str, value: i64) -> Self {
        Self { i: Some(value), ..Self::named(name, attribute_type::INT) }
    }

    /// A word.
    pub fn string(name: &str, value: &str) -> Self {
        Self { s: Some(value.into()), ..Self::named(name, attribute_type::STRING) }
    }

    /// Whole numbers.
    pub fn ints(name: &str, values: &[usize]) -> Self {
        let ints = values.iter().map(|&value| value as i64).collect();
        Self { ints, ..Self::named(name, attribute_type::INTS) }
    }
}

impl TensorProto {
    /// `f32` values in the given shape.
    pub fn floats(name: &str, shape: &[usize], values: &[f32]) -> Self {
        let mut raw = Vec::with_capacity(size_of_val(values));
        for value in values {
            raw.extend_from_slice(&value.to_le_bytes());
        }
        Self::raw(name, shape, data_type::FLOAT, raw)
    }

    /// 16-bit values in the given shape.
    pub fn halves(name: &str, shape: &[usize], values: &[f16]) -> Self {
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self::raw(name, shape, data_type::FLOAT16, raw)
    }

    /// A list of whole numbers.
    pub fn ints(name: &str, values: &[i64]) -> Self {
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self::raw(name, &[values.len()], data_type::INT64, raw)
    }

    /// Signed bytes in the given shape.
    pub fn signed_bytes(name: &str, shape: &[usize], values: impl Iterator<Item = i8>) -> Self {
        Self::raw(name, shape, data_type::INT8, values.map(i8::cast_unsigned).collect())
    }

    /// One byte without axes.
    pub fn byte(name: &str, value: u8) -> Self {
        Self::raw(name, &[], data_type::UINT8, vec![value])
    }

    fn raw(name: &str, shape: &[usize], data_type: i32, raw_data: Vec<u8>) -> Self {
        Self {
            dims: shape.iter().map(|&length| length as i64).collect(),
            data_type: Some(data_type),
            name: Some(name.to_owned()),
            raw_data: Some(raw_data),
        }
    }
}
