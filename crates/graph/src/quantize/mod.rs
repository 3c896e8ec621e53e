//! INT8 as a rewrite of the graph: the heaviest products read values in 8-bit steps.
//!
//! ```text
//! x ── quantize ── dequantize ──┐
//! weight ── quantize ── dequantize ── product
//! ```
//!
//! Engines fuse the pairs into a product of 8-bit numbers. Steps are symmetric: one scale for an
//! activation, one for each output of a weight. The result of a convolution is quantized as well:
//! without that, ONNX Runtime multiplies in float. Products of two activations stay as they are:
//! quantized attention is slower there, and less exact.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Cost, Graph, Node, NodeId, Op, Scales, Tensor};

/// A product that can be quantized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// The node's name.
    pub name: String,
    /// The node that it multiplies by a weight.
    pub input: String,
    /// Its multiply-accumulates for one image and two queries.
    pub macs: u64,
    /// Its result is quantized, too.
    pub with_result: bool,
}

impl Product {
    /// The nodes whose values are quantized for it, the weight left out.
    pub fn activations(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.input.as_str()).chain(self.with_result.then_some(self.name.as_str()))
    }
}

/// Why a graph cannot be quantized.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum QuantizeError {
    /// A name that is none of [`Graph::products`].
    #[error("{name}: expected a product of an activation by a weight, found none of that name")]
    NoProduct {
        /// What was asked for.
        name: String,
    },
    /// An activation whose range nobody observed, or that cannot be one.
    #[error(
        "{name}: expected a finite range of its values, found {}",
        found.map_or_else(|| "none".to_owned(), |found| found.to_string())
    )]
    NoRange {
        /// The node.
        name: String,
        /// Its largest magnitude.
        found: Option<f32>,
    },
    /// A parameter has no values.
    #[error("{name}: expected a parameter, found none (a checkpoint of another config?)")]
    MissingParameter {
        /// The parameter.
        name: String,
    },
}

impl Graph {
    /// Every product of an activation by a weight with at least `share` of all
    /// multiply-accumulates, in graph order.
    ///
    /// A light one costs more to quantize than it saves. Depthwise convolutions and products by
    /// transposed kernels are no candidates.
    pub fn products(&self, share: f64) -> Vec<Product> {
        let cost = Cost::of(self, 1, 2);
        let least = cost.total().macs as f64 * share;
        let heavy =
            self.nodes.iter().zip(&cost.nodes).filter(|(_, cost)| cost.totals.macs as f64 >= least);
        heavy
            .filter(|(node, _)| weight_axis(&node.op).is_some() && self.is_by_weight(node))
            .map(|(node, cost)| Product {
                name: node.name.clone(),
                input: self.node(node.inputs[0]).name.clone(),
                macs: cost.totals.macs,
                with_result: matches!(node.op, Op::Conv2d { .. }),
            })
            .collect()
    }

    /// The graph with the products named in `products` quantized. `magnitudes` holds the largest
    /// magnitude that is kept of each activation; larger values are clipped. Every other node keeps
    /// its name and computes what it did.
    pub fn quantize(
        &self,
        products: &BTreeSet<String>,
        magnitudes: &BTreeMap<String, f32>,
        parameters: &BTreeMap<String, Tensor>,
    ) -> Result<Self, QuantizeError> {
        let known: BTreeSet<String> =
            self.products(0.0).into_iter().map(|product| product.name).collect();
        if let Some(name) = products.difference(&known).next() {
            return Err(QuantizeError::NoProduct { name: name.clone() });
        }
        let activation = |name: &str| match magnitudes.get(name) {
            Some(&magnitude) if magnitude.is_finite() && magnitude >= 0.0 => {
                Ok(Scales::for_magnitude(magnitude))
            }
            found => Err(QuantizeError::NoRange { name: name.to_owned(), found: found.copied() }),
        };
        let mut rewrite = Rewrite { nodes: Vec::new(), places: Vec::new(), pairs: BTreeMap::new() };
        for node in &self.nodes {
            let mut node = node.clone();
            let sources = std::mem::take(&mut node.inputs);
            node.inputs = sources.iter().map(|id| rewrite.places[id.0]).collect();
            let axis = weight_axis(&node.op).filter(|_| products.contains(&node.name));
            let Some(axis) = axis else {
                rewrite.keep(node);
                continue;
            };
            let (input, weight) = (self.node(sources[0]), self.node(sources[1]));
            let missing = || QuantizeError::MissingParameter { name: weight.name.clone() };
            let values = parameters.get(&weight.name).ok_or_else(missing)?;
            node.inputs[0] = rewrite.pair(node.inputs[0], &activation(&input.name)?);
            node.inputs[1] = rewrite.pair(node.inputs[1], &Scales::of_weight(values, axis));
            let (name, with_result) = (node.name.clone(), matches!(node.op, Op::Conv2d { .. }));
            rewrite.keep(node);
            if with_result && let Some(place) = rewrite.places.pop() {
                let place = rewrite.pair(place, &activation(&name)?);
                rewrite.places.push(place);
            }
        }
        let outputs =
            self.outputs.iter().map(|(name, id)| (name.clone(), rewrite.places[id.0])).collect();
        Ok(Self { nodes: rewrite.nodes, outputs })
    }

    /// The graph with each scale of its 8-bit steps changed by `change`, as a file that stores
    /// scales in fewer bits wants it.
    #[must_use]
    pub fn map_scales(mut self, change: impl Fn(f32) -> f32) -> Self {
        for node in &mut self.nodes {
            if let Op::Quantize { scales } | Op::Dequantize { scales } = &mut node.op {
                *scales = scales.map(&change);
            }
        }
        self
    }

    fn is_by_weight(&self, node: &Node) -> bool {
        let is_param = |place: usize| matches!(self.node(node.inputs[place]).op, Op::Param { .. });
        is_param(1) && !is_param(0)
    }
}

/// The axis of a weight along which the outputs of a product lie.
fn weight_axis(op: &Op) -> Option<usize> {
    if matches!(op, Op::MatMul) {
        Some(1)
    } else {
        matches!(op, Op::Conv2d { groups: 1, .. }).then_some(0)
    }
}

/// Nodes while they are copied.
struct Rewrite {
    nodes: Vec<Node>,
    /// For each node of the old graph, where its readers find its value.
    places: Vec<NodeId>,
    /// For each node that is quantized, the end of its pair: a value that several products read is
    /// quantized once.
    pairs: BTreeMap<NodeId, NodeId>,
}

impl Rewrite {
    fn keep(&mut self, node: Node) {
        let place = self.push(node);
        self.places.push(place);
    }

    fn push(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        NodeId(self.nodes.len() - 1)
    }

    fn pair(&mut self, of: NodeId, scales: &Scales) -> NodeId {
        if let Some(&end) = self.pairs.get(&of) {
            return end;
        }
        let Node { name, shape, .. } = self.nodes[of.0].clone();
        let quantize = Op::Quantize { scales: scales.clone() };
        let steps = self.push(Node {
            name: format!("{name}.quantize"),
            op: quantize,
            inputs: vec![of],
            shape: shape.clone(),
        });
        let dequantize = Op::Dequantize { scales: scales.clone() };
        let end = self.push(Node {
            name: format!("{name}.dequantize"),
            op: dequantize,
            inputs: vec![steps],
            shape,
        });
        self.pairs.insert(of, end);
        end
    }
}

#[cfg(test)]
mod tests;
