//! Inputs and outputs of an ONNX graph.

use crate::onnx_error::{LIMIT_RANK, OnnxError, at_most, forbidden, printable};
use crate::protobuf::{BrokenMessage, Value, fields};

/// One input or output of a graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValueSummary {
    /// Its name.
    pub name: String,
    /// `TensorProto.DataType`: 1 f32, 2 uint8, 6 int32.
    pub element_type: u64,
    /// Sizes; nothing where symbolic.
    pub shape: Vec<Option<u64>>,
}

const BROKEN: fn(BrokenMessage) -> OnnxError = |_| OnnxError::Broken("an input or output");

impl ValueSummary {
    pub(crate) fn of(value: &[u8]) -> Result<Self, OnnxError> {
        let mut summary = Self::default();
        // ValueInfoProto: name 1, type 2; TypeProto: tensor 1; Tensor: element 1, shape 2; Shape:
        // dim 1; Dimension: value 1.
        for field in fields(value) {
            let field = field.map_err(BROKEN)?;
            match (field.number, field.value) {
                (1, Value::Bytes(name)) => summary.name = printable(name),
                (2, Value::Bytes(kind)) => {
                    for field in fields(kind) {
                        let field = field.map_err(BROKEN)?;
                        let (1, Value::Bytes(tensor)) = (field.number, field.value) else {
                            return Err(forbidden(
                                &format!("{:?}", summary.name),
                                "values other than tensors",
                            ));
                        };
                        read_tensor_type(tensor, &mut summary)?;
                    }
                }
                _ => {}
            }
        }
        Ok(summary)
    }
}

fn read_tensor_type(tensor: &[u8], summary: &mut ValueSummary) -> Result<(), OnnxError> {
    for field in fields(tensor) {
        let field = field.map_err(BROKEN)?;
        match (field.number, field.value) {
            (1, Value::Integer(element_type)) => summary.element_type = element_type,
            (2, Value::Bytes(shape)) => {
                for field in fields(shape) {
                    let field = field.map_err(BROKEN)?;
                    if let (1, Value::Bytes(dimension)) = (field.number, field.value) {
                        summary.shape.push(fixed_size(dimension).map_err(BROKEN)?);
                        at_most("sizes of an input or output", summary.shape.len(), LIMIT_RANK)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn fixed_size(dimension: &[u8]) -> Result<Option<u64>, BrokenMessage> {
    let mut size = None;
    for field in fields(dimension) {
        let field = field?;
        if let (1, Value::Integer(fixed)) = (field.number, field.value) {
            size = Some(fixed);
        }
    }
    Ok(size)
}
