//! A finished graph and the errors of building one.

use std::panic::Location;

use crate::{DType, Op, Shape};

/// The place of a node in its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) usize);

impl NodeId {
    /// Index into [`Graph::nodes`].
    pub fn index(self) -> usize {
        self.0
    }
}

/// One operation with its inputs and its inferred shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Scopes joined by dots. For a parameter, its checkpoint key; for an input, its name; unique
    /// in the graph.
    pub name: String,
    /// What is computed.
    pub op: Op,
    /// Earlier nodes, in the order the op expects.
    pub inputs: Vec<NodeId>,
    /// Inferred from the op and its inputs.
    pub shape: Shape,
}

/// Nodes in evaluation order and named outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) outputs: Vec<(String, NodeId)>,
}

impl Graph {
    /// Every node, each after its inputs.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// One node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// Names and nodes of the results, in the order given to [`crate::Builder::finish`].
    pub fn outputs(&self) -> &[(String, NodeId)] {
        &self.outputs
    }

    /// The nodes that are fed at run time, with their element types.
    pub fn inputs(&self) -> impl Iterator<Item = (&Node, DType)> {
        self.nodes.iter().filter_map(|node| {
            let Op::Input { dtype } = node.op else { return None };
            Some((node, dtype))
        })
    }

    /// The trained tensors, in the order in which the network was written.
    pub fn params(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| matches!(node.op, Op::Param { .. }))
    }

    /// For each node, the index of the last node that reads it; an output is read at the very end.
    pub fn last_uses(&self) -> Vec<usize> {
        let mut last: Vec<usize> = (0..self.nodes.len()).collect();
        for (index, node) in self.nodes.iter().enumerate() {
            for input in &node.inputs {
                last[input.0] = index;
            }
        }
        for (_, id) in &self.outputs {
            last[id.0] = self.nodes.len();
        }
        last
    }

    /// The graph with the values of the nodes `names` as its outputs, under their own names: what
    /// an engine is to show.
    #[must_use]
    pub fn showing(&self, names: &[&str]) -> Self {
        let place = |name: &&str| self.nodes.iter().position(|node| node.name == *name).map(NodeId);
        let outputs =
            names.iter().filter_map(|name| Some(((*name).to_owned(), place(name)?))).collect();
        Self { nodes: self.nodes.clone(), outputs }.without_dead_nodes(true)
    }

    /// The graph with the number of queries fixed, as a fixed vocabulary wants it.
    #[must_use]
    pub fn fold_queries(mut self, queries: usize) -> Self {
        for node in &mut self.nodes {
            for dim in &mut node.shape.0 {
                *dim = dim.fold_queries(queries);
            }
        }
        self
    }

    /// The graph without the nodes that no output needs. Inputs may stay even so: what a host has
    /// to feed is part of what a network promises.
    pub(crate) fn without_dead_nodes(self, keep_inputs: bool) -> Self {
        let mut alive: Vec<bool> = self
            .nodes
            .iter()
            .map(|node| keep_inputs && matches!(node.op, Op::Input { .. }))
            .collect();
        for (_, id) in &self.outputs {
            alive[id.0] = true;
        }
        for index in (0..self.nodes.len()).rev() {
            if alive[index] {
                for input in &self.nodes[index].inputs {
                    alive[input.0] = true;
                }
            }
        }
        let mut renumbered = vec![NodeId(0); self.nodes.len()];
        let mut nodes = Vec::new();
        for (index, mut node) in self.nodes.into_iter().enumerate() {
            if alive[index] {
                renumbered[index] = NodeId(nodes.len());
                node.inputs = node.inputs.iter().map(|input| renumbered[input.0]).collect();
                nodes.push(node);
            }
        }
        let outputs = self.outputs.into_iter().map(|(name, id)| (name, renumbered[id.0])).collect();
        Self { nodes, outputs }
    }
}

/// What went wrong while a network was written down, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: `{scope}`: {reason}")]
pub struct GraphError {
    pub(crate) file: &'static str,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) scope: String,
    pub(crate) reason: String,
}

impl GraphError {
    pub(crate) fn new(location: &'static Location<'static>, scope: &str, reason: String) -> Self {
        let scope = if scope.is_empty() { "(root)" } else { scope }.to_owned();
        Self {
            file: location.file(),
            line: location.line(),
            column: location.column(),
            scope,
            reason,
        }
    }
}
