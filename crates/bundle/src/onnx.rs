//! A look into an ONNX file before any engine parses it.
//!
//! Engines have followed file names out of a model, allocated what a header claimed and crashed on nested graphs;
//! nothing our exporter writes needs any of that, so it is refused: data outside the file, sparse tensors, functions,
//! training information, graphs inside nodes, other operator domains, tensors whose size is not their shape's.
//! Not looked at: operator names and whether the graph makes sense, which the engine and the golden set decide.

use crate::protobuf::{BrokenMessage, Value, fields, integers};
use crate::sha256::shortened;
use std::collections::BTreeSet;

/// What an ONNX file says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OnnxSummary {
    /// Version of the operator set.
    pub opset: u64,
    /// Nodes of the graph.
    pub nodes: usize,
    /// Bytes of all weights.
    pub weight_bytes: u64,
    /// What the graph takes, weights left out.
    pub inputs: Vec<ValueSummary>,
    /// What the graph gives.
    pub outputs: Vec<ValueSummary>,
}

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
    /// Not exactly one of something.
    #[error("expected exactly one {part}, found {found}")]
    NotOne {
        /// Part of the file.
        part: &'static str,
        /// How many.
        found: usize,
    },
    /// Size and shape of a tensor disagree.
    #[error("tensor {name:?} of type {element_type} and shape {shape:?}: expected {expected} bytes, found {found}")]
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
    #[error("{what}: expected {expected}, found {found} (model and manifest of different exports?)")]
    Contract {
        /// `inputs`, `outputs` or one of them by name.
        what: String,
        /// As the contract has it.
        expected: String,
        /// As the file has it.
        found: String,
    },
}

impl OnnxSummary {
    /// Walks through `model` once and refuses what must not reach an engine.
    pub fn of(model: &[u8]) -> Result<Self, OnnxError> {
        let mut summary = Self::default();
        let mut graphs = Vec::new();
        let mut opsets = 0;
        for field in fields(model) {
            let field = field.map_err(|_| OnnxError::Broken("the model"))?;
            match (field.number, field.value) {
                (7, Value::Bytes(graph)) => graphs.push(graph),
                (8, Value::Bytes(opset)) => {
                    summary.opset = opset_version(opset)?;
                    opsets += 1;
                }
                (20, _) => return Err(forbidden("the model", "training information")),
                (25, _) => return Err(forbidden("the model", "functions")),
                _ => {}
            }
        }
        let &[graph] = graphs.as_slice() else {
            return Err(OnnxError::NotOne { part: "graph", found: graphs.len() });
        };
        if opsets != 1 {
            return Err(OnnxError::NotOne { part: "operator set", found: opsets });
        }
        summary.read_graph(graph)?;
        Ok(summary)
    }

    fn read_graph(&mut self, graph: &[u8]) -> Result<(), OnnxError> {
        let mut weights = BTreeSet::new();
        for field in fields(graph) {
            let field = field.map_err(|_| OnnxError::Broken("the graph"))?;
            match (field.number, field.value) {
                (1, Value::Bytes(node)) => {
                    check_node(node)?;
                    self.nodes += 1;
                }
                (5, Value::Bytes(tensor)) => {
                    let tensor = TensorHeader::of(tensor)?;
                    tensor.check()?;
                    self.weight_bytes += tensor.data_bytes();
                    weights.insert(tensor.name);
                }
                (11, Value::Bytes(value)) => self.inputs.push(value_summary(value)?),
                (12, Value::Bytes(value)) => self.outputs.push(value_summary(value)?),
                (15, _) => return Err(forbidden("the graph", "sparse tensors")),
                _ => {}
            }
        }
        // Files of the oldest form list weights among the inputs.
        self.inputs.retain(|input| !weights.contains(&input.name));
        Ok(())
    }
}

fn opset_version(opset: &[u8]) -> Result<u64, OnnxError> {
    let mut version = 0;
    for field in fields(opset) {
        let field = field.map_err(|_| OnnxError::Broken("an operator set"))?;
        match (field.number, field.value) {
            (1, Value::Bytes(domain)) => check_domain("the model", domain)?,
            (2, Value::Integer(number)) => version = number,
            _ => {}
        }
    }
    Ok(version)
}

fn check_domain(place: &str, domain: &[u8]) -> Result<(), OnnxError> {
    if domain.is_empty() || domain == b"ai.onnx" {
        return Ok(());
    }
    let place = format!("{place}, domain {:?}", shortened(&String::from_utf8_lossy(domain)));
    Err(OnnxError::Forbidden { place, feature: "operators outside ONNX's own domain" })
}

