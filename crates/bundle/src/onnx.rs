//! A look into an ONNX file before any engine parses it.
//!
//! Engines have followed file names out of a model, allocated what a header claimed and crashed on
//! nested graphs; nothing our exporter writes needs any of that, so it is refused: data outside the
//! file, sparse tensors, functions, training information, graphs inside nodes, other operator
//! domains, tensors whose size is not their shape's. Not looked at: operator names and whether the
//! graph makes sense, which the engine and the golden set decide.

use crate::onnx_tensor::TensorHeader;
use crate::onnx_value::ValueSummary;
use crate::protobuf::{Value, fields};
use crate::sha256::shortened;
use std::collections::BTreeSet;

/// More nodes, weights or values than this are no network of ours; a table of them stays small.
const LIMIT_NODES: usize = 100_000;
/// More sizes than this are no shape.
pub(crate) const LIMIT_RANK: usize = 16;

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
                    at_most("nodes", self.nodes, LIMIT_NODES)?;
                }
                (5, Value::Bytes(tensor)) => {
                    let tensor = TensorHeader::of(tensor)?;
                    tensor.check()?;
                    self.weight_bytes += tensor.data_bytes();
                    weights.insert(tensor.name);
                    at_most("weights", weights.len(), LIMIT_NODES)?;
                }
                (11, Value::Bytes(value)) => self.inputs.push(ValueSummary::of(value)?),
                (12, Value::Bytes(value)) => self.outputs.push(ValueSummary::of(value)?),
                (15, _) => return Err(forbidden("the graph", "sparse tensors")),
                _ => {}
            }
            at_most("inputs and outputs", self.inputs.len() + self.outputs.len(), LIMIT_NODES)?;
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
    let place = format!("{place}, domain {:?}", printable(domain));
    Err(OnnxError::Forbidden { place, feature: "operators outside ONNX's own domain" })
}

fn check_node(node: &[u8]) -> Result<(), OnnxError> {
    const BROKEN: OnnxError = OnnxError::Broken("a node");
    let (mut name, mut operator) = (&[][..], &[][..]);
    for field in fields(node) {
        let field = field.map_err(|_| BROKEN)?;
        match (field.number, field.value) {
            (3, Value::Bytes(bytes)) => name = bytes,
            (4, Value::Bytes(bytes)) => operator = bytes,
            _ => {}
        }
    }
    let place = format!("node {:?} ({})", printable(name), printable(operator));
    for field in fields(node) {
        let field = field.map_err(|_| BROKEN)?;
        match (field.number, field.value) {
            (5, Value::Bytes(attribute)) => check_attribute(&place, attribute)?,
            (7, Value::Bytes(domain)) => check_domain(&place, domain)?,
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
