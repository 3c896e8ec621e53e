//! What the runtime would decide for one image.

use rszs_data::RgbImage;
use rszs_hot::{
    BlendWeights, Blender, DecideBuffers, Decider, Decision, LogitRows, QueryRule,
    RegionStatistics, TileGrid, TileLayout, fill_tile, words_per_row,
};

use super::prediction::Prediction;
use crate::TrainError;

/// Tiles, forward passes of at most `batch_size` of them, blending, decision.
///
/// `logits` is the network: bytes of `[N, T, T, 3]` -> `[N, K, T/4, T/4]`.
pub(super) fn predict(
    image: &RgbImage,
    layout: TileLayout,
    batch_size: usize,
    queries: usize,
    logits: impl Fn(&[u8]) -> Result<Vec<f32>, TrainError>,
) -> Result<Prediction, TrainError> {
    let grid = TileGrid::new(image.width as u32, image.height as u32, layout)?;
    let mut weights = vec![0.0; grid.weights_len()];
    let weights = BlendWeights::compute(&grid, &mut weights)?;
    let mut accumulator = vec![0.0; grid.logits_len(queries)];
    let mut blender = Blender::new(weights, queries, &mut accumulator)?;
    let tile_indices: Vec<usize> = (0..grid.len()).collect();
    for batch in tile_indices.chunks(batch_size) {
        let logits = logits(&tiles(image, &grid, batch)?)?;
        let per_tile = logits.len() / batch.len();
        for (&tile, logits) in batch.iter().zip(logits.chunks_exact(per_tile)) {
            blender.add(tile, logits)?;
        }
    }
    decide(&grid, queries, &blender.rows())
}

/// `[tiles, T, T, 3]`.
fn tiles(image: &RgbImage, grid: &TileGrid, batch: &[usize]) -> Result<Vec<u8>, TrainError> {
    let side_px = grid.layout().tile_px;
    let tile_bytes = (side_px * side_px * 3) as usize;
    let mut bytes = vec![0; batch.len() * tile_bytes];
    for (&index, tile) in batch.iter().zip(bytes.chunks_exact_mut(tile_bytes)) {
        fill_tile(
            &image.pixels,
            grid.width_px(),
            grid.height_px(),
            grid.tile(index),
            side_px,
            1,
            tile,
        )?;
    }
    Ok(bytes)
}

fn decide(grid: &TileGrid, queries: usize, logits: &LogitRows) -> Result<Prediction, TrainError> {
    let (width, height) = (grid.width_px() as usize, grid.height_px() as usize);
    let rules = vec![QueryRule::new(0.5, 1.0)?; queries];
    let mut classes = vec![0; width];
    let mut masks = vec![0; queries * words_per_row(grid.width_px())];
    let mut regions = vec![RegionStatistics::default(); queries];
    let buffers = DecideBuffers { classes: &mut classes, masks: &mut masks, regions: &mut regions };
    let mut decider = Decider::new(grid, Decision::Exclusive, queries, &rules, buffers)?;
    let mut prediction = Prediction {
        scores: vec![vec![0; width * height]; queries],
        exclusive: Vec::with_capacity(width * height),
    };
    for y in 0..grid.height_px() {
        prediction.exclusive.extend_from_slice(decider.decide(y, logits)?.classes);
        for (query, scores) in prediction.scores.iter_mut().enumerate() {
            decider.score_row(query, y, logits, &mut scores[y as usize * width..][..width])?;
        }
    }
    Ok(prediction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_logits_come_out_as_their_scores_and_no_pass_sees_too_many_tiles() {
        let image = RgbImage::filled(50, 37, [1, 2, 3]);
        // Logits of ln 3 and 0: scores of 0.75 and 0.5.
        let constant = |tiles: &[u8]| {
            let count = tiles.len() / (16 * 16 * 3);
            assert!(count <= 3);
            Ok((0..count).flat_map(|_| [vec![0.0; 16], vec![3.0_f32.ln(); 16]].concat()).collect())
        };
        let layout = TileLayout::of_engine(16, 4);
        let prediction = predict(&image, layout, 3, 2, constant).unwrap();
        assert!(prediction.scores[0].iter().all(|score| score.abs_diff(128) <= 1));
        assert!(prediction.scores[1].iter().all(|score| score.abs_diff(191) <= 1));
        assert_eq!(prediction.exclusive, vec![2; 50 * 37]);
    }
}
