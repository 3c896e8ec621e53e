//! What training needs of memory: weights, what comes with them, and activations.
//!
//! A timeline, not a sum: N nodes forward, the same nodes backward, and for every tensor the
//! moments at which it is alive. Not counted: what a call allocates within itself, what a library
//! reserves, losses, batches that wait.

mod saved;
mod timeline;

use std::collections::BTreeMap;

use crate::{DType, Graph, Node, NodeId, Op, Parameters, mixed_precision};
use saved::{Hidden, Saved, is_strided, is_view, saved};
use timeline::{Span, Timeline};

/// An element of what does not follow the type of products: weights, their gradients, moments, most
/// activations.
const REAL_BYTES: u64 = 4;

/// From the name of a node to that of its block, if it is in one.
pub type BlockOf = fn(&str) -> Option<&str>;

/// How a graph is trained.
#[derive(Clone, Copy)]
pub struct Training<'a> {
    /// Images in a pass.
    pub images: usize,
    /// Queries in a pass.
    pub queries: usize,
    /// Bytes of an element of a factor of a matrix product or convolution: 4 for float32, 2 for
    /// bfloat16 and float16. Results have the type of factors where [`mixed_precision`] says so;
    /// all else is float32. A factor that is not of this type, such as a weight, is copied, and the
    /// copy lives until its backward pass.
    pub factor_bytes: u64,
    /// Whether training changes the parameter of this name.
    pub trains: &'a dyn Fn(&str) -> bool,
    /// The block that a node of this name belongs to. Of such a block only the inputs are kept; its
    /// inner values are computed again in the backward pass (gradient checkpointing). `None` keeps
    /// every value.
    pub recomputed: Option<BlockOf>,
}

/// Bytes that training holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrainingMemory {
    /// Every parameter.
    pub weight_bytes: u64,
    /// A gradient for each trainable number; it stays from step to step.
    pub gradient_bytes: u64,
    /// `AdamW`'s two moments for each trainable number.
    pub moment_bytes: u64,
    /// The moving average of weights, a copy of every parameter.
    pub average_bytes: u64,
    /// Activations that the backward pass waits with, at the end of the forward pass.
    pub kept_bytes: u64,
    /// Activations and their gradients at the worst moment of a step; not less than what is kept.
    pub peak_bytes: u64,
}

impl TrainingMemory {
    /// Of a step of `graph`. `parameters` may count a second graph that lies beside it and is not
    /// trained.
    pub fn of(graph: &Graph, parameters: &Parameters, training: &Training<'_>) -> Self {
        let activations = Activations::new(graph, training);
        let timeline = activations.timeline();
        Self {
            weight_bytes: REAL_BYTES * parameters.total,
            gradient_bytes: REAL_BYTES * parameters.trainable,
            moment_bytes: 2 * REAL_BYTES * parameters.trainable,
            average_bytes: REAL_BYTES * parameters.total,
            kept_bytes: timeline.kept_bytes(),
            peak_bytes: timeline.peak_bytes(),
        }
    }

    /// What does not depend on the batch.
    pub fn fixed_bytes(&self) -> u64 {
        self.weight_bytes + self.gradient_bytes + self.moment_bytes + self.average_bytes
    }

    /// Everything at the worst moment.
    pub fn total_bytes(&self) -> u64 {
        self.fixed_bytes() + self.peak_bytes
    }
}

/// A graph with what a step of training makes of it.
struct Activations<'a> {
    graph: &'a Graph,
    training: &'a Training<'a>,
    /// The node that owns a node's memory: itself, or what it is a view of.
    owners: Vec<usize>,
    /// Whether a node's value, and its gradient, have the type of factors.
    narrow: Vec<bool>,
    needs_gradient: Vec<bool>,
    saved: Vec<Saved>,
    /// The last node of each block that is computed again.
    blocks: BTreeMap<&'a str, usize>,
}

