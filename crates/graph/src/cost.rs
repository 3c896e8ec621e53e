//! What a graph costs: parameters, multiply-accumulates, bytes of activations.

use std::collections::BTreeSet;
use std::fmt;
use std::iter::Sum;
use std::ops::Add;

use crate::{DType, Graph, Node, Op};

/// The cost of one forward pass for given N and K.
///
/// A MAC is one multiplication with its addition. Counted are the products that grow with a weight
/// or an inner dimension: `MatMul`, `Conv2d` and `ConvTranspose2d`. Biases, norms, softmax,
/// activations, interpolation and pooling are not counted, as in the tables of the literature.
/// Twice the MACs are the FLOPs of other sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    /// Number of images it was computed for.
    pub images: usize,
    /// Number of queries it was computed for.
    pub queries: usize,
    /// One entry a node, in graph order.
    pub nodes: Vec<NodeCost>,
    /// The most bytes of activations alive at once when each is freed after its last use.
    pub peak_bytes: u64,
}

/// The cost of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeCost {
    /// The node's name.
    pub name: String,
    /// What it costs.
    pub totals: Totals,
}

/// Costs that add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Trained numbers.
    pub parameters: u64,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Bytes of values made: 4 an element, 1 for input bytes and 8-bit steps. Reshapes share memory
    /// and add nothing; parameters and constants are not activations.
    pub activation_bytes: u64,
}

impl Add for Totals {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            parameters: self.parameters + other.parameters,
            macs: self.macs + other.macs,
            activation_bytes: self.activation_bytes + other.activation_bytes,
        }
    }
}

impl Sum for Totals {
    fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
        items.fold(Self::default(), Add::add)
    }
}

impl Cost {
    /// The cost of `graph` for this many images and queries.
    pub fn of(graph: &Graph, images: usize, queries: usize) -> Self {
        let elements = |node: &Node| node.shape.elements().at(images, queries) as u64;
        let nodes = graph.nodes().iter().map(|node| NodeCost {
            name: node.name.clone(),
            totals: Totals {
                parameters: if matches!(node.op, Op::Param { .. }) { elements(node) } else { 0 },
                macs: macs(graph, node, images, queries),
                activation_bytes: elements(node) * bytes_an_element(&node.op),
            },
        });
        let nodes: Vec<NodeCost> = nodes.collect();
        let peak_bytes = peak_bytes(graph, &nodes);
        Self { images, queries, nodes, peak_bytes }
    }

    /// Everything together.
    pub fn total(&self) -> Totals {
        self.nodes.iter().map(|node| node.totals).sum()
    }

    /// Everything in one scope: the node of that name and all nodes whose name goes on with a dot.
    pub fn scope(&self, scope: &str) -> Totals {
        let inside = |name: &str| {
            name.strip_prefix(scope).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.nodes.iter().filter(|node| inside(&node.name)).map(|node| node.totals).sum()
    }

    /// The outermost scopes with their totals, in the order in which the network was written.
    pub fn scopes(&self) -> Vec<(&str, Totals)> {
        let mut scopes: Vec<(&str, Totals)> = Vec::new();
        for node in &self.nodes {
            let scope = node.name.split_once('.').map_or("(root)", |(scope, _)| scope);
            match scopes.iter_mut().find(|(name, _)| *name == scope) {
                Some((_, totals)) => *totals = *totals + node.totals,
                None => scopes.push((scope, node.totals)),
            }
        }
        scopes
    }
}

impl fmt::Display for Cost {
    /// A table with one line an outermost scope.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<12} {:>14} {:>12} {:>16}",
            "scope", "parameters", "GMACs", "activations MB"
        )?;
        let mut line = |name: &str, totals: Totals| {
            let (gigamacs, megabytes) =
                (totals.macs as f64 / 1e9, totals.activation_bytes as f64 / 1e6);
            writeln!(f, "{name:<12} {:>14} {gigamacs:>12.3} {megabytes:>16.2}", totals.parameters)
        };
        for (name, totals) in self.scopes() {
            line(name, totals)?;
        }
        line("total", self.total())?;
        let peak = self.peak_bytes as f64 / 1e6;
        writeln!(
            f,
            "for N = {}, K = {}; at most {peak:.2} MB of activations at once",
            self.images, self.queries
        )
    }
}

