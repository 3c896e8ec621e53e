//! Partition of unity, order of the tiles, bands.
#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test, exact where it says so")]

use proptest::prelude::*;
use rszs_hot::{BlendError, BlendWeights, Blender, TileGrid, TileLayout};

/// Rounding of at most six weights per direction and of their products.
const WEIGHT_SUM: f64 = 1e-6;
/// Half of the grid of 2^-14 to which each term is rounded, for each of at most 36 tiles over one
/// logit.
const BLEND: f64 = 36.0 * 0.5 / 16384.0;

fn grids() -> impl Strategy<Value = TileGrid> {
    (1_u32..60, 1_u32..60, 1_u32..9)
        .prop_flat_map(|(width_px, height_px, tile)| {
            // at most six tiles over one logit in one direction
            (Just(width_px), Just(height_px), Just(tile), 0..=(tile * 3 / 4).min(tile - 1))
        })
        .prop_map(|(width_px, height_px, tile, overlap)| {
            let layout = TileLayout { tile_px: tile * 4, overlap_px: overlap * 4, stride_px: 4 };
            TileGrid::new(width_px, height_px, layout).unwrap()
        })
}

fn weights_of(grid: &TileGrid) -> Vec<f32> {
    let mut storage = vec![f32::NAN; grid.weights_len()];
    BlendWeights::compute(grid, &mut storage).unwrap();
    storage
}

/// Logits of tile `tile`: up to 250 in magnitude, with many bits in use.
fn tile_logits(grid: &TileGrid, queries: usize, tile: usize) -> Vec<f32> {
    let values = queries * grid.logits_per_side() * grid.logits_per_side();
    (0..values)
        .map(|index| (((index + 1) * 2_654_435 + tile * 40_503) % 100_003) as f32 / 200.1 - 250.0)
        .collect()
}

fn blend_in_order(grid: &TileGrid, queries: usize, order: &[usize]) -> Vec<f32> {
    let mut storage = vec![0.0; grid.weights_len()];
    let weights = BlendWeights::compute(grid, &mut storage).unwrap();
    let mut accumulator = vec![f32::NAN; grid.logits_len(queries)];
    let mut blender = Blender::new(weights, queries, &mut accumulator).unwrap();
    for tile in order {
        blender.add(*tile, &tile_logits(grid, queries, *tile)).unwrap();
    }
    accumulator
}

fn small_grid() -> TileGrid {
    TileGrid::new(32, 16, TileLayout { tile_px: 16, overlap_px: 8, stride_px: 4 }).unwrap()
}

#[test]
fn tile_without_neighbours_keeps_its_logits_on_the_grid_of_the_blend() {
    let grid =
        TileGrid::new(8, 8, TileLayout { tile_px: 16, overlap_px: 8, stride_px: 4 }).unwrap();
    assert!(weights_of(&grid).iter().all(|weight| weight.to_bits() == 1.0_f32.to_bits()));
    let logits: Vec<f32> = (0..16).map(|value| value as f32 * 0.25 - 2.0).collect();
    let mut storage = vec![0.0; grid.weights_len()];
    let weights = BlendWeights::compute(&grid, &mut storage).unwrap();
    let mut accumulator = [0.0; 4];
    Blender::new(weights, 1, &mut accumulator).unwrap().add(0, &logits).unwrap();
    assert_eq!(accumulator, [logits[0], logits[1], logits[4], logits[5]]);
}

#[test]
fn weights_fall_as_a_raised_cosine_between_neighbours() {
    let grid = small_grid();
    let weights = weights_of(&grid);
    let expected = [1.0, 1.0, 0.853_553_4, 0.146_446_6];
    assert_eq!(grid.columns(), 3);
    for (weight, expected) in weights[..4].iter().zip(expected) {
        assert!((weight - expected).abs() <= f32::EPSILON, "{weights:?}");
    }
}

#[test]
fn equal_weights_average_the_two_tiles() {
    let grid =
        TileGrid::new(24, 4, TileLayout { tile_px: 16, overlap_px: 0, stride_px: 4 }).unwrap();
    let mut storage = vec![0.0; grid.weights_len()];
    let weights = BlendWeights::compute(&grid, &mut storage).unwrap();
    let mut accumulator = [0.0; 6];
    let mut blender = Blender::new(weights, 1, &mut accumulator).unwrap();
    blender.add(0, &[1.0; 16]).unwrap();
    blender.add(1, &[3.0; 16]).unwrap();
    assert_eq!(accumulator, [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]);
}

#[test]
fn logits_that_are_not_finite_are_refused_and_leave_no_trace() {
    let grid = small_grid();
    let mut storage = vec![0.0; grid.weights_len()];
    let weights = BlendWeights::compute(&grid, &mut storage).unwrap();
    let mut accumulator = vec![0.0; grid.logits_len(2)];
    let mut blender = Blender::new(weights, 2, &mut accumulator).unwrap();
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut logits = vec![1.0; 32];
        logits[31] = value;
        assert_eq!(blender.add(1, &logits), Err(BlendError::NotFinite { tile: 1, query: 1 }));
    }
    assert!(accumulator.iter().all(|sum| *sum == 0.0));
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let grid = small_grid();
    let short = BlendWeights::compute(&grid, &mut [0.0; 3]).unwrap_err();
    assert_eq!(short, BlendError::Length { buffer: "weights", expected: 16, found: 3 });
    let mut storage = vec![0.0; grid.weights_len()];
    let weights = BlendWeights::compute(&grid, &mut storage).unwrap();
    let short = Blender::new(weights, 1, &mut [0.0; 31]).unwrap_err();
    assert_eq!(short, BlendError::Length { buffer: "accumulator", expected: 32, found: 31 });
    let low = Blender::banded(weights, 1, 3, &mut [0.0; 24]).unwrap_err();
    assert_eq!(low, BlendError::BandRows { least: 4, most: 4, found: 3 });
    let mut accumulator = vec![0.0; 32];
    let mut blender = Blender::new(weights, 1, &mut accumulator).unwrap();
    assert_eq!(blender.add(3, &[0.0; 16]), Err(BlendError::TileOutside { tile: 3, first_row: 0 }));
    assert_eq!(
        blender.add(0, &[0.0; 15]),
        Err(BlendError::Length { buffer: "tile logits", expected: 16, found: 15 })
    );
}