impl<'a> Activations<'a> {
    fn new(graph: &'a Graph, training: &'a Training<'a>) -> Self {
        let mut owners: Vec<usize> = Vec::new();
        let mut needs_gradient: Vec<bool> = Vec::new();
        let mut kept = Vec::new();
        let mut blocks: BTreeMap<&str, usize> = BTreeMap::new();
        for (index, node) in graph.nodes().iter().enumerate() {
            let needs: Vec<bool> =
                node.inputs.iter().map(|id| needs_gradient[id.index()]).collect();
            let needed = if matches!(node.op, Op::Param { .. }) {
                (training.trains)(&node.name)
            } else {
                needs.contains(&true)
            };
            owners.push(if is_view(&node.op) { owners[node.inputs[0].index()] } else { index });
            needs_gradient.push(needed);
            kept.push(if needed { saved(&node.op, &needs) } else { Saved::default() });
            if let Some(block) =
                training.recomputed.and_then(|block_of| block_of(&node.name)).filter(|_| needed)
            {
                blocks.insert(block, index);
            }
        }
        let narrow = mixed_precision(graph);
        Self { graph, training, owners, narrow, needs_gradient, saved: kept, blocks }
    }

    fn timeline(&self) -> Timeline {
        let mut timeline = Timeline::new(self.graph.nodes().len());
        self.values(&mut timeline);
        self.copies(&mut timeline);
        self.gradients(&mut timeline);
        timeline
    }

    /// Values of nodes: until their last use, or until the last backward pass that reads them.
    fn values(&self, timeline: &mut Timeline) {
        let mut spans: Vec<Vec<Span>> = vec![Vec::new(); self.owners.len()];
        for (index, last_use) in self.graph.last_uses().into_iter().enumerate() {
            spans[self.owners[index]].push(timeline.forward(index, last_use));
        }
        for (index, node) in self.graph.nodes().iter().enumerate() {
            let block = self.block(index);
            for id in &node.inputs {
                let owner = self.owners[id.index()];
                if let Some(last) = block.filter(|_| self.block(owner) != block) {
                    spans[owner].push(timeline.until_backward(owner, last));
                }
            }
            let inputs = self.saved[index].inputs.iter().map(|&input| node.inputs[input]);
            let inputs = inputs.filter(|&id| !self.is_widened(&node.op, id));
            let shared = self.saved[index].factors.iter().map(|&factor| node.inputs[factor]);
            let shared = shared.filter(|&id| !self.is_copied(&node.op, id));
            let output = self.saved[index].output.then_some(NodeId(index));
            for id in inputs.chain(shared).chain(output) {
                let owner = self.owners[id.index()];
                spans[owner].push(match block {
                    Some(last) if self.block(owner) == block => timeline.recomputed(last, index),
                    _ => timeline.until_backward(owner, index),
                });
            }
        }
        for (owner, spans) in spans.into_iter().enumerate() {
            timeline.add(self.value_bytes(owner), spans);
        }
    }

    /// What a node keeps for itself: copies of factors, statistics, masks.
    fn copies(&self, timeline: &mut Timeline) {
        for (index, node) in self.graph.nodes().iter().enumerate() {
            let copied = self.saved[index].factors.iter().map(|&factor| node.inputs[factor]);
            let copied = copied.filter(|&id| self.is_copied(&node.op, id));
            let factors: u64 = copied
                .map(|id| self.elements(self.graph.node(id)) * self.training.factor_bytes)
                .sum();
            let widened = self.saved[index].inputs.iter().map(|&input| node.inputs[input]);
            let widened = widened.filter(|&id| self.is_widened(&node.op, id));
            let widened: u64 =
                widened.map(|id| self.elements(self.graph.node(id)) * REAL_BYTES).sum();
            let bytes = factors + widened + self.hidden_bytes(index);
            timeline.add(
                bytes,
                vec![match self.block(index) {
                    Some(last) => timeline.recomputed(last, index),
                    None => timeline.until_backward(index, index),
                }],
            );
        }
    }

