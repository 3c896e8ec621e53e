//! Element types of a file in half precision: 16-bit weights and activations, sums over many in 32.
//!
//! Engines for accelerators type a network as its file does and convert nothing by themselves, so
//! each value has one type, and where a node computes in another one, its input goes through a
//! `Cast`, once for all such readers. In 32 bits stay sums over many elements (statistics of norms,
//! softmax, means, lengths), what comes from the host, and arithmetic between such values: the
//! normalisation of tiles and the cosine. Products by weights, convolutions and activation
//! functions are 16-bit.
//!
//! 8-bit steps of such a file are signed and around zero, with 16-bit scales: what
//! `DequantizeLinear` makes has the type of its scale, so 32-bit scales would take everything
//! between two products to 32 bits. TensorRT takes no other zero than 0.

use std::collections::BTreeMap;
use std::fmt;

use half::f16;
use rszs_graph::{Graph, InterpretError, Node, NodeId, Op, Rounding, Tensor, interpret_rounded};

use super::LowerError;
use crate::onnx::data_type;

/// A weight loses more than this share of its elements only if it was not made for half precision.
const LARGEST_UNDERFLOW: f64 = 0.5;

/// The largest number that half precision has.
pub const LARGEST_HALF: f32 = 65504.0;

/// Element type of a real value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementType {
    /// 16-bit floats.
    F16,
    /// 32-bit floats.
    F32,
}

impl ElementType {
    /// As ONNX numbers it.
    pub(super) fn data_type(self) -> i32 {
        match self {
            Self::F16 => data_type::FLOAT16,
            Self::F32 => data_type::FLOAT,
        }
    }

    /// The last part of the name of what a `Cast` makes.
    pub(super) fn cast_part(self) -> &'static str {
        match self {
            Self::F16 => "half",
            Self::F32 => "single",
        }
    }
}

/// The type that each node of `graph` computes in and its value has. Whole numbers that the host
/// feeds count as [`ElementType::F32`].
pub(super) fn element_types(graph: &Graph) -> Vec<ElementType> {
    let mut types = Vec::with_capacity(graph.nodes().len());
    for node in graph.nodes() {
        // A fixed tensor takes the type of its company.
        let mut read =
            node.inputs.iter().filter(|&&id| !matches!(graph.node(id).op, Op::Constant { .. }));
        let is_single = read.all(|id| types[id.index()] == ElementType::F32);
        let read = if is_single { ElementType::F32 } else { ElementType::F16 };
        types.push(element_type(&node.op, read));
    }
    for (index, node) in graph.nodes().iter().enumerate() {
        if matches!(node.op, Op::Param { .. } | Op::Constant { .. }) {
            types[index] = stored_type(graph, index, &types);
        }
    }
    types
}

/// The type that `op` computes in. `read` is [`ElementType::F32`] if all that it reads is.
fn element_type(op: &Op, read: ElementType) -> ElementType {
    match op {
        // As the host feeds it, as bytes become reals, and sums over many elements.
        Op::Input { .. }
        | Op::Cast
        | Op::Mean { .. }
        | Op::LayerNorm { .. }
        | Op::GroupNorm { .. }
        | Op::L2Normalize
        | Op::Softmax => ElementType::F32,
        // Most of all time and memory, or no more sensitive than what follows. For 8-bit steps it
        // is the type of their scales.
        Op::Param { .. }
        | Op::Constant { .. }
        | Op::Conv2d { .. }
        | Op::ConvTranspose2d { .. }
        | Op::AvgPool2d { .. }
        | Op::Resize { .. }
        | Op::Relu
        | Op::Relu6
        | Op::Gelu
        | Op::QuickGelu
        | Op::Sigmoid
        | Op::Quantize { .. }
        | Op::Dequantize { .. } => ElementType::F16,
        // Arithmetic between 32-bit values, as a cosine, stays in 32 bits; a product by a weight
        // reads 16 bits. The rest moves elements.
        Op::MatMul
        | Op::Add
        | Op::Sub
        | Op::Mul
        | Op::Div
        | Op::Affine { .. }
        | Op::Reshape
        | Op::Transpose { .. }
        | Op::Concat { .. }
        | Op::Slice { .. }
        | Op::Expand
        | Op::Gather
        | Op::Dropout { .. }
        | Op::DropPath { .. } => read,
    }
}

/// A tensor that 32-bit nodes alone read, as the gain of a norm, is stored as they want it: no
/// `Cast` of a weight. A weight in 8-bit steps becomes them before anything is rounded to 16 bits.
fn stored_type(graph: &Graph, index: usize, types: &[ElementType]) -> ElementType {
    let is_reader = |node: &Node| node.inputs.iter().any(|id| id.index() == index);
    let mut readers = graph.nodes().iter().zip(types).filter(|(node, _)| is_reader(node));
    let is_exact =
        |node: &Node, found| found == ElementType::F32 || matches!(node.op, Op::Quantize { .. });
    if readers.all(|(node, &found)| is_exact(node, found)) {
        ElementType::F32
    } else {
        ElementType::F16
    }
}

/// The graph with scales as the file stores them, each the nearest 16-bit number above zero.
pub(super) fn with_half_scales(graph: &Graph) -> Graph {
    graph.clone().map_scales(|scale| f16::from_f32(scale).max(f16::from_bits(1)).to_f32())
}