#[test]
fn tile_outside_the_band_is_refused() {
    let grid =
        TileGrid::new(16, 32, TileLayout { tile_px: 16, overlap_px: 8, stride_px: 4 }).unwrap();
    let mut storage = vec![0.0; grid.weights_len()];
    let weights = BlendWeights::compute(&grid, &mut storage).unwrap();
    let mut band = [0.0; 16];
    let mut blender = Blender::banded(weights, 1, 4, &mut band).unwrap();
    let below = blender.add(1, &[0.0; 16]);
    assert_eq!(below, Err(BlendError::TileOutside { tile: 1, first_row: 0 }));
    blender.retire_rows(2);
    blender.add(1, &[0.0; 16]).unwrap();
    let above = blender.add(0, &[0.0; 16]);
    assert_eq!(above, Err(BlendError::TileOutside { tile: 0, first_row: 2 }));
}

proptest! {
    #[test]
    fn weights_of_every_logit_sum_to_1(grid in grids()) {
        let weights = weights_of(&grid);
        let side = grid.logits_per_side();
        let (columns, rows) = weights.split_at(grid.columns() * side);
        let mut sums = vec![0.0_f64; grid.logits_len(1)];
        for (index, tile) in grid.iter().enumerate() {
            let (column, row) = (index % grid.columns(), index / grid.columns());
            for y in 0..side.min(grid.logits_high()) {
                for x in 0..side.min(grid.logits_wide()) {
                    let weight = columns[column * side + x] * rows[row * side + y];
                    prop_assert!(weight > 0.0 && weight <= 1.0);
                    let (left, top) = (tile.x_px as usize / 4, tile.y_px as usize / 4);
                    sums[(top + y) * grid.logits_wide() + left + x] += f64::from(weight);
                }
            }
        }
        for sum in sums {
            prop_assert!((sum - 1.0).abs() <= WEIGHT_SUM, "{}", sum);
        }
    }

    #[test]
    fn equal_tiles_blend_to_themselves(grid in grids()) {
        let mut storage = vec![0.0; grid.weights_len()];
        let weights = BlendWeights::compute(&grid, &mut storage).unwrap();
        let mut accumulator = vec![f32::NAN; grid.logits_len(1)];
        let mut blender = Blender::new(weights, 1, &mut accumulator).unwrap();
        let logits = vec![3.7; grid.logits_per_side().pow(2)];
        (0..grid.len()).for_each(|tile| blender.add(tile, &logits).unwrap());
        for sum in accumulator {
            prop_assert!((f64::from(sum) - 3.7).abs() <= BLEND, "{}", sum);
        }
    }

    #[test]
    fn order_of_the_tiles_does_not_change_a_bit((grid, order) in grids().prop_flat_map(|grid| {
        (Just(grid), Just((0..grid.len()).collect::<Vec<_>>()).prop_shuffle())
    })) {
        let sorted: Vec<usize> = (0..grid.len()).collect();
        let bits = |order: &[usize]| -> Vec<u32> {
            blend_in_order(&grid, 2, order).iter().map(|logit| logit.to_bits()).collect()
        };
        prop_assert_eq!(bits(&sorted), bits(&order));
    }

    #[test]
    fn band_gives_the_rows_of_the_whole_image((grid, spare_rows) in (grids(), 0_usize..4)) {
        let queries = 2;
        let sorted: Vec<usize> = (0..grid.len()).collect();
        let whole = blend_in_order(&grid, queries, &sorted);
        let mut storage = vec![0.0; grid.weights_len()];
        let weights = BlendWeights::compute(&grid, &mut storage).unwrap();
        let (high, wide) = (grid.logits_high(), grid.logits_wide());
        let band_rows = (grid.logits_per_side() + spare_rows).min(high);
        let mut accumulator = vec![f32::NAN; queries * band_rows * wide];
        let mut blender = Blender::banded(weights, queries, band_rows, &mut accumulator).unwrap();
        let mut done = 0;
        for tile_row in 0..grid.rows() {
            for tile in tile_row * grid.columns()..(tile_row + 1) * grid.columns() {
                blender.add(tile, &tile_logits(&grid, queries, tile)).unwrap();
            }
            let until = grid.final_logit_rows(tile_row + 1);
            for row in done..until {
                for query in 0..queries {
                    let expected = &whole[(query * high + row) * wide..][..wide];
                    prop_assert_eq!(blender.rows().row(query, row).unwrap(), expected);
                }
            }
            blender.retire_rows(until);
            prop_assert!(until == 0 || blender.rows().row(0, until - 1).is_none());
            done = until;
        }
        prop_assert_eq!(done, high);
    }
}