fn check_node(node: &[u8]) -> Result<(), OnnxError> {
    const BROKEN: OnnxError = OnnxError::Broken("a node");
    let mut place = String::from("node");
    for field in fields(node) {
        let field = field.map_err(|_| BROKEN)?;
        if let (3 | 4, Value::Bytes(name)) = (field.number, field.value) {
            place = format!("{place} {:?}", shortened(&String::from_utf8_lossy(name)));
        }
    }
    for field in fields(node) {
        match field.map_err(|_| BROKEN)? {
            crate::protobuf::Field { number: 5, value: Value::Bytes(attribute) } => check_attribute(&place, attribute)?,
            crate::protobuf::Field { number: 7, value: Value::Bytes(domain) } => check_domain(&place, domain)?,
            _ => {}
        }
    }
    Ok(())
}

fn check_attribute(place: &str, attribute: &[u8]) -> Result<(), OnnxError> {
    for field in fields(attribute) {
        let field = field.map_err(|_| OnnxError::Broken("an attribute"))?;
        match (field.number, field.value) {
            (5 | 10, Value::Bytes(tensor)) => TensorHeader::of(tensor)?.check()?,
            (6 | 11, _) => return Err(forbidden(place, "graphs inside a node")),
            (22 | 23, _) => return Err(forbidden(place, "sparse tensors")),
            _ => {}
        }
    }
    Ok(())
}

/// Everything about a tensor but its numbers.
#[derive(Default)]
struct TensorHeader {
    name: String,
    shape: Vec<i64>,
    element_type: u64,
    raw_bytes: Option<u64>,
    /// Bytes of the fields that hold numbers one by one.
    listed_bytes: u64,
}

impl TensorHeader {
    fn of(tensor: &[u8]) -> Result<Self, OnnxError> {
        const BROKEN: fn(BrokenMessage) -> OnnxError = |_| OnnxError::Broken("a tensor");
        let mut header = Self::default();
        let mut is_external = false;
        for field in fields(tensor) {
            let field = field.map_err(BROKEN)?;
            match (field.number, field.value) {
                (1, value) => {
                    for size in integers(value) {
                        header.shape.push(size.map_err(BROKEN)?.cast_signed());
                    }
                }
                (2, Value::Integer(element_type)) => header.element_type = element_type,
                (8, Value::Bytes(name)) => header.name = shortened(&String::from_utf8_lossy(name)),
                (9, Value::Bytes(raw)) => header.raw_bytes = Some(raw.len() as u64),
                (13, _) => is_external = true,
                (14, value) => is_external |= value != Value::Integer(0),
                (4..=7 | 10 | 11, Value::Bytes(listed)) => header.listed_bytes += listed.len() as u64,
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

    fn data_bytes(&self) -> u64 {
        self.raw_bytes.unwrap_or(0) + self.listed_bytes
    }

    fn check(&self) -> Result<(), OnnxError> {
        let elements = self
            .shape
            .iter()
            .try_fold(1_u64, |product, &size| u64::try_from(size).ok().and_then(|size| product.checked_mul(size)));
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
        let Some(bits) = elements.and_then(|elements| elements.checked_mul(element_bits(self.element_type)?)) else {
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

/// Bits per element of a `TensorProto.DataType`; nothing for strings, complex numbers and unknown types.
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

fn value_summary(value: &[u8]) -> Result<ValueSummary, OnnxError> {
    const BROKEN: fn(BrokenMessage) -> OnnxError = |_| OnnxError::Broken("an input or output");
    let mut summary = ValueSummary::default();
    // ValueInfoProto: name 1, type 2; TypeProto: tensor 1; Tensor: element 1, shape 2; Shape: dim 1; Dimension: value 1.
    for field in fields(value) {
        let field = field.map_err(BROKEN)?;
        match (field.number, field.value) {
            (1, Value::Bytes(name)) => summary.name = shortened(&String::from_utf8_lossy(name)),
            (2, Value::Bytes(kind)) => {
                for field in fields(kind) {
                    let field = field.map_err(BROKEN)?;
                    let (1, Value::Bytes(tensor)) = (field.number, field.value) else {
                        return Err(forbidden(&format!("{:?}", summary.name), "values other than tensors"));
                    };
                    read_tensor_type(tensor, &mut summary).map_err(BROKEN)?;
                }
            }
            _ => {}
        }
    }
    Ok(summary)
}

fn read_tensor_type(tensor: &[u8], summary: &mut ValueSummary) -> Result<(), BrokenMessage> {
    for field in fields(tensor) {
        let field = field?;
        match (field.number, field.value) {
            (1, Value::Integer(element_type)) => summary.element_type = element_type,
            (2, Value::Bytes(shape)) => {
                for field in fields(shape) {
                    let field = field?;
                    if let (1, Value::Bytes(dimension)) = (field.number, field.value) {
                        summary.shape.push(fixed_size(dimension)?);
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

fn forbidden(place: &str, feature: &'static str) -> OnnxError {
    OnnxError::Forbidden { place: place.to_owned(), feature }
}
