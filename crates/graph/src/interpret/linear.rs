//! Ops that multiply and add.

use super::layout::{Strided, broadcast_strides};
use super::rounding::round_sums;
use crate::Tensor;

/// How a convolution walks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    pub(super) stride: usize,
    pub(super) padding: usize,
    pub(super) groups: usize,
}

/// `[.., rows, inner] · [.., inner, columns]`; the leading axes broadcast.
pub(super) fn matmul(
    left: &Tensor,
    right: &Tensor,
    shape: &[usize],
    sum: Option<fn(f32) -> f32>,
) -> Vec<f32> {
    let (batch, [rows, columns]) = split_two(shape);
    let (left_batch, [_, inner]) = split_two(&left.shape);
    let (right_batch, _) = split_two(&right.shape);
    let left_matrices = Strided::new(batch, broadcast_strides(left_batch, batch), 0);
    let right_matrices = Strided::new(batch, broadcast_strides(right_batch, batch), 0);
    let mut values = vec![0.0; shape.iter().product()];
    for ((l, r), product) in
        left_matrices.zip(right_matrices).zip(values.chunks_exact_mut((rows * columns).max(1)))
    {
        let left = &left.values[l * rows * inner..][..rows * inner];
        let right = &right.values[r * inner * columns..][..inner * columns];
        for (row, left_row) in product.chunks_exact_mut(columns).zip(left.chunks_exact(inner)) {
            for (term, (&factor, right_row)) in
                left_row.iter().zip(right.chunks_exact(columns)).enumerate()
            {
                add_scaled(row, right_row, factor);
                round_sums(row, term + 1, sum);
            }
        }
    }
    values
}

/// `x: [B, C, H, W]`, `weight: [O, C/groups, kH, kW]`: each weight adds a shifted, scaled copy of
/// an input plane.
pub(super) fn conv2d(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    shape: &[usize],
    steps: Steps,
    sum: Option<fn(f32) -> f32>,
) -> Vec<f32> {
    let Steps { stride, padding, groups } = steps;
    let (channels, height, width) = (x.shape[1], x.shape[2], x.shape[3]);
    let (outputs, out_height, out_width) = (shape[1], shape[2], shape[3]);
    let (per_group, kernel_height, kernel_width) =
        (weight.shape[1], weight.shape[2], weight.shape[3]);
    let mut values = biased(shape, bias);
    for (plane, out) in values.chunks_exact_mut(out_height * out_width).enumerate() {
        let (image, output) = (plane / outputs, plane % outputs);
        let group = output / (outputs / groups);
        for channel in 0..per_group {
            let input = &x.values
                [(image * channels + group * per_group + channel) * height * width..]
                [..height * width];
            let kernel =
                &weight.values[(output * per_group + channel) * kernel_height * kernel_width..];
            for kernel_row in 0..kernel_height {
                for kernel_column in 0..kernel_width {
                    let factor = kernel[kernel_row * kernel_width + kernel_column];
                    let columns = inside(kernel_column, stride, padding, width, out_width);
                    if columns.is_empty() {
                        continue;
                    }
                    let first = columns.start * stride + kernel_column - padding;
                    for row in inside(kernel_row, stride, padding, height, out_height) {
                        let input_row =
                            &input[(row * stride + kernel_row - padding) * width..][..width];
                        let out_row = &mut out[row * out_width..][columns.clone()];
                        if stride == 1 {
                            add_scaled(out_row, &input_row[first..], factor);
                        } else {
                            let taps = input_row[first..].iter().step_by(stride);
                            out_row
                                .iter_mut()
                                .zip(taps)
                                .for_each(|(sum, &tap)| *sum += factor * tap);
                        }
                    }
                    let term = (channel * kernel_height + kernel_row) * kernel_width;
                    round_sums(out, term + kernel_column + 1, sum);
                }
            }
        }
    }
    values
}

/// `x: [B, C, H, W]`, `weight: [C, O, S, S]`, step S: each input pixel paints its own S × S block.
pub(super) fn conv_transpose2d(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    shape: &[usize],
    stride: usize,
    sum: Option<fn(f32) -> f32>,
) -> Vec<f32> {
    let (channels, height, width) = (x.shape[1], x.shape[2], x.shape[3]);
    let (outputs, out_width) = (shape[1], shape[3]);
    let mut values = biased(shape, bias);
    for (plane, out) in values.chunks_exact_mut(shape[2] * out_width).enumerate() {
        let (image, output) = (plane / outputs, plane % outputs);
        for channel in 0..channels {
            let input =
                &x.values[(image * channels + channel) * height * width..][..height * width];
            let kernel =
                &weight.values[(channel * outputs + output) * stride * stride..][..stride * stride];
            for (row, out_row) in out.chunks_exact_mut(out_width).enumerate() {
                let input_row = &input[row / stride * width..][..width];
                let kernel_row = &kernel[row % stride * stride..][..stride];
                for (block, &pixel) in out_row.chunks_exact_mut(stride).zip(input_row) {
                    add_scaled(block, kernel_row, pixel);
                }
            }
            round_sums(out, channel + 1, sum);
        }
    }
    values
}

fn add_scaled(sums: &mut [f32], terms: &[f32], factor: f32) {
    for (sum, term) in sums.iter_mut().zip(terms) {
        *sum += factor * term;
    }
}

/// An output with every plane at its channel's bias.
fn biased(shape: &[usize], bias: Option<&Tensor>) -> Vec<f32> {
    let mut values = vec![0.0; shape.iter().product()];
    if let Some(bias) = bias {
        for (plane, out) in values.chunks_exact_mut(shape[2] * shape[3]).enumerate() {
            out.fill(bias.values[plane % shape[1]]);
        }
    }
    values
}

/// The output positions for which kernel position `tap` reads inside an axis of `length` pixels.
fn inside(
    tap: usize,
    stride: usize,
    padding: usize,
    length: usize,
    out_length: usize,
) -> std::ops::Range<usize> {
    let first = padding.saturating_sub(tap).div_ceil(stride);
    let end = (length + padding).saturating_sub(tap).div_ceil(stride).min(out_length);
    first..end.max(first)
}

fn split_two(shape: &[usize]) -> (&[usize], [usize; 2]) {
    let (batch, matrix) = shape.split_at(shape.len() - 2);
    (batch, [matrix[0], matrix[1]])
}
