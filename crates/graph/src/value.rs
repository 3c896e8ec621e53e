//! A handle on a node, with which a network is written like arithmetic.

use std::ops;
use std::panic::Location;

use crate::{Builder, Dim, NodeId, Op, Scales, Shape};

/// A node of a graph under construction. `Copy`, so a forward pass reads like arithmetic.
#[derive(Debug, Clone, Copy)]
pub struct Value<'g> {
    builder: &'g Builder,
    id: NodeId,
}

impl<'g> Value<'g> {
    pub(crate) fn new(builder: &'g Builder, id: NodeId) -> Self {
        Self { builder, id }
    }

    /// The node behind it.
    pub fn id(self) -> NodeId {
        self.id
    }

    /// The builder it belongs to.
    pub fn builder(self) -> &'g Builder {
        self.builder
    }

    /// Its shape.
    pub fn shape(self) -> Shape {
        self.builder.shape(self.id)
    }

    /// One axis of its shape; length 1 beyond the last.
    pub fn dim(self, axis: usize) -> Dim {
        self.shape().0.get(axis).copied().unwrap_or(Dim::fixed(1))
    }

    #[track_caller]
    fn unary(self, op: Op) -> Self {
        self.builder.push(op, vec![self.id], None, Location::caller())
    }

    #[track_caller]
    fn with(self, op: Op, others: &[Self]) -> Self {
        let inputs = std::iter::once(self.id).chain(others.iter().map(|other| other.id)).collect();
        self.builder.push(op, inputs, None, Location::caller())
    }
}

/// Each method appends the op of the same name; see [`Op`] for shapes and definitions.
#[allow(missing_docs, reason = "documented once, on Op")]
impl Value<'_> {
    #[track_caller]
    #[must_use]
    pub fn cast(self) -> Self {
        self.unary(Op::Cast)
    }

    #[track_caller]
    #[must_use]
    pub fn affine(self, scale: f32, offset: f32) -> Self {
        self.unary(Op::Affine { scale, offset })
    }

    #[track_caller]
    #[must_use]
    pub fn relu(self) -> Self {
        self.unary(Op::Relu)
    }

    #[track_caller]
    #[must_use]
    pub fn relu6(self) -> Self {
        self.unary(Op::Relu6)
    }

    #[track_caller]
    #[must_use]
    pub fn gelu(self) -> Self {
        self.unary(Op::Gelu)
    }

    #[track_caller]
    #[must_use]
    pub fn quick_gelu(self) -> Self {
        self.unary(Op::QuickGelu)
    }

    #[track_caller]
    #[must_use]
    pub fn sigmoid(self) -> Self {
        self.unary(Op::Sigmoid)
    }

    #[track_caller]
    #[must_use]
    pub fn matmul(self, right: Self) -> Self {
        self.with(Op::MatMul, &[right])
    }

    #[track_caller]
    #[must_use]
    pub fn conv2d(
        self,
        weight: Self,
        bias: Option<Self>,
        stride: usize,
        padding: usize,
        groups: usize,
    ) -> Self {
        let others: Vec<Self> = std::iter::once(weight).chain(bias).collect();
        self.with(Op::Conv2d { stride, padding, groups }, &others)
    }

    #[track_caller]
    #[must_use]
    pub fn conv_transpose2d(self, weight: Self, bias: Option<Self>, stride: usize) -> Self {
        let others: Vec<Self> = std::iter::once(weight).chain(bias).collect();
        self.with(Op::ConvTranspose2d { stride }, &others)
    }

    #[track_caller]
    #[must_use]
    pub fn avg_pool2d(self, size: usize) -> Self {
        self.unary(Op::AvgPool2d { size })
    }

    #[track_caller]
    #[must_use]
    pub fn resize(self, height: usize, width: usize) -> Self {
        self.unary(Op::Resize { height, width })
    }

    #[track_caller]
    #[must_use]
    pub fn mean(self, axes: &[usize]) -> Self {
        self.unary(Op::Mean { axes: axes.to_vec() })
    }

    #[track_caller]
    #[must_use]
    pub fn layer_norm(self, gain: Self, bias: Self, epsilon: f32) -> Self {
        self.with(Op::LayerNorm { epsilon }, &[gain, bias])
    }

    #[track_caller]
    #[must_use]
    pub fn group_norm(self, gain: Self, bias: Self, groups: usize, epsilon: f32) -> Self {
        self.with(Op::GroupNorm { groups, epsilon }, &[gain, bias])
    }

    #[track_caller]
    #[must_use]
    pub fn l2_normalize(self) -> Self {
        self.unary(Op::L2Normalize)
    }

    #[track_caller]
    #[must_use]
    pub fn softmax(self) -> Self {
        self.unary(Op::Softmax)
    }

    #[track_caller]
    #[must_use]
    pub fn reshape(self, shape: impl Into<Shape>) -> Self {
        self.builder.push(Op::Reshape, vec![self.id], Some(shape.into()), Location::caller())
    }

    #[track_caller]
    #[must_use]
    pub fn transpose(self, permutation: &[usize]) -> Self {
        self.unary(Op::Transpose { permutation: permutation.to_vec() })
    }

    #[track_caller]
    #[must_use]
    pub fn slice(self, axis: usize, start: usize, end: usize) -> Self {
        self.unary(Op::Slice { axis, start, end })
    }

    #[track_caller]
    #[must_use]
    pub fn expand(self, shape: impl Into<Shape>) -> Self {
        self.builder.push(Op::Expand, vec![self.id], Some(shape.into()), Location::caller())
    }

    /// `self` is the table.
    #[track_caller]
    #[must_use]
    pub fn gather(self, indices: Self) -> Self {
        self.with(Op::Gather, &[indices])
    }

    #[track_caller]
    #[must_use]
    pub fn quantize(self, scales: Scales) -> Self {
        self.unary(Op::Quantize { scales })
    }

    #[track_caller]
    #[must_use]
    pub fn dequantize(self, scales: Scales) -> Self {
        self.unary(Op::Dequantize { scales })
    }

    #[track_caller]
    #[must_use]
    pub fn dropout(self, probability: f32) -> Self {
        self.unary(Op::Dropout { probability })
    }

    #[track_caller]
    #[must_use]
    pub fn drop_path(self, probability: f32) -> Self {
        self.unary(Op::DropPath { probability })
    }
}

macro_rules! arithmetic {
    ($($operator:ident $method:ident $op:ident),*) => {$(
        impl ops::$operator for Value<'_> {
            type Output = Self;

            #[track_caller]
            fn $method(self, right: Self) -> Self {
                self.with(Op::$op, &[right])
            }
        }
    )*};
}

arithmetic!(Add add Add, Sub sub Sub, Mul mul Mul, Div div Div);

impl ops::Mul<f32> for Value<'_> {
    type Output = Self;

    #[track_caller]
    fn mul(self, scale: f32) -> Self {
        self.affine(scale, 0.0)
    }
}
