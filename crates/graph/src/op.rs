//! The closed set of operations.
//!
//! An op enters only with an equivalent in ONNX opset 20 and in TensorRT. High level where engines
//! fuse (`LayerNorm`, `Gelu`, `Softmax`), primitive otherwise. Losses are not ops: they are not
//! part of what is shipped.

use std::sync::Arc;

use crate::Scales;

/// Type of the elements of a graph input. Every computed value is real.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DType {
    /// Bytes of an image, 0 to 255.
    U8,
    /// Token numbers.
    I32,
    /// Real numbers; `f32` in the oracle and on a CPU.
    F32,
}

/// How a parameter starts before any training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// Every element is this number.
    Constant(f32),
    /// Normal around zero.
    Normal {
        /// Standard deviation.
        standard_deviation: f32,
    },
    /// Uniform in ±sqrt(3 / fan-in), which keeps the variance of a linear layer's output at that of
    /// its input.
    FanIn {
        /// Number of inputs that each output sums over.
        fan_in: usize,
    },
}

/// One operation. `inputs[i]` in the comments are the node's inputs in order; broadcasting is
/// NumPy's.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// A value fed at run time. Its name is the node's name.
    Input {
        /// What the host feeds.
        dtype: DType,
    },
    /// A trained tensor. Its name is its key in a checkpoint.
    Param {
        /// Where training starts.
        init: Init,
    },
    /// A small fixed tensor, row-major.
    Constant {
        /// The elements.
        values: Arc<[f32]>,
    },
    /// Bytes to reals, unscaled.
    Cast,

    /// `inputs[0] + inputs[1]`.
    Add,
    /// `inputs[0] - inputs[1]`.
    Sub,
    /// `inputs[0] * inputs[1]`.
    Mul,
    /// `inputs[0] / inputs[1]`.
    Div,
    /// `x * scale + offset` with two fixed numbers.
    Affine {
        /// Multiplies every element.
        scale: f32,
        /// Is added afterwards.
        offset: f32,
    },
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`, a `ReLU` that 8-bit steps cover well (`MobileNet`, EfficientNet-Lite).
    Relu6,
    /// `x/2 · (1 + erf(x/√2))`, the exact form (DINO).
    Gelu,
    /// `x · sigmoid(1.702 x)` (CLIP). Not interchangeable with [`Op::Gelu`]: the swap silently
    /// changes results.
    QuickGelu,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,

    /// Batched matrix product over the last two axes; leading axes broadcast. A weight is
    /// `[inputs, outputs]`.
    MatMul,
    /// `x: [B, C, H, W]`, `weight: [O, C/groups, kH, kW]`, optional `bias: [O]`.
    Conv2d {
        /// Step in pixels, both axes.
        stride: usize,
        /// Zeros on each side, both axes.
        padding: usize,
        /// Groups of channels; `C` for a depthwise convolution.
        groups: usize,
    },
    /// `x: [B, C, H, W]`, `weight: [C, O, S, S]`, optional `bias: [O]`; kernel and stride are both
    /// S, so every output pixel is written once.
    ConvTranspose2d {
        /// Kernel and step.
        stride: usize,
    },
    /// Mean over `size × size` blocks, `[B, C, H, W] -> [B, C, H/size, W/size]`.
    AvgPool2d {
        /// Kernel and step.
        size: usize,
    },
    /// Bilinear interpolation to a fixed size, pixel centres at half integers
    /// (`align_corners=false`), no antialiasing. Acts on the last two axes of `[B, C, H, W]`.
    Resize {
        /// Output rows.
        height: usize,
        /// Output columns.
        width: usize,
    },
    /// Mean over some axes, which stay with length 1.
    Mean {
        /// The axes, ascending.
        axes: Vec<usize>,
    },

    /// Over the last axis; `inputs[1]`, `inputs[2]` are gain and bias `[C]`. Statistics in f32 on
    /// every engine.
    LayerNorm {
        /// Added to the variance.
        epsilon: f32,
    },
    /// Over each group of channels of `[B, C, H, W]`; `inputs[1]`, `inputs[2]` are gain and bias
    /// `[C]`.
    GroupNorm {
        /// Number of groups; divides C.
        groups: usize,
        /// Added to the variance.
        epsilon: f32,
    },
    /// Divides by the Euclidean length over the last axis: `x / max(‖x‖, 1e-6)`.
    L2Normalize,
    /// Over the last axis.
    Softmax,

    /// Same elements in the node's shape, row-major.
    Reshape,
    /// Output axis `i` is input axis `permutation[i]`.
    Transpose {
        /// A permutation of the axes.
        permutation: Vec<usize>,
    },
    /// Joins any number of inputs along one axis.
    Concat {
        /// The axis.
        axis: usize,
    },
    /// Elements `start..end` of one axis.
    Slice {
        /// The axis.
        axis: usize,
        /// First kept.
        start: usize,
        /// First not kept.
        end: usize,
    },
    /// Repeats axes of length 1 up to the node's shape.
    Expand,
    /// Rows of a table: `table: [V, C]`, `indices: [K, T]` integers -> `[K, T, C]`.
    Gather,

    /// Real numbers to 8-bit steps, see [`Scales::quantize`]. Written by
    /// [`crate::Graph::quantize`], not by a network.
    Quantize {
        /// What a step is worth.
        scales: Scales,
    },
    /// 8-bit steps to real numbers.
    Dequantize {
        /// What a step is worth.
        scales: Scales,
    },

    /// In training, zeroes elements with this probability and scales the rest up; otherwise
    /// nothing. Absent from exports.
    Dropout {
        /// Chance of zero.
        probability: f32,
    },
    /// In training, zeroes whole samples (first axis) with this probability and scales the rest up;
    /// otherwise nothing. Absent from exports. Source: stochastic depth, arXiv:1603.09382.
    DropPath {
        /// Chance of zero.
        probability: f32,
    },
}

impl Op {
    /// The name in dumps and errors, also the last part of an unnamed node's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input { .. } => "input",
            Self::Param { .. } => "param",
            Self::Constant { .. } => "constant",
            Self::Cast => "cast",
            Self::Add => "add",
            Self::Sub => "sub",
            Self::Mul => "mul",
            Self::Div => "div",
            Self::Affine { .. } => "affine",
            Self::Relu => "relu",
            Self::Relu6 => "relu6",
            Self::Gelu => "gelu",
            Self::QuickGelu => "quick_gelu",
            Self::Sigmoid => "sigmoid",
            Self::MatMul => "matmul",
            Self::Conv2d { .. } => "conv2d",
            Self::ConvTranspose2d { .. } => "conv_transpose2d",
            Self::AvgPool2d { .. } => "avg_pool2d",
            Self::Resize { .. } => "resize",
            Self::Mean { .. } => "mean",
            Self::LayerNorm { .. } => "layer_norm",
            Self::GroupNorm { .. } => "group_norm",
            Self::L2Normalize => "l2_normalize",
            Self::Softmax => "softmax",
            Self::Reshape => "reshape",
            Self::Transpose { .. } => "transpose",
            Self::Concat { .. } => "concat",
            Self::Slice { .. } => "slice",
            Self::Expand => "expand",
            Self::Gather => "gather",
            Self::Quantize { .. } => "quantize",
            Self::Dequantize { .. } => "dequantize",
            Self::Dropout { .. } => "dropout",
            Self::DropPath { .. } => "drop_path",
        }
    }
}
