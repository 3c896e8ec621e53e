//! A step in segments: the network is cut at the borders of transformer blocks, and each segment
//! has a backward pass of its own.
//!
//! That buys two things. A block can be computed again when its backward pass comes, instead of
//! keeping its values (gradient checkpointing: Chen et al. 2016, arXiv:1604.06174). And the
//! gradients of a segment are finished before those of the segments before it exist, so they can be
//! sent to other ranks meanwhile.
//!
//! libtorch's C interface has neither hooks nor checkpoints. What it has is enough: a value that
//! crosses a border is replaced by a leaf; once everything behind the border has sent its gradients
//! to that leaf, `sum(value · leaf.grad)` sends them on.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rszs_graph::{Graph, Op};
use rszs_network::block_of;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::network::eager::{Interpreter, wanted_outputs, wide};
use crate::{Mode, Parameters, TrainError};

/// What is computed again in the backward pass, to keep less between the passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recompute {
    /// Nothing: every value that the backward pass needs is kept.
    Nothing,
    /// The blocks of both streams: of a block that a gradient goes through, only the inputs are
    /// kept.
    Blocks,
}

/// Where the network is cut, and what of it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// One segment, kept.
    Nowhere,
    /// At the borders of blocks; everything is kept.
    Blocks,
    /// At the borders of blocks; these are computed again.
    BlocksRecomputed,
}

impl Cut {
    /// For these settings; `overlap` asks for gradients that are finished one after the other.
    pub fn of(recompute: Recompute, overlap: bool) -> Self {
        match (recompute, overlap) {
            (Recompute::Blocks, _) => Self::BlocksRecomputed,
            (Recompute::Nothing, true) => Self::Blocks,
            (Recompute::Nothing, false) => Self::Nowhere,
        }
    }
}

/// A forward pass that waits for its backward pass.
pub struct Forward<'a, T> {
    graph: &'a Graph,
    interpreter: Interpreter<'a, T>,
    segments: Vec<Segment>,
    last_uses: Vec<Option<usize>>,
    /// Values that cross a border, by node.
    borders: BTreeMap<usize, Border>,
    outputs: BTreeMap<String, Tensor>,
}

/// Consecutive nodes: those of one block, or those between two blocks.
#[derive(Debug)]
struct Segment {
    nodes: Range<usize>,
    /// Whether the nodes are a block that is computed again.
    again: bool,
    /// Parameters whose gradient is finished with the backward pass of this segment.
    finishes: Vec<String>,
}

/// A value where it leaves its segment.
struct Border {
    /// With what autograd knows of it; nothing for a value that is computed again, or that no
    /// gradient goes through.
    value: Option<Tensor>,
    /// What everything behind the border reads; gradients gather in it.
    leaf: Tensor,
}

impl Border {
    fn new(value: Tensor, needs_gradient: bool) -> Result<Self, TrainError> {
        if !needs_gradient {
            return Ok(Self { value: None, leaf: value });
        }
        let leaf = value.f_detach()?.f_set_requires_grad(true)?;
        Ok(Self { value: value.requires_grad().then_some(value), leaf })
    }
}

/// Computes the outputs of `graph` named in `wanted`, as [`crate::eval`] does.
pub fn forward<'a, T: Borrow<Tensor>>(
    graph: &'a Graph,
    wanted: &[&str],
    feeds: &'a BTreeMap<&'a str, T>,
    parameters: &'a Parameters,
    mode: Mode,
    cut: Cut,
) -> Result<Forward<'a, T>, TrainError> {
    let wanted = wanted_outputs(graph, wanted)?;
    let interpreter = Interpreter::new(graph, feeds, parameters, mode)?;
    let last_uses = interpreter.last_uses(graph, &wanted);
    let needs_gradient = interpreter.needs_gradient(graph)?;
    let segments = segments(graph, cut, &last_uses, &needs_gradient);
    let crosses = crossing(graph, &segments, &last_uses);
    let mut pass = Forward {
        graph,
        interpreter,
        segments,
        last_uses,
        borders: BTreeMap::new(),
        outputs: BTreeMap::new(),
    };
    let mut values: Vec<Option<Tensor>> = (0..graph.nodes().len()).map(|_| None).collect();
    let mut borders = BTreeMap::new();
    for segment in &pass.segments {
        let _guard = segment.again.then(tch::no_grad_guard);
        pass.compute(&segment.nodes, &mut values, |index, value| {
            if !crosses.contains(&index) {
                return Ok(value);
            }
            let border = Border::new(value, needs_gradient[index])?;
            let leaf = border.leaf.shallow_clone();
            borders.insert(index, border);
            Ok(leaf)
        })?;
    }
    pass.borders = borders;
    for (name, index) in wanted {
        if let Some(value) = values[index].take() {
            pass.outputs.insert(name.to_owned(), wide(&value)?);
        }
    }
    Ok(pass)
}

