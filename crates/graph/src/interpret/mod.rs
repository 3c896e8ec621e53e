//! The oracle: a naive interpreter in `f32` that every engine is compared with.
//!
//! It is written to be read, one function an op, in the order of the definition of that op. Sums
//! that normalise (means, variances, lengths, softmax) are accumulated in `f64`, so that the oracle
//! is the more exact side of a comparison. Products are accumulated in `f32`; [`Rounding`] says
//! what fewer bits do.
//! It is fast enough for a small network, not for deployment.

mod elementwise;
mod layout;
mod linear;
mod normalize;
mod resample;
mod rounding;
mod symbols;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::{DType, Graph, Node, NodeId, Op, Tensor};
use rounding::Exact;
use symbols::Symbols;

pub use rounding::Rounding;

/// Why a graph cannot be interpreted with what was given.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InterpretError {
    /// An input was not fed.
    #[error("{name}: expected an input of shape {shape}, found none; feed it")]
    MissingFeed {
        /// The input.
        name: String,
        /// Its symbolic shape.
        shape: String,
    },
    /// Something was fed that the graph does not read.
    #[error("{name}: not an input of this graph; the inputs are {}", known.join(", "))]
    UnknownFeed {
        /// What was fed.
        name: String,
        /// The names of the inputs.
        known: Vec<String>,
    },
    /// A parameter has no values.
    #[error(
        "{name}: expected a parameter of shape {shape}, found none (a checkpoint of another \
         config?)"
    )]
    MissingParameter {
        /// The parameter.
        name: String,
        /// Its shape.
        shape: String,
    },
    /// A fed tensor or a parameter has another shape than the graph says.
    #[error("{name}: expected {expected}, found {found}")]
    WrongShape {
        /// Input or parameter.
        name: String,
        /// Shape in the graph, with the symbols that are known by then filled in.
        expected: String,
        /// Shape of what was given.
        found: String,
    },
    /// A fed number is not of the input's element type.
    #[error("{name}: expected {expected}, found {found}")]
    WrongElement {
        /// The input.
        name: String,
        /// What its element type allows.
        expected: &'static str,
        /// The first number that is not.
        found: f32,
    },
    /// A row number outside its table.
    #[error("{name}: expected row numbers below {rows}, found {found}")]
    NoSuchRow {
        /// The gathering node.
        name: String,
        /// Rows in the table.
        rows: usize,
        /// The row asked for.
        found: f32,
    },
}

/// Everything that comes from outside the graph.
struct Given<'a> {
    symbols: Symbols,
    feeds: &'a BTreeMap<String, Tensor>,
    parameters: &'a BTreeMap<String, Tensor>,
}

/// Evaluates the graph: the outputs by name, in the graph's order.
///
/// N and K are read off the shapes of `feeds`; a symbol that no input has is 1. `parameters` may
/// hold more than the graph needs.
pub fn interpret(
    graph: &Graph,
    feeds: &BTreeMap<String, Tensor>,
    parameters: &BTreeMap<String, Tensor>,
) -> Result<Vec<(String, Tensor)>, InterpretError> {
    interpret_with(graph, feeds, parameters, |_, _| ())
}

/// [`interpret`], and shows every node with its value to `visit`, in order of evaluation.
pub fn interpret_with(
    graph: &Graph,
    feeds: &BTreeMap<String, Tensor>,
    parameters: &BTreeMap<String, Tensor>,
    mut visit: impl FnMut(&Node, &Tensor),
) -> Result<Vec<(String, Tensor)>, InterpretError> {
    interpret_rounded(graph, feeds, parameters, &Exact, |id, value| visit(graph.node(id), value))
}

/// [`interpret_with`] as by an engine that holds some values and sums in fewer bits.
pub fn interpret_rounded(
    graph: &Graph,
    feeds: &BTreeMap<String, Tensor>,
    parameters: &BTreeMap<String, Tensor>,
    rounding: &impl Rounding,
    mut visit: impl FnMut(NodeId, &Tensor),
) -> Result<Vec<(String, Tensor)>, InterpretError> {
    let given = Given { symbols: Symbols::of(graph, feeds)?, feeds, parameters };
    let last_uses = graph.last_uses();
    let mut values: Vec<Option<Cow<'_, Tensor>>> = Vec::with_capacity(graph.nodes.len());
    for (index, node) in graph.nodes.iter().enumerate() {
        let id = NodeId(index);
        let held = |value| rounding.value(id, value).map_or(Cow::Borrowed(value), Cow::Owned);
        let inputs: Vec<Cow<'_, Tensor>> =
            node.inputs.iter().filter_map(|id| values[id.0].as_deref()).map(held).collect();
        assert_eq!(
            inputs.len(),
            node.inputs.len(),
            "{}: an input was freed before its last use",
            node.name
        );
        let inputs: Vec<&Tensor> = inputs.iter().map(Cow::as_ref).collect();
        let value = evaluate(node, &inputs, &given, rounding.sum(id))?;
        let value = rounding.value(id, &value).map_or(value, Cow::Owned);
        visit(id, &value);
        values.push((last_uses[index] > index).then_some(value));
        for input in &node.inputs {
            if last_uses[input.0] == index {
                values[input.0] = None;
            }
        }
    }
    let outputs = graph.outputs.iter();
    Ok(outputs
        .filter_map(|(name, id)| Some((name.clone(), values[id.0].clone()?.into_owned())))
        .collect())
}

