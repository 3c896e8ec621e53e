//! Runs a graph in libtorch, with gradients.

use std::borrow::Borrow;
use std::cell::RefCell;
use std::collections::BTreeMap;

use rszs_graph::{Graph, Node, NodeId, Op, Scales};
use tch::{Kind, Tensor};

use super::attention::{attend, attentions};
use super::symbols::Symbols;
use crate::device::upload;
use crate::network::precision::tf32::Forbidden;
use crate::{Parameters, Precision, TrainError};

/// Whether the ops that only act in training do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Dropout and drop-path act; products, and what follows from them alone, are in the given
    /// precision. Attention is one operation.
    Train(Precision),
    /// Dropout and drop-path pass their input on; all in float32, as engines are compared with it.
    Evaluate,
}

impl Mode {
    fn precision(self) -> Precision {
        match self {
            Self::Train(precision) => precision,
            Self::Evaluate => Precision::Float32,
        }
    }
}

/// The outputs of `graph` named in `wanted`, by name; an empty `wanted` means all of them.
///
/// Nodes that no wanted output needs are not computed and their inputs need not be fed. N and K
/// come from the shapes of `feeds`. Outputs are float32. Inside `tch::no_grad` a value is freed
/// after its last use; otherwise autograd keeps what it needs.
pub fn eval<T: Borrow<Tensor>>(
    graph: &Graph,
    wanted: &[&str],
    feeds: &BTreeMap<&str, T>,
    parameters: &Parameters,
    mode: Mode,
) -> Result<BTreeMap<String, Tensor>, TrainError> {
    eval_with(graph, wanted, feeds, parameters, mode, |_, _| ())
}

/// [`eval`] that shows every computed node to `observe`, in the type that it has: for hunting NaN,
/// activation ranges and timing.
pub fn eval_with<T: Borrow<Tensor>>(
    graph: &Graph,
    wanted: &[&str],
    feeds: &BTreeMap<&str, T>,
    parameters: &Parameters,
    mode: Mode,
    mut observe: impl FnMut(&Node, &Tensor),
) -> Result<BTreeMap<String, Tensor>, TrainError> {
    let outputs = wanted_outputs(graph, wanted)?;
    let interpreter = Interpreter::new(graph, feeds, parameters, mode)?;
    let last_uses = interpreter.last_uses(graph, &outputs);
    // A run may train in TF32: query vectors and scores are those of the exported network all the
    // same.
    let _exact = (mode == Mode::Evaluate).then(Forbidden::new);
    let mut values: Vec<Option<Tensor>> = (0..graph.nodes().len()).map(|_| None).collect();
    for (index, node) in graph.nodes().iter().enumerate() {
        if last_uses[index].is_none() {
            continue;
        }
        let value = interpreter.compute(node, &values)?;
        observe(node, &value);
        values[index] = Some(value);
        for input in interpreter.inputs(node) {
            if last_uses[input.index()] == Some(index) {
                values[input.index()] = None;
            }
        }
    }
    let mut computed = BTreeMap::new();
    for (name, index) in outputs {
        if let Some(value) = &values[index] {
            computed.insert(name.to_owned(), wide(value)?);
        }
    }
    Ok(computed)
}

pub(crate) fn wanted_outputs<'g>(
    graph: &'g Graph,
    wanted: &[&str],
) -> Result<Vec<(&'g str, usize)>, TrainError> {
    let all = || graph.outputs().iter().map(|(name, id)| (name.as_str(), id.index()));
    if wanted.is_empty() {
        return Ok(all().collect());
    }
    let find = |&name: &&str| {
        all().find(|&(known, _)| known == name).ok_or_else(|| TrainError::UnknownOutput {
            name: name.to_owned(),
            known: all().map(|(known, _)| known).collect::<Vec<_>>().join(", "),
        })
    };
    wanted.iter().map(find).collect()
}