impl<T: Borrow<Tensor>> Forward<'_, T> {
    /// The outputs by name. Losses are computed from these.
    pub fn outputs(&self) -> &BTreeMap<String, Tensor> {
        &self.outputs
    }

    /// Sends the gradients of `loss`, a number computed from the outputs, to the parameters.
    /// `finished` is told of parameters whose gradient will not change any more, segment by
    /// segment, from the last to the first; on all ranks in the same order.
    pub fn backward(
        mut self,
        loss: &Tensor,
        mut finished: impl FnMut(&[String]) -> Result<(), TrainError>,
    ) -> Result<(), TrainError> {
        self.outputs.clear();
        loss.f_backward()?;
        while let Some(segment) = self.segments.pop() {
            let borders = self.borders.split_off(&segment.nodes.start);
            let mut computed = if segment.again {
                self.compute_again(&segment, &borders)?
            } else {
                BTreeMap::new()
            };
            let mut sum: Option<Tensor> = None;
            for (index, Border { value, leaf }) in borders {
                let gradient = leaf.grad();
                if let Some(value) =
                    value.or_else(|| computed.remove(&index)).filter(|_| gradient.defined())
                {
                    let product = value.f_mul(&gradient)?.f_sum(Kind::Float)?;
                    sum = Some(match sum {
                        Some(sum) => sum.f_add(&product)?,
                        None => product,
                    });
                }
            }
            if let Some(sum) = sum {
                sum.f_backward()?;
            }
            finished(&segment.finishes)?;
        }
        Ok(())
    }

    /// The values of a segment that cross its borders, with what autograd needs.
    fn compute_again(
        &self,
        segment: &Segment,
        own: &BTreeMap<usize, Border>,
    ) -> Result<BTreeMap<usize, Tensor>, TrainError> {
        let mut values: Vec<Option<Tensor>> = (0..segment.nodes.end).map(|_| None).collect();
        for (&index, border) in &self.borders {
            values[index] = Some(border.leaf.shallow_clone());
        }
        let mut computed = BTreeMap::new();
        self.compute(&segment.nodes, &mut values, |index, value| {
            if own.contains_key(&index) {
                computed.insert(index, value.shallow_clone());
            }
            Ok(value)
        })?;
        Ok(computed)
    }

    /// Computes the needed ones of `nodes`; `each` may put another tensor in the place of a value.
    /// A value is let go after its last use.
    fn compute(
        &self,
        nodes: &Range<usize>,
        values: &mut [Option<Tensor>],
        mut each: impl FnMut(usize, Tensor) -> Result<Tensor, TrainError>,
    ) -> Result<(), TrainError> {
        for index in nodes.clone().filter(|&index| self.last_uses[index].is_some()) {
            let node = &self.graph.nodes()[index];
            // Parameters never cross a border: each segment takes them where they are.
            let inputs = self.interpreter.inputs(node);
            for id in inputs {
                if values[id.index()].is_none() {
                    values[id.index()] = Some(self.interpreter.compute(self.graph.node(*id), &[])?);
                }
            }
            let value = self.interpreter.compute(node, values)?;
            values[index] = Some(each(index, value)?);
            for id in inputs.iter().filter(|id| self.last_uses[id.index()] == Some(index)) {
                values[id.index()] = None;
            }
        }
        Ok(())
    }
}

/// The nodes of `graph`, cut.
fn segments(
    graph: &Graph,
    cut: Cut,
    last_uses: &[Option<usize>],
    needs_gradient: &[bool],
) -> Vec<Segment> {
    let block = |index: usize| {
        if cut == Cut::Nowhere { None } else { block_of(&graph.nodes()[index].name) }
    };
    let mut segments: Vec<Segment> = Vec::new();
    for (index, needs_gradient) in needs_gradient.iter().enumerate() {
        let again = cut == Cut::BlocksRecomputed && block(index).is_some() && *needs_gradient;
        match segments.last_mut() {
            Some(segment) if block(segment.nodes.start) == block(index) => {
                segment.nodes.end = index + 1;
                segment.again |= again;
            }
            _ => segments.push(Segment { nodes: index..index + 1, again, finishes: Vec::new() }),
        }
    }
    let mut finished = BTreeSet::new();
    for segment in &mut segments {
        for index in segment.nodes.clone().filter(|&index| last_uses[index].is_some()) {
            for id in &graph.nodes()[index].inputs {
                let name = &graph.node(*id).name;
                let trains =
                    needs_gradient[id.index()] && matches!(graph.node(*id).op, Op::Param { .. });
                if trains && finished.insert(name) {
                    segment.finishes.push(name.clone());
                }
            }
        }
    }
    segments
}

/// Nodes whose value is read behind their segment, or is an output. Parameters are not among them.
fn crossing(graph: &Graph, segments: &[Segment], last_uses: &[Option<usize>]) -> BTreeSet<usize> {
    let is_value = |index: &usize| !matches!(graph.nodes()[*index].op, Op::Param { .. });
    let leaves = |segment: &Segment| {
        let end = segment.nodes.end;
        segment.nodes.clone().filter(move |&index| last_uses[index].is_some_and(|last| last >= end))
    };
    segments.iter().flat_map(leaves).filter(is_value).collect()
}
