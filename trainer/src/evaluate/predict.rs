//! What the runtime would decide for one picture.

use std::collections::BTreeMap;

use rszs_data::Sample;
use rszs_graph::Graph;
use rszs_hot::{
    BlendWeights, Blender, DecideBuffers, Decider, Decision, LogitRows, QueryRule, RegionStatistics, TileGrid,
    TileLayout, fill_tile, words_per_row,
};
use tch::{Kind, Tensor};

use super::EvaluateSettings;
use crate::{Mode, Parameters, Prompts, TrainError, eval};

/// What is evaluated.
#[derive(Debug)]
pub struct Model<'a> {
    /// The image graph.
    pub graph: &'a Graph,
    /// Its weights.
    pub parameters: &'a Parameters,
    /// Query vectors of every word that a set may ask for.
    pub prompts: &'a Prompts,
    /// Side of a tile.
    pub tile_px: usize,
}

/// What the runtime would decide.
pub(super) struct Prediction {
    /// `[K, H, W]`, 255 being a score of 1.
    pub(super) scores: Vec<Vec<u8>>,
    /// `[H, W]`: 1 + the query with the largest logit.
    pub(super) exclusive: Vec<u8>,
}

/// Tiles, forward passes, blending, decision; `vectors: [K, D]`.
pub(super) fn predict(
    model: &Model,
    sample: &Sample,
    vectors: &Tensor,
    settings: &EvaluateSettings,
) -> Result<Prediction, TrainError> {
    let (width, height) = (sample.image.width as u32, sample.image.height as u32);
    let queries = vectors.size()[0] as usize;
    let layout = TileLayout::of_engine(model.tile_px as u32, settings.overlap_px);
    let grid = TileGrid::new(width, height, layout)?;
    let mut weights = vec![0.0; grid.weights_len()];
    let weights = BlendWeights::compute(&grid, &mut weights)?;
    let mut accumulator = vec![0.0; grid.logits_len(queries)];
    let mut blender = Blender::new(weights, queries, &mut accumulator)?;
    let tile_indices: Vec<usize> = (0..grid.len()).collect();
    for batch in tile_indices.chunks(settings.batch_size) {
        let logits = tile_logits(model, sample, &grid, batch, vectors)?;
        let per_tile = logits.len() / batch.len();
        for (&tile, logits) in batch.iter().zip(logits.chunks_exact(per_tile)) {
            blender.add(tile, logits)?;
        }
    }
    decide(&grid, queries, &blender.rows())
}

/// `[tiles, K, T4, T4]`.
fn tile_logits(
    model: &Model,
    sample: &Sample,
    grid: &TileGrid,
    batch: &[usize],
    vectors: &Tensor,
) -> Result<Vec<f32>, TrainError> {
    let side = model.tile_px;
    let mut bytes = vec![0; batch.len() * side * side * 3];
    for (&index, tile) in batch.iter().zip(bytes.chunks_exact_mut(side * side * 3)) {
        let (width, height) = (grid.width_px(), grid.height_px());
        fill_tile(&sample.image.pixels, width, height, grid.tile(index), side as u32, 1, tile)?;
    }
    let shape = [batch.len() as i64, side as i64, side as i64, 3];
    let tiles = Tensor::f_from_data_size(&bytes, &shape, Kind::Uint8)?;
    let feeds = BTreeMap::from([("tiles", &tiles), ("queries", vectors)]);
    let _guard = tch::no_grad_guard();
    let outputs = eval(model.graph, &["logits"], &feeds, model.parameters, Mode::Evaluate)?;
    let logits = outputs["logits"].f_contiguous()?;
    let mut values = vec![0.0_f32; logits.numel()];
    logits.f_copy_data(&mut values, logits.numel())?;
    Ok(values)
}

fn decide(grid: &TileGrid, queries: usize, logits: &LogitRows) -> Result<Prediction, TrainError> {
    let (width, height) = (grid.width_px() as usize, grid.height_px() as usize);
    let rules = vec![QueryRule::new(0.5, 1.0)?; queries];
    let mut classes = vec![0; width];
    let mut masks = vec![0; queries * words_per_row(grid.width_px())];
    let mut regions = vec![RegionStatistics::default(); queries];
    let buffers = DecideBuffers { classes: &mut classes, masks: &mut masks, regions: &mut regions };
    let mut decider = Decider::new(grid, Decision::Exclusive, queries, &rules, buffers)?;
    let mut prediction =
        Prediction { scores: vec![vec![0; width * height]; queries], exclusive: Vec::with_capacity(width * height) };
    for y in 0..grid.height_px() {
        prediction.exclusive.extend_from_slice(decider.decide(y, logits)?.classes);
        for (query, scores) in prediction.scores.iter_mut().enumerate() {
            decider.score_row(query, y, logits, &mut scores[y as usize * width..][..width])?;
        }
    }
    Ok(prediction)
}