/// What the oracle makes of a graph in half precision.
#[derive(Debug, Clone, PartialEq)]
pub struct HalfRun {
    /// The outputs by name.
    pub outputs: Vec<(String, Tensor)>,
    /// How near the computed values came to what half precision can hold.
    pub peak: Peak,
}

/// The largest magnitude of all computed 16-bit values.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Peak {
    /// The node that made it; empty where none computes in 16 bits.
    pub node: String,
    /// At most 65504.
    pub magnitude: f32,
}

impl fmt::Display for Peak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "largest 16-bit value {} of {} that can be, made by {}",
            self.magnitude, LARGEST_HALF, self.node
        )
    }
}

/// Why a graph cannot be interpreted in half precision.
#[derive(Debug, thiserror::Error)]
pub enum HalfError {
    /// The oracle cannot run it.
    #[error("oracle: {0}")]
    Oracle(#[from] InterpretError),
    /// An activation is too large.
    #[error(
        "{name}: expected values of at most 65504 for half precision, found larger ones; export \
         fp32 alone"
    )]
    Overflow {
        /// The first such node.
        name: String,
    },
}

/// The graph with every value rounded to 16 bits that a file in half precision holds in 16 bits.
///
/// `sums` is what sums of 16-bit products are held in; an accelerator is free to choose. 16-bit
/// sums are rounded after every 16 terms. Sums of 8-bit steps are exact.
///
/// Where ONNX Runtime has no 16-bit kernels, as 1.31 on x86-64, it rounds weights and computes in
/// 32 bits from end to end, an overflow included: it proves that the file is right, this proves
/// that 16 bits are enough.
pub fn interpret_half(
    graph: &Graph,
    feeds: &BTreeMap<String, Tensor>,
    parameters: &BTreeMap<String, Tensor>,
    sums: ElementType,
) -> Result<HalfRun, HalfError> {
    let (mut peak, mut overflow) = (Peak::default(), None);
    let visit = |node: &Node, dtype: ElementType, value: &Tensor| {
        if overflow.is_none() && value.values.iter().any(|value| !value.is_finite()) {
            overflow = Some(node.name.clone());
        }
        let is_computed = !matches!(node.op, Op::Param { .. } | Op::Constant { .. });
        if is_computed && dtype == ElementType::F16 && value.magnitude() > peak.magnitude {
            peak = Peak { node: node.name.clone(), magnitude: value.magnitude() };
        }
    };
    let outputs = interpret_half_with(graph, feeds, parameters, sums, visit)?;
    match overflow {
        Some(name) => Err(HalfError::Overflow { name }),
        None => Ok(HalfRun { outputs, peak }),
    }
}

/// [`interpret_half`] that goes on after an overflow, and shows every node with its type and its
/// value to `visit`. The outputs by name.
pub fn interpret_half_with(
    graph: &Graph,
    feeds: &BTreeMap<String, Tensor>,
    parameters: &BTreeMap<String, Tensor>,
    sums: ElementType,
    mut visit: impl FnMut(&Node, ElementType, &Tensor),
) -> Result<Vec<(String, Tensor)>, HalfError> {
    let graph = &with_half_scales(graph);
    let halves = Halves { graph, types: element_types(graph), sums };
    let visit = |id: NodeId, value: &Tensor| visit(graph.node(id), halves.types[id.index()], value);
    Ok(interpret_rounded(graph, feeds, parameters, &halves, visit)?)
}

/// What a file in half precision holds in 16 bits.
struct Halves<'a> {
    graph: &'a Graph,
    types: Vec<ElementType>,
    sums: ElementType,
}

impl Rounding for Halves<'_> {
    fn value(&self, node: NodeId, value: &Tensor) -> Option<Tensor> {
        (self.types[node.index()] == ElementType::F16).then(|| {
            let halves = value.values.iter().map(|&value| to_half(value));
            Tensor::new(value.shape.clone(), halves.collect())
        })
    }

    fn sum(&self, node: NodeId) -> Option<fn(f32) -> f32> {
        let is_in_steps = |id: &NodeId| matches!(self.graph.node(*id).op, Op::Dequantize { .. });
        let is_exact = self.graph.node(node).inputs.iter().any(is_in_steps);
        let is_half = [self.sums, self.types[node.index()]] == [ElementType::F16; 2];
        (is_half && !is_exact).then_some(to_half)
    }
}

/// The nearest number in half precision.
fn to_half(value: f32) -> f32 {
    f16::from_f32(value).to_f32()
}

/// `values` as 16-bit floats, each the nearest one.
pub(super) fn halves(name: &str, values: &[f32]) -> Result<Vec<f16>, LowerError> {
    if let Some(found) = values.iter().find(|&&value| !f16::from_f32(value).is_finite()) {
        return Err(LowerError::TooLargeForHalf {
            name: name.to_owned(),
            found: found.to_string(),
        });
    }
    let halves: Vec<f16> = values.iter().map(|&value| f16::from_f32(value)).collect();
    let present = values.iter().filter(|&&value| value != 0.0).count();
    let kept = halves.iter().filter(|half| half.to_bits() << 1 != 0).count();
    if (present - kept) as f64 > LARGEST_UNDERFLOW * present as f64 {
        return Err(LowerError::TooSmallForHalf {
            name: name.to_owned(),
            lost: present - kept,
            of: present,
        });
    }
    Ok(halves)
}

#[cfg(test)]
mod tests;