/// How many numbers are trained, where they are used, and how many of them training may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    /// In the image graph, which runs on the device for every tile.
    pub image: u64,
    /// In the text graph, which runs once a vocabulary.
    pub text: u64,
    /// In either; a shared parameter counts once.
    pub total: u64,
    /// Of the total, those that training changes.
    pub trainable: u64,
}

impl Parameters {
    /// Counts both graphs; `trainable` says of a parameter's name whether training changes it.
    pub fn of(image: &Graph, text: &Graph, trainable: impl Fn(&str) -> bool) -> Self {
        let length = |node: &Node| node.shape.elements().at(1, 1) as u64;
        let count = |graph: &Graph| graph.params().map(length).sum();
        let mut seen = BTreeSet::new();
        let all: Vec<&Node> =
            image.params().chain(text.params()).filter(|node| seen.insert(&node.name)).collect();
        Self {
            image: count(image),
            text: count(text),
            total: all.iter().map(|node| length(node)).sum(),
            trainable: all
                .iter()
                .filter(|node| trainable(&node.name))
                .map(|node| length(node))
                .sum(),
        }
    }
}

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { image, text, total, trainable } = self;
        write!(f, "{total} parameters: {image} for images, {text} for text; {trainable} trainable")
    }
}

fn macs(graph: &Graph, node: &Node, images: usize, queries: usize) -> u64 {
    let length = |input: usize, axis: usize| -> u64 {
        graph.node(node.inputs[input]).shape.0[axis].at(images, queries) as u64
    };
    let elements = |node: &Node| node.shape.elements().at(images, queries) as u64;
    match node.op {
        Op::MatMul => {
            let inner = graph.node(node.inputs[0]).shape.rank() - 1;
            elements(node) * length(0, inner)
        }
        Op::Conv2d { .. } => elements(node) * length(1, 1) * length(1, 2) * length(1, 3),
        // Kernel and step are equal: each output pixel has one tap of every input channel.
        Op::ConvTranspose2d { .. } => elements(node) * length(1, 0),
        Op::Input { .. }
        | Op::Param { .. }
        | Op::Constant { .. }
        | Op::Cast
        | Op::Add
        | Op::Sub
        | Op::Mul
        | Op::Div
        | Op::Affine { .. }
        | Op::Relu
        | Op::Relu6
        | Op::Gelu
        | Op::QuickGelu
        | Op::Sigmoid
        | Op::AvgPool2d { .. }
        | Op::Resize { .. }
        | Op::Mean { .. }
        | Op::LayerNorm { .. }
        | Op::GroupNorm { .. }
        | Op::L2Normalize
        | Op::Softmax
        | Op::Reshape
        | Op::Transpose { .. }
        | Op::Concat { .. }
        | Op::Slice { .. }
        | Op::Expand
        | Op::Gather
        | Op::Quantize { .. }
        | Op::Dequantize { .. }
        | Op::Dropout { .. }
        | Op::DropPath { .. } => 0,
    }
}

fn bytes_an_element(op: &Op) -> u64 {
    if matches!(op, Op::Input { dtype: DType::U8 } | Op::Quantize { .. }) {
        1
    } else if matches!(op, Op::Param { .. } | Op::Constant { .. }) || shares_memory(op) {
        0
    } else {
        4
    }
}

/// Whether the result is its input's memory under another shape.
fn shares_memory(op: &Op) -> bool {
    matches!(op, Op::Reshape | Op::Dropout { .. } | Op::DropPath { .. })
}

