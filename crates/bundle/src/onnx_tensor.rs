//! Tensors of an ONNX file: where their numbers are, and whether there are as many as the shape
//! says.

use crate::onnx_error::{LIMIT_RANK, OnnxError, at_most, forbidden, printable};
use crate::protobuf::{BrokenMessage, Value, fields, integers};

/// Everything about a tensor but its numbers.
#[derive(Default)]
pub(crate) struct TensorHeader {
    pub(crate) name: String,
    shape: Vec<i64>,
    element_type: u64,
    raw_bytes: Option<u64>,
    /// Bytes of the fields that hold numbers one by one.
    listed_bytes: u64,
}

impl TensorHeader {
    pub(crate) fn of(tensor: &[u8]) -> Result<Self, OnnxError> {
        const BROKEN: fn(BrokenMessage) -> OnnxError = |_| OnnxError::Broken("a tensor");
        let mut header = Self::default();
        let mut is_external = false;
        for field in fields(tensor) {
            let field = field.map_err(BROKEN)?;
            match (field.number, field.value) {
                (1, value) => {
                    for size in integers(value) {
                        header.shape.push(size.map_err(BROKEN)?.cast_signed());
                        at_most("sizes of a tensor", header.shape.len(), LIMIT_RANK)?;
                    }
                }
                (2, Value::Integer(element_type)) => header.element_type = element_type,
                (8, Value::Bytes(name)) => header.name = printable(name),
                (9, Value::Bytes(raw)) => header.raw_bytes = Some(raw.len() as u64),
                (13, _) => is_external = true,
                (14, value) => is_external |= value != Value::Integer(0),
                (4..=7 | 10 | 11, Value::Bytes(listed)) => {
                    header.listed_bytes += listed.len() as u64;
                }
                (4 | 5 | 7 | 10 | 11, Value::Integer(_)) => header.listed_bytes += 1,
                (4 | 10, Value::Fixed(number)) => header.listed_bytes += number.len() as u64,
                _ => {}
            }
        }
        if is_external {
            return Err(forbidden(&format!("tensor {:?}", header.name), "data outside the file"));
        }
        Ok(header)
    }

    pub(crate) fn data_bytes(&self) -> u64 {
        self.raw_bytes.unwrap_or(0) + self.listed_bytes
    }

    pub(crate) fn check(&self) -> Result<(), OnnxError> {
        let elements = self.shape.iter().try_fold(1_u64, |product, &size| {
            u64::try_from(size).ok().and_then(|size| product.checked_mul(size))
        });
        let error = |expected: String| {
            let (name, shape) = (self.name.clone(), self.shape.clone());
            Err(OnnxError::TensorSize {
                name,
                element_type: self.element_type,
                shape,
                expected,
                found: self.data_bytes(),
            })
        };
        let Some(bits) =
            elements.and_then(|elements| elements.checked_mul(element_bits(self.element_type)?))
        else {
            return error("a known type and sizes that can be".to_owned());
        };
        let needed = bits.div_ceil(8);
        match self.raw_bytes {
            Some(raw) if raw == needed && self.listed_bytes == 0 => Ok(()),
            Some(_) => error(needed.to_string()),
            // Listed numbers take at least one byte each, or half a byte for the narrowest types.
            None if elements <= Some(self.listed_bytes * 2) => Ok(()),
            None => error(format!("numbers for {needed}")),
        }
    }
}

/// Bits per element of a `TensorProto.DataType`; nothing for strings, complex numbers and unknown
/// types.
fn element_bits(element_type: u64) -> Option<u64> {
    match element_type {
        1 | 6 | 12 => Some(32),
        2 | 3 | 9 | 17..=20 => Some(8),
        4 | 5 | 10 | 16 => Some(16),
        7 | 11 | 13 => Some(64),
        21..=23 => Some(4),
        _ => None,
    }
}
