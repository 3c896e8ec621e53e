//! What libtorch keeps of each op between its forward and its backward pass.

use crate::Op;

/// What the backward pass of one node reads, beside the gradient of its output.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Saved {
    /// Inputs that are kept as they are.
    pub(super) inputs: Vec<usize>,
    /// Inputs that are factors of a product: kept in the type of factors.
    pub(super) factors: Vec<usize>,
    /// Whether the output is kept.
    pub(super) output: bool,
    /// What else is kept, of no node of the graph.
    pub(super) hidden: Hidden,
}

/// A tensor that only the backward pass of an op knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Hidden {
    /// None.
    #[default]
    Nothing,
    /// As many bytes as the output.
    Map,
    /// One byte for each element of the output.
    Mask,
    /// Two numbers for each row of the last axis.
    RowStatistics,
    /// Two numbers for each group of each image.
    GroupStatistics {
        /// Groups an image.
        groups: usize,
    },
    /// One number for each sample of the first axis.
    SampleMask,
    /// The second input as 64-bit integers.
    Indices,
}

/// The rule of each op, of a node whose output needs a gradient. `needs[i]` says whether input `i`
/// needs one.
///
/// Source: `tools/autograd/derivatives.yaml` of PyTorch, for the calls that the trainer makes for
/// an op (`trainer/src/eager.rs`). Where the gradient of each input has a formula of its own
/// (`mul`, `div`, `mm`, `bmm`), a tensor is kept only if a formula that reads it is needed; where
/// one formula gives all gradients (convolutions, norms), all its tensors are kept.
pub(super) fn saved(op: &Op, needs: &[bool]) -> Saved {
    let inputs = |inputs: Vec<usize>| Saved { inputs, ..Saved::default() };
    let output = || Saved { output: true, ..Saved::default() };
    match op {
        // Sizes and numbers at most.
        Op::Input { .. }
        | Op::Param { .. }
        | Op::Constant { .. }
        | Op::Cast
        | Op::Add
        | Op::Sub
        | Op::Affine { .. }
        | Op::Resize { .. }
        | Op::Mean { .. }
        | Op::Reshape
        | Op::Transpose { .. }
        | Op::Concat { .. }
        | Op::Slice { .. }
        | Op::Expand
        | Op::Quantize { .. }
        | Op::Dequantize { .. } => Saved::default(),

        Op::Mul => inputs(partners(needs)),
        Op::Div => inputs(if needs[1] { vec![0, 1] } else { vec![1] }),
        Op::Relu | Op::Sigmoid | Op::Softmax => output(),
        Op::Gelu | Op::Relu6 | Op::AvgPool2d { .. } => inputs(vec![0]),
        // `sigmoid(1.702 x) * x`: the sigmoid and x.
        Op::QuickGelu => Saved { hidden: Hidden::Map, ..inputs(vec![0]) },

        Op::MatMul => Saved { factors: partners(needs), ..Saved::default() },
        Op::Conv2d { .. } | Op::ConvTranspose2d { .. } => {
            Saved { factors: vec![0, 1], ..Saved::default() }
        }

        Op::LayerNorm { .. } => Saved { hidden: Hidden::RowStatistics, ..inputs(vec![0, 1, 2]) },
        &Op::GroupNorm { groups, .. } => {
            Saved { hidden: Hidden::GroupStatistics { groups }, ..inputs(vec![0, 1]) }
        }
        // The length before and after its lower bound.
        Op::L2Normalize => Saved { hidden: Hidden::RowStatistics, ..inputs(vec![0]) },

        Op::Gather => Saved { hidden: Hidden::Indices, ..Saved::default() },
        Op::Dropout { .. } | Op::DropPath { .. } if is_identity(op) => Saved::default(),
        Op::Dropout { .. } => Saved { hidden: Hidden::Mask, ..Saved::default() },
        Op::DropPath { .. } => Saved { hidden: Hidden::SampleMask, ..Saved::default() },
    }
}

/// The gradient of one factor reads the other.
fn partners(needs: &[bool]) -> Vec<usize> {
    [0, 1].into_iter().filter(|&input| needs[1 - input]).collect()
}

/// Whether libtorch gives the result as another view of its first input's memory.
pub(super) fn is_view(op: &Op) -> bool {
    is_strided(op) || is_identity(op) || matches!(op, Op::Reshape)
}

/// Whether it is a view whose rows do not follow each other in memory. A matrix product keeps a
/// copy of such a factor.
pub(super) fn is_strided(op: &Op) -> bool {
    matches!(op, Op::Transpose { .. } | Op::Slice { .. } | Op::Expand)
}

fn is_identity(op: &Op) -> bool {
    matches!(op, &Op::Dropout { probability } | &Op::DropPath { probability } if probability <= 0.0)
}
