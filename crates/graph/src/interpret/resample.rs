//! Ops that change the number of pixels.

use crate::Tensor;

/// Means of `size × size` blocks.
pub(super) fn average_pool(x: &Tensor, shape: &[usize], size: usize) -> Vec<f32> {
    let (height, width) = (x.shape[2], x.shape[3]);
    let (out_height, out_width) = (shape[2], shape[3]);
    let mut values = Vec::with_capacity(shape.iter().product());
    for plane in x.values.chunks_exact(height * width) {
        for row in 0..out_height {
            for column in 0..out_width {
                let block = (0..size)
                    .flat_map(|y| &plane[(row * size + y) * width + column * size..][..size]);
                let sum: f64 = block.copied().map(f64::from).sum();
                values.push((sum / (size * size) as f64) as f32);
            }
        }
    }
    values
}

/// Bilinear, pixel centres at half integers; beyond the outermost centres the outermost pixel
/// continues.
pub(super) fn resize(x: &Tensor, shape: &[usize]) -> Vec<f32> {
    let (height, width) = (x.shape[2], x.shape[3]);
    let rows: Vec<Tap> = (0..shape[2]).map(|row| Tap::new(row, height, shape[2])).collect();
    let columns: Vec<Tap> = (0..shape[3]).map(|column| Tap::new(column, width, shape[3])).collect();
    let mut values = Vec::with_capacity(shape.iter().product());
    for plane in x.values.chunks_exact(height * width) {
        for row in &rows {
            let (upper, lower) =
                (&plane[row.first * width..][..width], &plane[row.second * width..][..width]);
            for column in &columns {
                let along = |line: &[f32]| column.blend(line[column.first], line[column.second]);
                values.push(row.blend(along(upper), along(lower)));
            }
        }
    }
    values
}

/// Two neighbours along an axis and how much of the second.
struct Tap {
    first: usize,
    second: usize,
    weight: f32,
}

impl Tap {
    fn new(position: usize, length: usize, out_length: usize) -> Self {
        let centre = (position as f64 + 0.5) * length as f64 / out_length as f64 - 0.5;
        let centre = centre.clamp(0.0, (length - 1) as f64);
        let first = centre as usize;
        Self { first, second: (first + 1).min(length - 1), weight: (centre - first as f64) as f32 }
    }

    fn blend(&self, first: f32, second: f32) -> f32 {
        first * (1.0 - self.weight) + second * self.weight
    }
}