/// One evaluation of a graph, or several of the same nodes that draw the same random numbers.
pub(crate) struct Interpreter<'a, T> {
    feeds: &'a BTreeMap<&'a str, T>,
    parameters: &'a Parameters,
    mode: Mode,
    symbols: Symbols,
    /// What is computed in one operation.
    attentions: BTreeMap<String, [NodeId; 3]>,
    /// What dropout and drop-path kept, by node: a node that is computed again drops the same.
    masks: RefCell<BTreeMap<String, Tensor>>,
}

impl<'a, T: Borrow<Tensor>> Interpreter<'a, T> {
    /// For `graph`; N and K come from the shapes of `feeds`.
    pub(crate) fn new(
        graph: &Graph,
        feeds: &'a BTreeMap<&'a str, T>,
        parameters: &'a Parameters,
        mode: Mode,
    ) -> Result<Self, TrainError> {
        let symbols = Symbols::from_feeds(graph, feeds)?;
        let attentions = match mode {
            Mode::Train(_) => attentions(graph),
            Mode::Evaluate => BTreeMap::new(),
        };
        Ok(Self { feeds, parameters, mode, symbols, attentions, masks: RefCell::default() })
    }

    /// What the value of `node` is computed from.
    pub(crate) fn inputs<'n>(&'n self, node: &'n Node) -> &'n [NodeId] {
        self.attentions.get(&node.name).map_or(&node.inputs, |factors| factors)
    }

    /// For each node the last node that reads it, the number of nodes if it is an output, `None` if
    /// no output needs it.
    pub(crate) fn last_uses(&self, graph: &Graph, outputs: &[(&str, usize)]) -> Vec<Option<usize>> {
        let count = graph.nodes().len();
        let mut last = vec![None; count];
        for &(_, index) in outputs {
            last[index] = Some(count);
        }
        for (index, node) in graph.nodes().iter().enumerate().rev() {
            if last[index].is_some() {
                for input in self.inputs(node) {
                    last[input.index()].get_or_insert(index);
                }
            }
        }
        last
    }

    /// For each node whether a gradient goes through it.
    pub(crate) fn needs_gradient(&self, graph: &Graph) -> Result<Vec<bool>, TrainError> {
        let mut needs = Vec::with_capacity(graph.nodes().len());
        for node in graph.nodes() {
            needs.push(if matches!(node.op, Op::Input { .. }) {
                self.feeds
                    .get(node.name.as_str())
                    .is_some_and(|value| value.borrow().requires_grad())
            } else if matches!(node.op, Op::Param { .. }) {
                self.parameters.get(&node.name)?.requires_grad()
            } else {
                node.inputs.iter().any(|id| needs[id.index()])
            });
        }
        Ok(needs)
    }

    /// The value of a node from those of its inputs.
    pub(crate) fn compute(
        &self,
        node: &Node,
        values: &[Option<Tensor>],
    ) -> Result<Tensor, TrainError> {
        match &node.op {
            Op::Input { .. } => match self.feeds.get(node.name.as_str()) {
                Some(value) => Ok(value.borrow().shallow_clone()),
                None => Err(TrainError::NotFed {
                    name: node.name.clone(),
                    expected: node.shape.to_string(),
                }),
            },
            Op::Param { .. } => Ok(self.parameters.get(&node.name)?.shallow_clone()),
            op => {
                let inputs = self.inputs(node).iter();
                let inputs: Vec<&Tensor> =
                    inputs.filter_map(|id| values[id.index()].as_ref()).collect();
                self.apply(op, node, &inputs).map_err(|source| TrainError::Node {
                    name: node.name.clone(),
                    op: op.name(),
                    source,
                })
            }
        }
    }

