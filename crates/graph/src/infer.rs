//! Shape inference: what each op makes of its inputs' shapes, or why it cannot.

use crate::{Dim, Op, Shape};

/// The output shape of `op`. `target` is the wanted shape of `Reshape` and `Expand`.
pub(crate) fn infer(op: &Op, inputs: &[Shape], target: Option<&Shape>) -> Result<Shape, String> {
    match (op, inputs) {
        (Op::Input { .. } | Op::Param { .. } | Op::Constant { .. }, _) => {
            Err(format!("{} has a given shape, not an inferred one", op.name()))
        }
        (
            Op::ToReal
            | Op::Affine { .. }
            | Op::Relu
            | Op::Relu6
            | Op::Gelu
            | Op::QuickGelu
            | Op::Sigmoid
            | Op::L2Normalize
            | Op::Softmax
            | Op::Dropout { .. }
            | Op::DropPath { .. },
            [x],
        ) => Ok(x.clone()),
        (Op::Add | Op::Sub | Op::Mul | Op::Div, [left, right]) => broadcast(&left.0, &right.0)
            .map(Shape)
            .ok_or_else(|| format!("cannot {} {left} and {right}", op.name())),
        (Op::MatMul, [left, right]) => matmul(left, right),
        (&Op::Conv2d { stride, padding, groups }, [x, weight, bias @ ..]) if bias.len() <= 1 => {
            conv2d(x, weight, bias.first(), stride, padding, groups)
        }
        (&Op::ConvTranspose2d { stride }, [x, weight, bias @ ..]) if bias.len() <= 1 => {
            conv_transpose2d(x, weight, bias.first(), stride)
        }
        (&Op::AvgPool2d { size }, [x]) => {
            let (b, c, h, w) = image_axes(x)?;
            if h % size != 0 || w % size != 0 {
                return Err(format!("cannot pool {x} in blocks of {size}: they do not divide it"));
            }
            Ok([b, c, (h / size).into(), (w / size).into()].into())
        }
        (&Op::Resize { height, width }, [x]) => {
            let (b, c, _, _) = image_axes(x)?;
            Ok([b, c, height.into(), width.into()].into())
        }
        (Op::Mean { axes }, [x]) => mean(x, axes),
        (Op::LayerNorm { .. }, [x, gain, bias]) => {
            let channels = x.0.last().copied().ok_or("layer_norm of a number without axes")?;
            expect_vector(gain, channels, "gain")?;
            expect_vector(bias, channels, "bias")?;
            Ok(x.clone())
        }
        (&Op::GroupNorm { groups, .. }, [x, gain, bias]) => {
            let [_, channels, _, _] = image_axes_of(x)?;
            expect_vector(gain, channels, "gain")?;
            expect_vector(bias, channels, "bias")?;
            match channels.as_fixed() {
                Some(count) if groups > 0 && count % groups == 0 => Ok(x.clone()),
                _ => Err(format!("cannot split the channels of {x} into {groups} groups")),
            }
        }
        (Op::Reshape, [x]) => {
            let target = target.ok_or("reshape without a shape")?;
            if x.elements() != target.elements() {
                return Err(format!(
                    "cannot reshape {x} to {target}: {} and {} elements",
                    x.elements(),
                    target.elements()
                ));
            }
            Ok(target.clone())
        }
        (Op::Transpose { permutation }, [x]) => {
            let mut sorted = permutation.clone();
            sorted.sort_unstable();
            if !sorted.into_iter().eq(0..x.rank()) {
                return Err(format!("{permutation:?} is not a permutation of the axes of {x}"));
            }
            Ok(Shape(permutation.iter().map(|&axis| x.0[axis]).collect()))
        }
        (&Op::Concat { axis }, [first, ..]) => concat(first, inputs, axis),
        (&Op::Slice { axis, start, end }, [x]) => {
            let length = x.0.get(axis).and_then(|dim| dim.as_fixed());
            if start >= end || length.is_none_or(|length| end > length) {
                return Err(format!("cannot take {start}..{end} of axis {axis} of {x}"));
            }
            let mut shape = x.clone();
            shape.0[axis] = (end - start).into();
            Ok(shape)
        }
        (Op::Expand, [x]) => {
            let target = target.ok_or("expand without a shape")?;
            if broadcast(&x.0, &target.0).as_deref() != Some(&target.0) {
                return Err(format!("cannot expand {x} to {target}"));
            }
            Ok(target.clone())
        }
        (Op::Gather, [table, indices]) => match table.0[..] {
            [_, channels] => Ok(Shape(indices.0.iter().copied().chain([channels]).collect())),
            _ => Err(format!("cannot gather rows of {table}: expected two axes")),
        },
        (Op::Quantize { scales } | Op::Dequantize { scales }, [x]) => {
            scales.check(x).map(|()| x.clone())
        }
        (op, inputs) => Err(format!("{} cannot take {} inputs", op.name(), inputs.len())),
    }
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
