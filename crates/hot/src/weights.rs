//! How much each tile counts at each logit.

use crate::blend_error::BlendError;
use crate::tile::{Axis, TileGrid};

/// Weights of a grid, one factor per column of tiles and one per row; the weight of a logit is the
/// product.
///
/// Before normalisation a tile counts 1, falling to 0 as a raised cosine over the overlap on each
/// side that has a neighbour; there is no taper at the border of the image. Both factors are then
/// divided by their sum over the tiles that cover the place. A grid is a product, so the sum over
/// all tiles is the product of two sums that are 1: the weights of a logit sum to 1 within
/// rounding, and are exactly 1 where one tile stands alone.
#[derive(Debug, Clone, Copy)]
pub struct BlendWeights<'a> {
    grid: TileGrid,
    columns: &'a [f32],
    rows: &'a [f32],
}

impl<'a> BlendWeights<'a> {
    /// Fills `storage`, which must hold [`TileGrid::weights_len`] values.
    pub fn compute(grid: &TileGrid, storage: &'a mut [f32]) -> Result<Self, BlendError> {
        if storage.len() != grid.weights_len() {
            return Err(BlendError::Length {
                buffer: "weights",
                expected: grid.weights_len(),
                found: storage.len(),
            });
        }
        let (columns, rows) = storage.split_at_mut(grid.x.count * grid.x.tile);
        fill(&grid.x, columns);
        fill(&grid.y, rows);
        Ok(Self { grid: *grid, columns, rows })
    }

    /// The grid these weights belong to.
    pub fn grid(&self) -> &TileGrid {
        &self.grid
    }

    /// Horizontal factor `[T4]` of the tiles in `column`.
    pub fn column(&self, column: usize) -> &'a [f32] {
        &self.columns[column * self.grid.x.tile..][..self.grid.x.tile]
    }

    /// Vertical factor `[T4]` of the tiles in `row`.
    pub fn row(&self, row: usize) -> &'a [f32] {
        &self.rows[row * self.grid.y.tile..][..self.grid.y.tile]
    }
}

fn fill(axis: &Axis, weights: &mut [f32]) {
    for (index, tile_weights) in weights.chunks_exact_mut(axis.tile).enumerate() {
        for (place, weight) in tile_weights.iter_mut().enumerate() {
            let sum: f64 = covering(axis, axis.origin(index) + place)
                .map(|(tile, at)| taper(axis, tile, at))
                .sum();
            *weight = (taper(axis, index, place) / sum) as f32;
        }
    }
}

/// The tiles that cover `position`, each with the place of `position` in it.
fn covering(axis: &Axis, position: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
    let axis = *axis;
    let step = axis.tile - axis.overlap;
    let first = (position + 1).saturating_sub(axis.tile).div_ceil(step);
    (first..axis.count)
        .map(move |tile| (tile, axis.origin(tile)))
        .take_while(move |(_, origin)| *origin <= position)
        .map(move |(tile, origin)| (tile, position - origin))
}

fn taper(axis: &Axis, tile: usize, place: usize) -> f64 {
    let side = |distance: usize, has_neighbour: bool| {
        if has_neighbour && distance < axis.overlap {
            raised_cosine((distance as f64 + 0.5) / axis.overlap as f64)
        } else {
            1.0
        }
    };
    side(place, tile > 0) * side(axis.tile - 1 - place, tile + 1 < axis.count)
}

/// `(1 - cos(pi t)) / 2 = sin(pi t / 2)^2` for `t` in [0, 1], by the Taylor series of the sine to
/// `x^17`.
fn raised_cosine(t: f64) -> f64 {
    let x = core::f64::consts::FRAC_PI_2 * t;
    let mut series = 1.0;
    for even in (2..=16).rev().step_by(2) {
        series = 1.0 - series * x * x / f64::from(even * (even + 1));
    }
    let sine = x * series;
    sine * sine
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raised_cosine_is_the_textbook_one() {
        for step in 0..=100 {
            let t = f64::from(step) / 100.0;
            let exact = (1.0 - (core::f64::consts::PI * t).cos()) / 2.0;
            assert!((raised_cosine(t) - exact).abs() < 1e-12, "{t}");
        }
    }
}
