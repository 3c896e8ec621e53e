//! A look into an ONNX file before any engine parses it.
//!
//! Engines have followed file names out of a model, allocated what a header claimed and crashed on
//! nested graphs; nothing our exporter writes needs any of that, so it is refused: data outside the
//! file, sparse tensors, functions, training information, graphs inside nodes, other operator
//! domains, tensors whose size is not their shape's. Not looked at: operator names and whether the
//! graph makes sense, which the engine and the golden set decide.

use crate::onnx_error::{OnnxError, at_most, forbidden, printable};
use crate::onnx_tensor::TensorHeader;
use crate::onnx_value::ValueSummary;
use crate::protobuf::{Value, fields};
use std::collections::BTreeSet;

/// More nodes, weights or values than this are no network of ours; a table of them stays small.
const LIMIT_NODES: usize = 100_000;

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
