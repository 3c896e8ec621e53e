//! The golden set: generated tiles with the oracle's outputs, by which a device knows that its
//! engine is right.

use std::collections::BTreeMap;

use rszs_bundle::{Golden, GoldenShape, Tolerance as GoldenTolerance};
use rszs_graph::{Graph, Init, InterpretError, Tensor, initial_value};

use crate::check::Case;
use crate::tolerance::Tolerance;

/// Tiles of a golden set.
pub const TILES: usize = 2;

/// Most queries of a golden set; a few show that the query path works.
pub const QUERIES: usize = 4;

/// An engine we have not seen may be this much further off than one checked here: other kernels,
/// other sums. TF32 on a GPU, which is not what a bundle promises as fp32, is further off still.
const UNSEEN_ENGINES: f32 = 10.0;

/// 8-bit weights and activations: `nano` in ONNX Runtime is 0.024 off. That masks stay good is
/// measured by calibration, not here.
const INT8_BOUND: f32 = 0.1;

/// Two tiles as `[2, side, side, 3]` bytes. The first has what images from above have: soft
/// ground at several scales, hard-edged roofs and a road; the second is noise of all byte values,
/// which no trained weight is tuned to.
pub fn tiles(side: usize) -> Tensor {
    let ground: Vec<Tensor> =
        (1..=4).map(|octave| lattice(&format!("ground {octave}"), 1 << (octave + 1))).collect();
    let mut values = Vec::with_capacity(TILES * side * side * 3);
    for row in 0..side {
        for column in 0..side {
            let (y, x) = ((row as f32 + 0.5) / side as f32, (column as f32 + 0.5) / side as f32);
            let height: f32 = ground
                .iter()
                .zip([0.5, 0.25, 0.15, 0.1])
                .map(|(grid, share)| share * sample(grid, y, x))
                .sum();
            values.extend(scene_colour(y, x, height).map(f32::round));
        }
    }
    let noise = initial_value("golden noise", Init::FanIn { fan_in: 3 }, vec![side * side * 3], 0);
    values
        .extend(noise.values.iter().map(|value| ((value + 1.0) * 128.0).floor().clamp(0.0, 255.0)));
    Tensor::new([TILES, side, side, 3], values)
}

/// Red, green, blue in 0 to 255. `height` in 0 to 1 goes from water over grass to bare soil.
fn scene_colour(y: f32, x: f32, height: f32) -> [f32; 3] {
    let roof =
        |top: f32, left: f32| (top..top + 0.18).contains(&y) && (left..left + 0.22).contains(&x);
    if roof(0.12, 0.15) || roof(0.55, 0.6) {
        return [182.0, 92.0, 74.0];
    }
    if (y - 0.42 - 0.1 * x).abs() < 0.03 {
        return [128.0, 126.0, 124.0];
    }
    let blend = |from: [f32; 3], to: [f32; 3], share: f32| {
        std::array::from_fn(|channel| from[channel] + (to[channel] - from[channel]) * share)
    };
    let (water, grass, soil) = ([40.0, 70.0, 92.0], [86.0, 118.0, 60.0], [168.0, 148.0, 116.0]);
    if height < 0.5 {
        blend(water, grass, 2.0 * height)
    } else {
        blend(grass, soil, 2.0 * height - 1.0)
    }
}

/// Numbers in 0 to 1 on a square grid of `cells` cells.
fn lattice(name: &str, cells: usize) -> Tensor {
    let mut grid = initial_value(name, Init::FanIn { fan_in: 3 }, vec![cells + 1, cells + 1], 0);
    grid.values.iter_mut().for_each(|value| *value = 0.5 * *value + 0.5);
    grid
}

/// Bilinear between grid points; `y` and `x` in 0 to 1.
fn sample(grid: &Tensor, y: f32, x: f32) -> f32 {
    let points = grid.shape[0];
    let (y, x) = (y * (points - 1) as f32, x * (points - 1) as f32);
    let (row, column) = (y as usize, x as usize);
    let at = |row: usize, column: usize| {
        grid.values[row.min(points - 1) * points + column.min(points - 1)]
    };
    let along = |row: usize| at(row, column) + (at(row, column + 1) - at(row, column)) * x.fract();
    along(row) + (along(row + 1) - along(row)) * y.fract()
}

/// Tiles and maybe queries as feeds, with the oracle's outputs.
pub fn golden_case(
    graph: &Graph,
    parameters: &BTreeMap<String, Tensor>,
    tile_px: usize,
    queries: Option<&Tensor>,
) -> Result<Case, InterpretError> {
    let mut feeds = BTreeMap::from([("tiles".to_owned(), tiles(tile_px))]);
    let count = queries.map_or(0, |queries| queries.shape[0]);
    feeds.extend(queries.map(|queries| ("queries".to_owned(), queries.clone())));
    Case::new(graph, feeds, parameters, TILES, count)
}

/// The case as a bundle holds it. `case` has the outputs `logits: [N, K, H/4, W/4]` and
/// `presence: [N, K]`.
pub fn golden_set(case: &Case, joint_width: usize) -> Golden {
    let [(_, logits), (_, presence)] = case.expected.as_slice() else {
        panic!("an image graph has the outputs logits and presence, found {}", case.expected.len());
    };
    let queries = case.feeds.get("queries");
    let magnitude = logits.magnitude().max(1.0);
    let shape = GoldenShape {
        images: presence.shape[0],
        queries: presence.shape[1],
        tile_px: case.feeds["tiles"].shape[1],
        joint_width: queries.map_or(0, |_| joint_width),
    };
    Golden {
        shape,
        tiles: case.feeds["tiles"].values.iter().map(|&value| value as u8).collect(),
        queries: queries.map(|tensor| tensor.values.clone()),
        logits: logits.values.clone(),
        presence: presence.values.clone(),
        tolerance: GoldenTolerance {
            fp32: UNSEEN_ENGINES * Tolerance::Float32.bound() * magnitude,
            fp16: Tolerance::Float16.bound() * magnitude,
            int8: INT8_BOUND * magnitude,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_tiles_are_bytes_with_structure() {
        let tiles = tiles(32);
        assert_eq!(tiles.shape, [2, 32, 32, 3]);
        assert!(
            tiles.values.iter().all(|value| value.fract() == 0.0 && (0.0..=255.0).contains(value))
        );
        let [scene, noise] = [0, 1].map(|tile| {
            let values = &tiles.values[tile * 32 * 32 * 3..][..32 * 32 * 3];
            let steps = values.windows(4).map(|pair| (pair[3] - pair[0]).abs()).sum::<f32>();
            steps / values.len() as f32
        });
        assert!(
            3.0 * scene < noise,
            "neighbours of the scene differ by {scene}, of the noise by {noise}"
        );
    }
}
