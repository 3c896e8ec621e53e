//! Shape inference: what each op makes of its inputs' shapes, or why it cannot.

use crate::{Dim, Op, Shape};

/// The output shape of `op`. `target` is the wanted shape of `Reshape` and `Expand`.
///
/// The op is matched first and every op has its row: one without a shape rule does not compile.
pub(crate) fn infer(op: &Op, inputs: &[Shape], target: Option<&Shape>) -> Result<Shape, String> {
    match *op {
        Op::Input { .. } | Op::Param { .. } | Op::Constant { .. } => {
            Err(format!("{} has a given shape, not an inferred one", op.name()))
        }
        Op::Cast
        | Op::Affine { .. }
        | Op::Relu
        | Op::Relu6
        | Op::Gelu
        | Op::QuickGelu
        | Op::Sigmoid
        | Op::L2Normalize
        | Op::Softmax
        | Op::Dropout { .. }
        | Op::DropPath { .. } => {
            let [x] = exactly(op, inputs)?;
            Ok(x.clone())
        }
        Op::Add | Op::Sub | Op::Mul | Op::Div => {
            let [left, right] = exactly(op, inputs)?;
            broadcast(&left.0, &right.0)
                .map(Shape)
                .ok_or_else(|| format!("cannot {} {left} and {right}", op.name()))
        }
        Op::MatMul => {
            let [left, right] = exactly(op, inputs)?;
            matmul(left, right)
        }
        Op::Conv2d { stride, padding, groups } => {
            let (x, weight, bias) = with_bias(op, inputs)?;
            conv2d(x, weight, bias, stride, padding, groups)
        }
        Op::ConvTranspose2d { stride } => {
            let (x, weight, bias) = with_bias(op, inputs)?;
            conv_transpose2d(x, weight, bias, stride)
        }
        Op::AvgPool2d { size } => {
            let [x] = exactly(op, inputs)?;
            average_pool(x, size)
        }
        Op::Resize { height, width } => {
            let [x] = exactly(op, inputs)?;
            let (b, c, _, _) = image_axes(x)?;
            Ok([b, c, height.into(), width.into()].into())
        }
        Op::Mean { ref axes } => {
            let [x] = exactly(op, inputs)?;
            mean(x, axes)
        }
        Op::LayerNorm { .. } => {
            let [x, gain, bias] = exactly(op, inputs)?;
            let channels = x.0.last().copied().ok_or("layer_norm of a number without axes")?;
            expect_vector(gain, channels, "gain")?;
            expect_vector(bias, channels, "bias")?;
            Ok(x.clone())
        }
        Op::GroupNorm { groups, .. } => {
            let [x, gain, bias] = exactly(op, inputs)?;
            group_norm(x, gain, bias, groups)
        }
        Op::Reshape => {
            let [x] = exactly(op, inputs)?;
            reshape(x, target.ok_or("reshape without a shape")?)
        }
        Op::Transpose { ref permutation } => {
            let [x] = exactly(op, inputs)?;
            transpose(x, permutation)
        }
        Op::Concat { axis } => match inputs {
            [first, ..] => concat(first, inputs, axis),
            [] => Err(wrong_count(op, inputs)),
        },
        Op::Slice { axis, start, end } => {
            let [x] = exactly(op, inputs)?;
            slice(x, axis, start, end)
        }
        Op::Expand => {
            let [x] = exactly(op, inputs)?;
            let target = target.ok_or("expand without a shape")?;
            if broadcast(&x.0, &target.0).as_deref() != Some(&target.0) {
                return Err(format!("cannot expand {x} to {target}"));
            }
            Ok(target.clone())
        }
        Op::Gather => {
            let [table, indices] = exactly(op, inputs)?;
            let [_, channels] = table.0[..] else {
                return Err(format!("cannot gather rows of {table}: expected two axes"));
            };
            Ok(Shape(indices.0.iter().copied().chain([channels]).collect()))
        }
        Op::Quantize { ref scales } | Op::Dequantize { ref scales } => {
            let [x] = exactly(op, inputs)?;
            scales.check(x).map(|()| x.clone())
        }
    }
}

