//! What is known about one frame in the end.

use rszs_hot::{
    DecideBuffers, DecideError, Decider, LogitRows, RegionStatistics, TileGrid, words_per_row,
};

use super::SegmentError;
use crate::queries::QuerySet;

/// What a segmentation is to hold beside classes and statistics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// One mask of bits per query.
    pub masks: bool,
    /// The blended logits, from which scores are made.
    pub scores: bool,
}

impl Keep {
    /// All of it.
    pub const EVERYTHING: Self = Self { masks: true, scores: true };
}

/// Masks and statistics of one frame. Reused from frame to frame.
#[derive(Debug, Default)]
pub struct Segmentation {
    /// W.
    pub width_px: u32,
    /// H.
    pub height_px: u32,
    /// Tiles the frame was cut into.
    pub tiles: usize,
    /// Pixels that hold no image: they belong to no query.
    pub invalid_px: u64,
    /// `[H, W]`: 1 + the index of the strongest query, 0 for none, 255 where no image is.
    pub classes: Vec<u8>,
    /// One per query.
    pub regions: Vec<RegionStatistics>,
    /// One per query: the largest presence (a cosine in [-1, 1]) over the tiles.
    pub presence: Vec<f32>,
    /// `[queries, H, words_per_row(W)]` if masks were to be kept, else empty.
    pub masks: Vec<u64>,
    /// `[rules, H4, W4]` if scores were to be kept, else empty.
    pub(crate) logits: Vec<f32>,
    grid: Option<TileGrid>,
}

impl Segmentation {
    /// Takes the sizes of the frame to come.
    pub(crate) fn resize(&mut self, grid: &TileGrid, queries: &QuerySet, keep: Keep) {
        let count = queries.queries().len();
        let rows = grid.height_px() as usize;
        (self.width_px, self.height_px, self.tiles) =
            (grid.width_px(), grid.height_px(), grid.len());
        self.invalid_px = 0;
        self.classes.resize(rows * grid.width_px() as usize, 0);
        self.regions.resize(count, RegionStatistics::default());
        self.presence.clear();
        self.presence.resize(count, f32::NEG_INFINITY);
        self.masks
            .resize(if keep.masks { count * rows * words_per_row(grid.width_px()) } else { 0 }, 0);
        self.logits
            .resize(if keep.scores { grid.logits_len(queries.rules().len()) } else { 0 }, 0.0);
        self.grid = Some(*grid);
    }

    /// The mask of one query, `[H, words_per_row(W)]`, if masks were kept.
    pub fn mask(&self, query: usize) -> &[u64] {
        let words = self.height_px as usize * words_per_row(self.width_px);
        self.masks.get(query * words..(query + 1) * words).unwrap_or_default()
    }

    /// The blended logits of one query, `[H4, W4]`, if scores were kept.
    pub fn logits(&self, query: usize) -> &[f32] {
        let plane = self.grid.map_or(0, |grid| grid.logits_high() * grid.logits_wide());
        self.logits.get(query * plane..(query + 1) * plane).unwrap_or_default()
    }

    /// Writes the scores of one query as bytes, 255 being a score of 1, into `out: [H, W]`. Scores
    /// must have been kept.
    pub fn scores(
        &self,
        query: usize,
        queries: &QuerySet,
        out: &mut Vec<u8>,
    ) -> Result<(), SegmentError> {
        let Some(grid) = &self.grid else { return Err(DecideError::Query { query }.into()) };
        let wide = self.width_px as usize;
        out.resize(wide * self.height_px as usize, 0);
        let rules = queries.rules();
        let logits =
            LogitRows::new(&self.logits, rules.len(), grid.logits_high(), grid.logits_wide(), 0)?;
        // A decider is asked for scores only, so what it would decide into is as small as it may
        // be.
        let mut classes = vec![0; wide];
        let mut masks = vec![0; queries.queries().len() * words_per_row(self.width_px)];
        let mut regions = vec![RegionStatistics::default(); queries.queries().len()];
        let buffers =
            DecideBuffers { classes: &mut classes, masks: &mut masks, regions: &mut regions };
        let decider =
            Decider::new(grid, queries.decision(), queries.queries().len(), rules, buffers)?;
        for (y_px, row) in (0..).zip(out.chunks_exact_mut(wide)) {
            decider.score_row(query, y_px, &logits, row)?;
        }
        Ok(())
    }
}