    fn apply(&self, op: &Op, node: &Node, inputs: &[&Tensor]) -> Result<Tensor, tch::TchError> {
        let bias = |index: usize| inputs.get(index).copied();
        let training = matches!(self.mode, Mode::Train(_));
        let precision = self.mode.precision();
        match op {
            Op::Input { .. } | Op::Param { .. } => unreachable!("{}: fed, not computed", node.name),
            Op::Constant { values } => {
                let constant =
                    Tensor::f_from_slice(values)?.f_reshape(self.symbols.lengths(&node.shape.0))?;
                upload(&constant, self.parameters.device())
            }
            Op::Cast => inputs[0].f_to_kind(Kind::Float),

            Op::Add => sum(inputs[0], inputs[1]),
            Op::Sub => inputs[0].f_sub(inputs[1]),
            Op::Mul => inputs[0].f_mul(inputs[1]),
            Op::Div => inputs[0].f_div(inputs[1]),
            &Op::Affine { scale, offset } => affine(inputs[0], f64::from(scale), f64::from(offset)),
            Op::Relu => inputs[0].f_relu(),
            Op::Relu6 => inputs[0].f_relu6(),
            Op::Gelu => inputs[0].f_gelu("none"),
            Op::QuickGelu => inputs[0].f_mul_scalar(1.702)?.f_sigmoid()?.f_mul(inputs[0]),
            Op::Sigmoid => inputs[0].f_sigmoid(),

            Op::MatMul => match *inputs {
                [q, k, v] => precision.product([q, k, v], attend),
                _ => precision.product([inputs[0], inputs[1]], |[a, b]| a.f_matmul(b)),
            },
            &Op::Conv2d { stride, padding, groups } => {
                let (stride, padding) = (stride as i64, padding as i64);
                let convolve = |[map, kernel]: [&Tensor; 2]| {
                    map.f_conv2d(
                        kernel,
                        None::<&Tensor>,
                        [stride; 2],
                        [padding; 2],
                        [1; 2],
                        groups as i64,
                    )
                };
                let map = if groups == 1 {
                    precision.product([inputs[0], inputs[1]], convolve)?
                } else {
                    convolve([&wide(inputs[0])?, inputs[1]])?
                };
                with_channel_bias(map, bias(2))
            }
            &Op::ConvTranspose2d { stride } => {
                let map = precision.product([inputs[0], inputs[1]], |[map, kernel]| {
                    map.f_conv_transpose2d(
                        kernel,
                        None::<&Tensor>,
                        [stride as i64; 2],
                        [0; 2],
                        [0; 2],
                        1,
                        [1; 2],
                    )
                })?;
                with_channel_bias(map, bias(2))
            }
            &Op::AvgPool2d { size } => inputs[0].f_avg_pool2d(
                [size as i64; 2],
                [size as i64; 2],
                [0; 2],
                false,
                true,
                None,
            ),
            &Op::Resize { height, width } => {
                inputs[0].f_upsample_bilinear2d([height as i64, width as i64], false, None, None)
            }
            Op::Mean { axes } => {
                let axes: Vec<i64> = axes.iter().map(|&axis| axis as i64).collect();
                inputs[0].f_mean_dim(axes, true, Kind::Float)
            }

            &Op::LayerNorm { epsilon } => {
                let channels = *inputs[1].size().first().unwrap_or(&1);
                wide(inputs[0])?.f_layer_norm(
                    [channels],
                    bias(1),
                    bias(2),
                    f64::from(epsilon),
                    false,
                )
            }
            &Op::GroupNorm { groups, epsilon } => wide(inputs[0])?.f_group_norm(
                groups as i64,
                bias(1),
                bias(2),
                f64::from(epsilon),
                false,
            ),
            Op::L2Normalize => {
                let rows = wide(inputs[0])?;
                let length = rows.f_norm_scalaropt_dim(2, [-1], true)?.f_clamp_min(1e-6)?;
                rows.f_div(&length)
            }
            Op::Softmax => inputs[0].f_softmax(-1, None),

            Op::Reshape => inputs[0].f_reshape(self.symbols.lengths(&node.shape.0)),
            Op::Transpose { permutation } => {
                let permutation: Vec<i64> = permutation.iter().map(|&axis| axis as i64).collect();
                inputs[0].f_permute(permutation)
            }
            &Op::Concat { axis } => Tensor::f_cat(inputs, axis as i64),
            &Op::Slice { axis, start, end } => {
                inputs[0].f_narrow(axis as i64, start as i64, (end - start) as i64)
            }
            Op::Expand => inputs[0].f_expand(self.symbols.lengths(&node.shape.0), false),
            Op::Gather => {
                Tensor::f_embedding(inputs[0], &inputs[1].f_to_kind(Kind::Int64)?, -1, false, false)
            }

            Op::Quantize { scales } => inputs[0]
                .f_div(&scale_tensor(scales, inputs[0])?)?
                .f_round()?
                .f_clamp(-128.0, 127.0),
            Op::Dequantize { scales } => inputs[0].f_mul(&scale_tensor(scales, inputs[0])?),

            &Op::Dropout { probability } if training && probability > 0.0 => {
                inputs[0].f_mul(&self.mask(node, inputs[0].size(), probability)?)
            }
            &Op::DropPath { probability } if training && probability > 0.0 => {
                let mut shape = vec![1; inputs[0].dim()];
                shape[0] = inputs[0].size()[0];
                inputs[0].f_mul(&self.mask(node, shape, probability)?)
            }
            Op::Dropout { .. } | Op::DropPath { .. } => Ok(inputs[0].shallow_clone()),
        }
    }

