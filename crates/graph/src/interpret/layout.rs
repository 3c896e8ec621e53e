//! Ops that move elements and change none.

use crate::Tensor;

/// Offsets of the elements of a strided view, in row-major order of the view.
pub(super) struct Strided {
    shape: Vec<usize>,
    strides: Vec<usize>,
    position: Vec<usize>,
    offset: usize,
    left: usize,
}

impl Strided {
    /// A view of `shape` whose axis `i` steps by `strides[i]` elements, from `start` on.
    pub(super) fn new(shape: &[usize], strides: Vec<usize>, start: usize) -> Self {
        let left = shape.iter().product();
        Self { shape: shape.to_vec(), strides, position: vec![0; shape.len()], offset: start, left }
    }
}

impl Iterator for Strided {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let current = self.offset;
        for axis in (0..self.shape.len()).rev() {
            self.position[axis] += 1;
            self.offset += self.strides[axis];
            if self.position[axis] < self.shape[axis] {
                break;
            }
            self.offset -= self.strides[axis] * self.shape[axis];
            self.position[axis] = 0;
        }
        Some(current)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

/// Steps between neighbours on each axis of a dense array.
pub(super) fn dense_strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// Steps that read an array of shape `from` as one of shape `to`: zero along axes that are
/// repeated.
pub(super) fn broadcast_strides(from: &[usize], to: &[usize]) -> Vec<usize> {
    let missing = to.len() - from.len();
    let dense = dense_strides(from);
    (0..to.len())
        .map(|axis| match axis.checked_sub(missing) {
            Some(axis) if from[axis] != 1 => dense[axis],
            _ => 0,
        })
        .collect()
}

fn collect(x: &Tensor, shape: &[usize], strides: Vec<usize>, start: usize) -> Vec<f32> {
    Strided::new(shape, strides, start).map(|offset| x.values[offset]).collect()
}

pub(super) fn transpose(x: &Tensor, permutation: &[usize], shape: &[usize]) -> Vec<f32> {
    let dense = dense_strides(&x.shape);
    collect(x, shape, permutation.iter().map(|&axis| dense[axis]).collect(), 0)
}

pub(super) fn expand(x: &Tensor, shape: &[usize]) -> Vec<f32> {
    collect(x, shape, broadcast_strides(&x.shape, shape), 0)
}

pub(super) fn slice(x: &Tensor, axis: usize, start: usize, shape: &[usize]) -> Vec<f32> {
    let dense = dense_strides(&x.shape);
    let first = start * dense[axis];
    collect(x, shape, dense, first)
}

/// Block by block: what lies behind one index of the axes before `axis` is contiguous in every
/// input.
pub(super) fn concat(inputs: &[&Tensor], axis: usize) -> Vec<f32> {
    let blocks: usize = inputs[0].shape[..axis].iter().product();
    let mut values = Vec::new();
    for block in 0..blocks {
        for x in inputs {
            let length: usize = x.shape[axis..].iter().product();
            values.extend_from_slice(&x.values[block * length..][..length]);
        }
    }
    values
}

/// Rows of `table` by number; the first number without a row is the error.
pub(super) fn gather(table: &Tensor, rows: &Tensor) -> Result<Vec<f32>, f32> {
    let (count, channels) = (table.shape[0], table.shape[1]);
    let mut values = Vec::with_capacity(rows.values.len() * channels);
    for &row in &rows.values {
        if !(0.0..count as f32).contains(&row) || row.fract() != 0.0 {
            return Err(row);
        }
        values.extend_from_slice(&table.values[row as usize * channels..][..channels]);
    }
    Ok(values)
}
