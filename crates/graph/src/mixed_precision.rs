//! Which values have 16 bits where products do.

use crate::{Graph, Node, Op};

/// For each node whether its value has 16 bits in a step of training whose products have 16 bits
/// (`trainer/src/eager.rs`).
///
/// Products give 16 bits, and what is computed from such values alone stays so. Norms and means
/// over whole axes, which sum many numbers, give float32, and so does a sum or product with a value
/// of float32. A bias takes the type of what it is added to.
pub fn mixed_precision(graph: &Graph) -> Vec<bool> {
    let mut narrow: Vec<bool> = Vec::with_capacity(graph.nodes().len());
    for node in graph.nodes() {
        let is_narrow = is_narrow(graph, node, &narrow);
        narrow.push(is_narrow);
    }
    narrow
}

fn is_narrow(graph: &Graph, node: &Node, narrow: &[bool]) -> bool {
    let input = |index: usize| narrow[node.inputs[index].index()];
    match node.op {
        Op::Input { .. }
        | Op::Param { .. }
        | Op::Constant { .. }
        | Op::Cast
        | Op::Mean { .. }
        | Op::LayerNorm { .. }
        | Op::GroupNorm { .. }
        | Op::L2Normalize
        | Op::Gather
        | Op::Quantize { .. }
        | Op::Dequantize { .. } => false,

        // One filter a channel has few products to a number that it reads: libtorch takes twice as
        // long for its gradient in 16 bits.
        Op::Conv2d { groups, .. } => groups == 1,
        Op::MatMul | Op::ConvTranspose2d { .. } => true,

        Op::Add => input(0) && (input(1) || graph.node(node.inputs[1]).shape.rank() == 1),
        Op::Sub | Op::Mul | Op::Div | Op::Concat { .. } => {
            node.inputs.iter().all(|id| narrow[id.index()])
        }

        Op::Affine { .. }
        | Op::Relu
        | Op::Relu6
        | Op::Gelu
        | Op::QuickGelu
        | Op::Sigmoid
        | Op::Softmax
        | Op::AvgPool2d { .. }
        | Op::Resize { .. }
        | Op::Reshape
        | Op::Transpose { .. }
        | Op::Slice { .. }
        | Op::Expand => input(0),

        // Where they act, they multiply by numbers of float32: 1 / (1 - p) would be another one in
        // 8 bits of mantissa.
        Op::Dropout { probability } | Op::DropPath { probability } => {
            probability <= 0.0 && input(0)
        }
    }
}