    /// 0 with `probability`, else what keeps the mean: drawn when the node is first computed.
    fn mask(
        &self,
        node: &Node,
        shape: Vec<i64>,
        probability: f32,
    ) -> Result<Tensor, tch::TchError> {
        if let Some(mask) = self.masks.borrow().get(&node.name) {
            return Ok(mask.shallow_clone());
        }
        let keep = 1.0 - f64::from(probability);
        let mask = Tensor::f_zeros(shape, (Kind::Float, self.parameters.device()))?
            .f_bernoulli_float_(keep)?
            .f_div_scalar(keep)?;
        self.masks.borrow_mut().insert(node.name.clone(), mask.shallow_clone());
        Ok(mask)
    }
}

/// `[N, C, H, W]` with a number added to each channel.
fn with_channel_bias(map: Tensor, bias: Option<&Tensor>) -> Result<Tensor, tch::TchError> {
    match bias {
        Some(bias) => map.f_add(&bias.f_to_kind(map.kind())?.f_view([-1, 1, 1])?),
        None => Ok(map),
    }
}

/// `a + b`. A vector is the bias of what it is added to and takes its type; otherwise float32
/// beside 16 bits gives float32.
fn sum(a: &Tensor, b: &Tensor) -> Result<Tensor, tch::TchError> {
    if b.dim() == 1 { a.f_add(&b.f_to_kind(a.kind())?) } else { a.f_add(b) }
}

/// In float32, which an op that sums many numbers wants, and everyone outside of the network.
pub(crate) fn wide(x: &Tensor) -> Result<Tensor, tch::TchError> {
    x.f_to_kind(Kind::Float)
}

/// `x * scale + offset` without a pass that changes nothing.
#[expect(clippy::float_cmp, reason = "only the exact 1 and 0 change nothing")]
fn affine(x: &Tensor, scale: f64, offset: f64) -> Result<Tensor, tch::TchError> {
    match (scale == 1.0, offset == 0.0) {
        (true, true) => Ok(x.shallow_clone()),
        (true, false) => x.f_add_scalar(offset),
        (false, true) => x.f_mul_scalar(scale),
        (false, false) => x.f_mul_scalar(scale)?.f_add_scalar(offset),
    }
}

/// The scales in a shape that broadcasts over `x`.
fn scale_tensor(scales: &Scales, x: &Tensor) -> Result<Tensor, tch::TchError> {
    let mut shape = vec![1; x.dim()];
    if let &Scales::Channels { axis, .. } = scales {
        shape[axis] = x.size()[axis];
    }
    upload(&Tensor::f_from_slice(scales.values())?.f_reshape(shape)?, x.device())
}
