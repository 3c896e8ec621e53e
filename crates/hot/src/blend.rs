//! Adds the logits of overlapping tiles into one image of logits.

use crate::blend_error::BlendError;
use crate::logits::LogitRows;
use crate::weights::BlendWeights;

/// Adding and subtracting this rounds a term below 256 in magnitude to a multiple of 2^-14.
///
/// Such terms add up without rounding, and an exact sum has no order. Above 256 the terms are still
/// near, but their sums may round. An error of 3e-5 is a hundredth of what an f16 logit near 4
/// resolves.
const ROUND_TO_GRID: f32 = 768.0;

/// Blends tiles into `[K, rows, W4]`: all rows of the image, or a band that moves down with the
/// tiles.
///
/// The result does not depend on the order in which tiles are added, bit for bit, for logits below
/// 256 in magnitude: every weighted term is first rounded to a multiple of 2^-14, so the additions
/// are exact. Per logit of a tile the floor is 12 bytes: read the tile, read and write the
/// accumulator.
#[derive(Debug)]
pub struct Blender<'a> {
    weights: BlendWeights<'a>,
    queries: usize,
    band_rows: usize,
    first_row: usize,
    accumulator: &'a mut [f32],
}

impl<'a> Blender<'a> {
    /// Blends a whole image; `accumulator` holds
    /// [`TileGrid::logits_len`](crate::TileGrid::logits_len) values.
    pub fn new(
        weights: BlendWeights<'a>,
        queries: usize,
        accumulator: &'a mut [f32],
    ) -> Result<Self, BlendError> {
        Self::banded(weights, queries, weights.grid().y.length, accumulator)
    }

    /// Blends `band_rows` rows of logits at a time; `accumulator` holds `queries * band_rows * W4`
    /// values.
    ///
    /// Add a row of tiles, take the rows that no later tile touches
    /// ([`TileGrid::final_logit_rows`](crate::TileGrid::final_logit_rows)), then
    /// [`retire_rows`](Self::retire_rows).
    pub fn banded(
        weights: BlendWeights<'a>,
        queries: usize,
        band_rows: usize,
        accumulator: &'a mut [f32],
    ) -> Result<Self, BlendError> {
        let grid = weights.grid();
        let (least, most) = (grid.y.visible(), grid.y.length);
        if !(least..=most).contains(&band_rows) || queries == 0 {
            return Err(BlendError::BandRows { least, most, found: band_rows });
        }
        let expected = queries * band_rows * grid.x.length;
        if accumulator.len() != expected {
            return Err(BlendError::Length {
                buffer: "accumulator",
                expected,
                found: accumulator.len(),
            });
        }
        accumulator.fill(0.0);
        Ok(Self { weights, queries, band_rows, first_row: 0, accumulator })
    }

    /// Adds `logits: [K, T4, T4]` of the tile number `tile`. Each tile is to be added once.
    pub fn add(&mut self, tile: usize, logits: &[f32]) -> Result<(), BlendError> {
        let grid = *self.weights.grid();
        let side = grid.x.tile;
        let expected = self.queries * side * side;
        if logits.len() != expected {
            return Err(BlendError::Length {
                buffer: "tile logits",
                expected,
                found: logits.len(),
            });
        }
        let outside = BlendError::TileOutside { tile, first_row: self.first_row };
        if tile >= grid.len() {
            return Err(outside);
        }
        let (column, row) = (tile % grid.x.count, tile / grid.x.count);
        let top = grid.y.origin(row).checked_sub(self.first_row).ok_or(outside)?;
        let (high, wide) = (grid.y.visible(), grid.x.visible());
        if top + high > self.band_rows {
            return Err(outside);
        }
        if let Some(query) = logits.chunks_exact(side * side).position(has_non_finite) {
            return Err(BlendError::NotFinite { tile, query });
        }

        let left = grid.x.origin(column);
        let column_weights = &self.weights.column(column)[..wide];
        let row_weights = &self.weights.row(row)[..high];
        let planes = self.accumulator.chunks_exact_mut(self.band_rows * grid.x.length);
        for (plane, tile_plane) in planes.zip(logits.chunks_exact(side * side)) {
            let band = plane.chunks_exact_mut(grid.x.length).skip(top);
            for ((band_row, tile_row), row_weight) in
                band.zip(tile_plane.chunks_exact(side)).zip(row_weights)
            {
                add_row(&mut band_row[left..left + wide], tile_row, column_weights, *row_weight);
            }
        }
        Ok(())
    }

    /// What has been blended so far.
    pub fn rows(&self) -> LogitRows<'_> {
        LogitRows::of_band(
            self.accumulator,
            self.queries,
            self.band_rows,
            self.weights.grid().x.length,
            self.first_row,
        )
    }

    /// Forgets the rows above `until_row` and moves the band down so that it starts there. Does
    /// nothing if it already does.
    pub fn retire_rows(&mut self, until_row: usize) {
        let retired = until_row.saturating_sub(self.first_row).min(self.band_rows);
        let wide = self.weights.grid().x.length;
        for plane in self.accumulator.chunks_exact_mut(self.band_rows * wide) {
            plane.copy_within(retired * wide.., 0);
            plane[(self.band_rows - retired) * wide..].fill(0.0);
        }
        self.first_row = self.first_row.max(until_row);
    }
}

fn add_row(accumulated: &mut [f32], logits: &[f32], column_weights: &[f32], row_weight: f32) {
    for ((sum, logit), column_weight) in accumulated.iter_mut().zip(logits).zip(column_weights) {
        *sum += (logit * (column_weight * row_weight) + ROUND_TO_GRID) - ROUND_TO_GRID;
    }
}

/// Whether an exponent is all ones, found without a branch per value.
fn has_non_finite(logits: &[f32]) -> bool {
    const EXPONENT: u32 = 0x7f80_0000;
    logits.iter().fold(false, |found, logit| found | (logit.to_bits() & EXPONENT == EXPONENT))
}