/// The shapes of a graph's outputs for these inputs, by name, in the graph's order.
pub fn output_shapes(
    graph: &Graph,
    feeds: &BTreeMap<String, Tensor>,
) -> Result<Vec<(String, Vec<usize>)>, InterpretError> {
    let Symbols { images, queries } = Symbols::of(graph, feeds)?;
    let outputs = graph.outputs.iter();
    Ok(outputs
        .map(|(name, id)| (name.clone(), graph.node(*id).shape.at(images, queries)))
        .collect())
}

fn fed<'a>(
    node: &Node,
    dtype: DType,
    feeds: &'a BTreeMap<String, Tensor>,
) -> Result<&'a Tensor, InterpretError> {
    let Some(tensor) = feeds.get(&node.name) else {
        return Err(InterpretError::MissingFeed {
            name: node.name.clone(),
            shape: node.shape.to_string(),
        });
    };
    let (expected, allowed): (_, fn(f32) -> bool) = match dtype {
        DType::U8 => {
            ("whole numbers from 0 to 255", |x| x.fract() == 0.0 && (0.0..=255.0).contains(&x))
        }
        DType::I32 => ("whole numbers below 2^24", |x| x.fract() == 0.0 && x.abs() < 16_777_216.0),
        DType::F32 => ("finite numbers", f32::is_finite),
    };
    match tensor.values.iter().find(|&&value| !allowed(value)) {
        Some(&found) => {
            Err(InterpretError::WrongElement { name: node.name.clone(), expected, found })
        }
        None => Ok(tensor),
    }
}

fn parameter<'a>(
    node: &Node,
    shape: &[usize],
    parameters: &'a BTreeMap<String, Tensor>,
) -> Result<&'a Tensor, InterpretError> {
    let Some(tensor) = parameters.get(&node.name) else {
        return Err(InterpretError::MissingParameter {
            name: node.name.clone(),
            shape: node.shape.to_string(),
        });
    };
    if tensor.shape != shape {
        return Err(InterpretError::WrongShape {
            name: node.name.clone(),
            expected: node.shape.to_string(),
            found: format!("{:?}", tensor.shape),
        });
    }
    Ok(tensor)
}

/// One op on values whose shapes were checked when the graph was built. `sum` is what
/// [`Rounding::sum`] says of it.
fn evaluate<'a>(
    node: &Node,
    inputs: &[&Tensor],
    given: &Given<'a>,
    sum: Option<fn(f32) -> f32>,
) -> Result<Cow<'a, Tensor>, InterpretError> {
    let shape = node.shape.at(given.symbols.images, given.symbols.queries);
    let input = |place: usize| inputs[place];
    let optional = |place: usize| inputs.get(place).copied();
    let values = match &node.op {
        Op::Input { dtype } => return fed(node, *dtype, given.feeds).map(Cow::Borrowed),
        Op::Param { .. } => return parameter(node, &shape, given.parameters).map(Cow::Borrowed),
        Op::Constant { values } => values.to_vec(),
        Op::Cast | Op::Reshape | Op::Dropout { .. } | Op::DropPath { .. } => {
            input(0).values.clone()
        }
        Op::Add => elementwise::binary(input(0), input(1), &shape, |a, b| a + b),
        Op::Sub => elementwise::binary(input(0), input(1), &shape, |a, b| a - b),
        Op::Mul => elementwise::binary(input(0), input(1), &shape, |a, b| a * b),
        Op::Div => elementwise::binary(input(0), input(1), &shape, |a, b| a / b),
        &Op::Affine { scale, offset } => elementwise::unary(input(0), |x| x * scale + offset),
        Op::Relu => elementwise::unary(input(0), |x| if x < 0.0 { 0.0 } else { x }),
        Op::Relu6 => elementwise::unary(input(0), |x| x.clamp(0.0, 6.0)),
        Op::Gelu => elementwise::unary(input(0), elementwise::gelu),
        Op::QuickGelu => elementwise::unary(input(0), |x| x * elementwise::sigmoid(1.702 * x)),
        Op::Sigmoid => elementwise::unary(input(0), elementwise::sigmoid),
        Op::MatMul => linear::matmul(input(0), input(1), &shape, sum),
        &Op::Conv2d { stride, padding, groups } => linear::conv2d(
            input(0),
            input(1),
            optional(2),
            &shape,
            linear::Steps { stride, padding, groups },
            sum,
        ),
        &Op::ConvTranspose2d { stride } => {
            linear::conv_transpose2d(input(0), input(1), optional(2), &shape, stride, sum)
        }
        &Op::AvgPool2d { size } => resample::average_pool(input(0), &shape, size),
        Op::Resize { .. } => resample::resize(input(0), &shape),
        Op::Mean { axes } => normalize::mean(input(0), axes, &shape),
        &Op::LayerNorm { epsilon } => normalize::layer_norm(input(0), input(1), input(2), epsilon),
        &Op::GroupNorm { groups, epsilon } => {
            normalize::group_norm(input(0), input(1), input(2), groups, epsilon)
        }
        Op::L2Normalize => normalize::l2_normalize(input(0)),
        Op::Softmax => normalize::softmax(input(0)),
        Op::Transpose { permutation } => layout::transpose(input(0), permutation, &shape),
        &Op::Concat { axis } => layout::concat(inputs, axis),
        &Op::Slice { axis, start, .. } => layout::slice(input(0), axis, start, &shape),
        Op::Expand => layout::expand(input(0), &shape),
        Op::Quantize { scales } => scales.quantize(input(0)),
        Op::Dequantize { scales } => scales.dequantize(input(0)),
        Op::Gather => layout::gather(input(0), input(1)).map_err(|found| {
            InterpretError::NoSuchRow { name: node.name.clone(), rows: input(0).shape[0], found }
        })?,
    };
    Ok(Cow::Owned(Tensor::new(shape, values)))
}
