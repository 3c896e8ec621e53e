//! Pixels to logits: copies tiles out of a frame and feeds them to the engine.

use std::ops::Range;
use std::time::{Duration, Instant};

use rszs_hot::{TileGrid, fill_tile};

use super::SegmentError;
use crate::queries::QuerySet;
use crate::source::Frame;
use rszs_engine::{TileBatch, TileEngine, TileScores};

/// Bytes of one RGB pixel.
const PIXEL_BYTES: usize = 3;

/// What the engine gave for one batch of tiles. Reused from batch to batch.
#[derive(Debug, Default)]
pub struct ScoredTiles {
    /// Numbers of the tiles in the grid.
    pub tiles: Range<usize>,
    /// `[N, K, T4, T4]`.
    pub logits: Vec<f32>,
    /// `[N, K]`.
    pub presence: Vec<f32>,
}

/// Time spent on one batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchTimes {
    /// Copying tiles.
    pub tile: Duration,
    /// In the engine.
    pub engine: Duration,
}

/// Feeds the engine. Keeps the buffer of its tiles.
#[derive(Debug, Default)]
pub struct TileRunner {
    tiles: Vec<u8>,
}

impl TileRunner {
    /// Copies `tiles` of `grid` out of `frame` and runs the engine on them, all in one call.
    pub fn run(
        &mut self,
        frame: &Frame,
        grid: &TileGrid,
        tiles: Range<usize>,
        queries: &QuerySet,
        engine: &mut (impl TileEngine + ?Sized),
        scored: &mut ScoredTiles,
    ) -> Result<BatchTimes, SegmentError> {
        let start = Instant::now();
        let (tile_px, reduction) = (grid.layout().engine_px(), grid.layout().reduction());
        let tile_bytes = tile_px as usize * tile_px as usize * PIXEL_BYTES;
        self.tiles.resize(tiles.len() * tile_bytes, 0);
        for (index, out) in tiles.clone().zip(self.tiles.chunks_exact_mut(tile_bytes)) {
            fill_tile(
                &frame.rgb,
                frame.width_px,
                frame.height_px,
                grid.tile(index),
                tile_px,
                reduction,
                out,
            )?;
        }
        let tile = start.elapsed();

        let (side, rows) = (grid.logits_per_side(), queries.engine_rows());
        scored.logits.resize(tiles.len() * rows * side * side, 0.0);
        scored.presence.resize(tiles.len() * rows, 0.0);
        scored.tiles = tiles.clone();
        let batch = TileBatch {
            tiles: &self.tiles,
            count: tiles.len(),
            tile_px: tile_px as usize,
            embeddings: queries.embeddings(),
            rows,
        };
        let scores = TileScores { logits: &mut scored.logits, presence: &mut scored.presence };
        let failed = |source| SegmentError::Engine {
            first: tiles.start,
            last: tiles.end.saturating_sub(1),
            source,
        };
        engine.run(batch, scores).map_err(failed)?;
        Ok(BatchTimes { tile, engine: start.elapsed().saturating_sub(tile) })
    }
}