fn wrong_count(op: &Op, inputs: &[Shape]) -> String {
    format!("{} cannot take {} inputs", op.name(), inputs.len())
}

fn exactly<'a, const COUNT: usize>(
    op: &Op,
    inputs: &'a [Shape],
) -> Result<&'a [Shape; COUNT], String> {
    inputs.try_into().map_err(|_| wrong_count(op, inputs))
}

/// An input, its weight, and a bias that may be left out.
fn with_bias<'a>(
    op: &Op,
    inputs: &'a [Shape],
) -> Result<(&'a Shape, &'a Shape, Option<&'a Shape>), String> {
    match inputs {
        [x, weight] => Ok((x, weight, None)),
        [x, weight, bias] => Ok((x, weight, Some(bias))),
        _ => Err(wrong_count(op, inputs)),
    }
}

fn average_pool(x: &Shape, size: usize) -> Result<Shape, String> {
    let (b, c, h, w) = image_axes(x)?;
    if h % size != 0 || w % size != 0 {
        return Err(format!("cannot pool {x} in blocks of {size}: they do not divide it"));
    }
    Ok([b, c, (h / size).into(), (w / size).into()].into())
}

fn group_norm(x: &Shape, gain: &Shape, bias: &Shape, groups: usize) -> Result<Shape, String> {
    let [_, channels, _, _] = image_axes_of(x)?;
    expect_vector(gain, channels, "gain")?;
    expect_vector(bias, channels, "bias")?;
    match channels.as_fixed() {
        Some(count) if groups > 0 && count % groups == 0 => Ok(x.clone()),
        _ => Err(format!("cannot split the channels of {x} into {groups} groups")),
    }
}

fn reshape(x: &Shape, target: &Shape) -> Result<Shape, String> {
    if x.elements() != target.elements() {
        return Err(format!(
            "cannot reshape {x} to {target}: {} and {} elements",
            x.elements(),
            target.elements()
        ));
    }
    Ok(target.clone())
}

fn transpose(x: &Shape, permutation: &[usize]) -> Result<Shape, String> {
    let mut sorted = permutation.to_vec();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..x.rank()) {
        return Err(format!("{permutation:?} is not a permutation of the axes of {x}"));
    }
    Ok(Shape(permutation.iter().map(|&axis| x.0[axis]).collect()))
}

fn slice(x: &Shape, axis: usize, start: usize, end: usize) -> Result<Shape, String> {
    let length = x.0.get(axis).and_then(|dim| dim.as_fixed());
    if start >= end || length.is_none_or(|length| end > length) {
        return Err(format!("cannot take {start}..{end} of axis {axis} of {x}"));
    }
    let mut shape = x.clone();
    shape.0[axis] = (end - start).into();
    Ok(shape)
}

fn broadcast(left: &[Dim], right: &[Dim]) -> Option<Vec<Dim>> {
    let one = Dim::fixed(1);
    let rank = left.len().max(right.len());
    let axis = |dims: &[Dim], index: usize| {
        (index + dims.len()).checked_sub(rank).map_or(one, |axis| dims[axis])
    };
    (0..rank)
        .map(|index| match (axis(left, index), axis(right, index)) {
            (a, b) if a == b || b == one => Some(a),
            (a, b) if a == one => Some(b),
            _ => None,
        })
        .collect()
}

fn matmul(left: &Shape, right: &Shape) -> Result<Shape, String> {
    let error = || format!("cannot matmul {left} with {right}");
    let ([left_batch @ .., rows, inner], [right_batch @ .., right_inner, columns]) =
        (&left.0[..], &right.0[..])
    else {
        return Err(error());
    };
    if inner != right_inner {
        return Err(error());
    }
    let mut shape = broadcast(left_batch, right_batch).ok_or_else(error)?;
    shape.extend([*rows, *columns]);
    Ok(Shape(shape))
}