/// Walks the graph in order, frees each memory after the last use of any value in it.
fn peak_bytes(graph: &Graph, costs: &[NodeCost]) -> u64 {
    let mut memory: Vec<usize> = (0..costs.len()).collect();
    let mut last_use = vec![0; costs.len()];
    for (index, (node, last)) in graph.nodes().iter().zip(graph.last_uses()).enumerate() {
        if shares_memory(&node.op) {
            memory[index] = memory[node.inputs[0].index()];
        }
        last_use[memory[index]] = last_use[memory[index]].max(last);
    }
    let (mut alive, mut peak) = (0, 0);
    for index in 0..costs.len() {
        alive += costs[index].totals.activation_bytes;
        peak = peak.max(alive);
        let mut freed: BTreeSet<usize> =
            graph.nodes()[index].inputs.iter().map(|id| memory[id.index()]).collect();
        freed.insert(memory[index]);
        alive -= freed
            .into_iter()
            .filter(|&m| last_use[m] == index)
            .map(|m| costs[m].totals.activation_bytes)
            .sum::<u64>();
    }
    peak
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Builder, Init, K, N};

    const INIT: Init = Init::Constant(0.0);

    fn example() -> Graph {
        let builder = Builder::new();
        let x = builder.input("x", DType::U8, [N, 3.into(), 8.into(), 8.into()]);
        let map = builder.scoped("encoder", || {
            let weight = builder.param("weight", [6, 3, 2, 2], INIT);
            let map = x.cast().conv2d(weight, None, 2, 0, 1);
            let up = builder.param("up", [6, 5, 2, 2], INIT);
            map.conv_transpose2d(up, None, 2)
        });
        let y = builder.scoped("head", || {
            let queries = builder.input("queries", DType::F32, [K, 5.into()]);
            queries.matmul(map.reshape([N, 5.into(), 64.into()]))
        });
        builder.finish(&[("y", y.id())]).unwrap()
    }

    #[test]
    fn products_are_counted_by_hand() {
        let cost = Cost::of(&example(), 2, 3);
        assert_eq!(cost.scope("encoder.conv2d").macs, 2 * 6 * 4 * 4 * (3 * 2 * 2));
        assert_eq!(cost.scope("encoder.conv_transpose2d").macs, 2 * 5 * 8 * 8 * 6);
        assert_eq!(cost.scope("head").macs, 2 * 3 * 64 * 5);
        assert_eq!(cost.total().parameters, 6 * 3 * 4 + 6 * 5 * 4);
        assert_eq!(cost.scope("enc"), Totals::default());
    }

    #[test]
    fn memory_is_freed_after_its_last_use_and_reshapes_are_free() {
        let cost = Cost::of(&example(), 2, 3);
        let (tiles, real, conv, up) = (2 * 192, 4 * 2 * 192, 4 * 2 * 96, 4 * 2 * 320);
        let (queries, head) = (4 * 3 * 5, 4 * 2 * 3 * 64);
        assert_eq!(cost.total().activation_bytes, tiles + real + conv + up + queries + head);
        assert_eq!(cost.peak_bytes, up + queries + head);
    }

    #[test]
    fn the_table_has_a_line_for_every_outermost_scope() {
        let table = Cost::of(&example(), 1, 1).to_string();
        let scopes: Vec<&str> =
            table.lines().filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(scopes, ["scope", "(root)", "encoder", "head", "total", "for"]);
    }

    #[test]
    fn a_parameter_of_both_graphs_counts_once_in_the_total() {
        let text = {
            let builder = Builder::new();
            let shared = builder.scoped("encoder", || builder.param("weight", [6, 3, 2, 2], INIT));
            let own = builder.param("own", [7], INIT);
            builder.finish(&[("a", shared.id()), ("b", own.id())]).unwrap()
        };
        let parameters = Parameters::of(&example(), &text, |name| name == "own");
        assert_eq!(parameters, Parameters { image: 192, text: 79, total: 199, trainable: 7 });
    }
}