    /// Gradients on their way: from the backward pass of the last node that reads a value to that
    /// of the node itself.
    fn gradients(&self, timeline: &mut Timeline) {
        let mut last_readers: Vec<Option<usize>> = vec![None; self.owners.len()];
        for (index, node) in
            self.graph.nodes().iter().enumerate().filter(|&(index, _)| self.needs_gradient[index])
        {
            for id in node.inputs.iter().filter(|id| self.needs_gradient[id.index()]) {
                last_readers[self.owners[id.index()]] = Some(index);
            }
        }
        for (_, id) in self.graph.outputs().iter().filter(|(_, id)| self.needs_gradient[id.index()])
        {
            last_readers[self.owners[id.index()]] = Some(self.owners.len() - 1);
        }
        for (owner, last) in last_readers.into_iter().enumerate() {
            if let Some(last) = last {
                let bytes = self.elements(&self.graph.nodes()[owner]) * self.element_bytes(owner);
                timeline.add(bytes, vec![timeline.backward(last, owner)]);
            }
        }
    }

    /// The last node of the block that a node is in, if that block is computed again.
    fn block(&self, index: usize) -> Option<usize> {
        let block = self.training.recomputed?(&self.graph.nodes()[index].name)?;
        self.blocks.get(block).copied()
    }

    /// Whether a factor of a product is kept as a copy: in another type, or with its rows brought
    /// together.
    fn is_copied(&self, op: &Op, factor: NodeId) -> bool {
        let mut node = self.graph.node(factor);
        let mut strided = is_strided(&node.op);
        while is_view(&node.op) {
            node = self.graph.node(node.inputs[0]);
            strided |= is_strided(&node.op);
        }
        let is_cast = self.training.factor_bytes != REAL_BYTES && !self.narrow[factor.index()];
        is_cast || (strided && matches!(op, Op::MatMul))
    }

    /// Whether an op that computes in float32 keeps an input as a copy of that type.
    fn is_widened(&self, op: &Op, input: NodeId) -> bool {
        let widens = matches!(op, Op::LayerNorm { .. } | Op::GroupNorm { .. } | Op::L2Normalize);
        widens && self.element_bytes(input.index()) != REAL_BYTES
    }

    /// Of a value of the network.
    fn element_bytes(&self, index: usize) -> u64 {
        if self.narrow[index] { self.training.factor_bytes } else { REAL_BYTES }
    }

    fn elements(&self, node: &Node) -> u64 {
        node.shape.elements().at(self.training.images, self.training.queries) as u64
    }

    /// Parameters are counted apart, and a view has no memory of its own.
    fn value_bytes(&self, index: usize) -> u64 {
        let node = &self.graph.nodes()[index];
        if matches!(node.op, Op::Param { .. }) || self.owners[index] != index {
            0
        } else if matches!(node.op, Op::Input { dtype: DType::U8 }) {
            self.elements(node)
        } else {
            self.elements(node) * self.element_bytes(index)
        }
    }

    fn hidden_bytes(&self, index: usize) -> u64 {
        let node = &self.graph.nodes()[index];
        let length =
            |axis: usize| node.shape.0[axis].at(self.training.images, self.training.queries) as u64;
        let elements = self.elements(node);
        match self.saved[index].hidden {
            Hidden::Nothing => 0,
            Hidden::Map => elements * self.element_bytes(index),
            Hidden::Mask => elements,
            Hidden::RowStatistics => 2 * REAL_BYTES * elements / length(node.shape.rank() - 1),
            Hidden::GroupStatistics { groups } => 2 * REAL_BYTES * length(0) * groups as u64,
            Hidden::SampleMask => REAL_BYTES * length(0),
            Hidden::Indices => 8 * self.elements(self.graph.node(node.inputs[1])),
        }
    }
}

#[cfg(test)]
mod tests;