fn image_axes_of(x: &Shape) -> Result<[Dim; 4], String> {
    <[Dim; 4]>::try_from(&x.0[..]).map_err(|_| format!("expected [B, C, H, W], found {x}"))
}

/// `[B, C, H, W]` with fixed rows and columns.
fn image_axes(x: &Shape) -> Result<(Dim, Dim, usize, usize), String> {
    let [b, c, h, w] = image_axes_of(x)?;
    match (h.as_fixed(), w.as_fixed()) {
        (Some(h), Some(w)) => Ok((b, c, h, w)),
        _ => Err(format!("expected fixed rows and columns, found {x}")),
    }
}

fn expect_vector(vector: &Shape, length: Dim, role: &str) -> Result<(), String> {
    if vector.0 == [length] {
        Ok(())
    } else {
        Err(format!("{role} has shape {vector}, expected [{length}]"))
    }
}

fn conv2d(
    x: &Shape,
    weight: &Shape,
    bias: Option<&Shape>,
    stride: usize,
    padding: usize,
    groups: usize,
) -> Result<Shape, String> {
    let error = || format!("cannot convolve {x} with {weight} in {groups} groups");
    let (b, c, h, w) = image_axes(x)?;
    let fixed = weight.as_fixed().ok_or_else(error)?;
    let [out, per_group, kernel_h, kernel_w] = fixed[..] else { return Err(error()) };
    let divides = groups > 0 && out % groups == 0 && c.as_fixed() == Some(per_group * groups);
    if !divides || h + 2 * padding < kernel_h || w + 2 * padding < kernel_w {
        return Err(error());
    }
    if let Some(bias) = bias {
        expect_vector(bias, out.into(), "bias")?;
    }
    let side =
        |length: usize, kernel: usize| Dim::fixed((length + 2 * padding - kernel) / stride + 1);
    Ok([b, out.into(), side(h, kernel_h), side(w, kernel_w)].into())
}

fn conv_transpose2d(
    x: &Shape,
    weight: &Shape,
    bias: Option<&Shape>,
    stride: usize,
) -> Result<Shape, String> {
    let error = || format!("cannot convolve-transpose {x} with {weight} at stride {stride}");
    let (b, c, h, w) = image_axes(x)?;
    let fixed = weight.as_fixed().ok_or_else(error)?;
    let [inputs, out, kernel_h, kernel_w] = fixed[..] else { return Err(error()) };
    if c.as_fixed() != Some(inputs) || kernel_h != stride || kernel_w != stride {
        return Err(error());
    }
    if let Some(bias) = bias {
        expect_vector(bias, out.into(), "bias")?;
    }
    Ok([b, out.into(), (h * stride).into(), (w * stride).into()].into())
}

fn mean(x: &Shape, axes: &[usize]) -> Result<Shape, String> {
    let ascending = axes.windows(2).all(|pair| pair[0] < pair[1]);
    if axes.is_empty() || !ascending || axes.iter().any(|&axis| axis >= x.rank()) {
        return Err(format!("cannot take the mean of {x} over axes {axes:?}"));
    }
    let mut shape = x.clone();
    for &axis in axes {
        shape.0[axis] = Dim::fixed(1);
    }
    Ok(shape)
}

fn concat(first: &Shape, inputs: &[Shape], axis: usize) -> Result<Shape, String> {
    let error = |other: &Shape| format!("cannot concatenate {first} and {other} along axis {axis}");
    let mut total = 0;
    for shape in inputs {
        let length =
            shape.0.get(axis).and_then(|dim| dim.as_fixed()).ok_or_else(|| error(shape))?;
        let others_agree = shape.rank() == first.rank()
            && shape
                .0
                .iter()
                .zip(&first.0)
                .enumerate()
                .all(|(index, (a, b))| index == axis || a == b);
        if !others_agree {
            return Err(error(shape));
        }
        total += length;
    }
    let mut shape = first.clone();
    shape.0[axis] = total.into();
    Ok(shape)
}
