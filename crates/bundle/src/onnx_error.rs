//! What an ONNX file is refused for.

use crate::sha256::shortened;

/// More sizes than this are no shape.
pub(crate) const LIMIT_RANK: usize = 16;

/// An ONNX file that is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OnnxError {
    /// No protobuf, or cut.
    #[error("expected an ONNX model, found a broken protobuf message in {0}")]
    Broken(&'static str),
    /// Something we never write and no engine should be asked to parse.
    #[error("{place}: expected none of {feature} (exported by another program?)")]
    Forbidden {
        /// Node, tensor or part of the file.
        place: String,
        /// What was found there.
        feature: &'static str,
    },
    /// More than any network has.
    #[error("expected at most {limit} {part}, found more")]
    TooMany {
        /// What there is too much of.
        part: &'static str,
        /// How many are allowed.
        limit: usize,
    },
    /// Not exactly one of something.
    #[error("expected exactly one {part}, found {found}")]
    NotOne {
        /// Part of the file.
        part: &'static str,
        /// How many.
        found: usize,
    },
    /// Size and shape of a tensor disagree.
    #[error(
        "tensor {name:?} of type {element_type} and shape {shape:?}: expected {expected} bytes, \
         found {found}"
    )]
    TensorSize {
        /// Name of the tensor.
        name: String,
        /// `TensorProto.DataType`.
        element_type: u64,
        /// As written.
        shape: Vec<i64>,
        /// Bytes the shape needs, in words.
        expected: String,
        /// Bytes that are there.
        found: u64,
    },
    /// An input or output is not the contract's.
    #[error(
        "{what}: expected {expected}, found {found} (model and manifest of different exports?)"
    )]
    Contract {
        /// `inputs`, `outputs` or one of them by name.
        what: String,
        /// As the contract has it.
        expected: String,
        /// As the file has it.
        found: String,
    },
}

pub(crate) fn forbidden(place: &str, feature: &'static str) -> OnnxError {
    OnnxError::Forbidden { place: place.to_owned(), feature }
}

/// Fails if there are more than `limit` of `part`.
pub(crate) fn at_most(part: &'static str, found: usize, limit: usize) -> Result<(), OnnxError> {
    if found <= limit { Ok(()) } else { Err(OnnxError::TooMany { part, limit }) }
}

/// The beginning of a name, for messages.
pub(crate) fn printable(bytes: &[u8]) -> String {
    // Cut before it is decoded: a name can be as long as the file.
    shortened(&String::from_utf8_lossy(&bytes[..bytes.len().min(400)]))
}
