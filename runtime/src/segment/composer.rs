//! Logits to masks: blends tiles and decides rows of pixels as soon as no later tile touches them.

use std::time::{Duration, Instant};

use rszs_hot::{BlendWeights, Blender, DecideBuffers, Decider, TileGrid, words_per_row};

use super::{Keep, ScoredTiles, SegmentError, Segmentation};
use crate::queries::{Query, QuerySet};
use crate::source::Validity;

/// Rows of logits beside those of a tile that a band must hold: the pixels between two rows of
/// tiles look at both.
const EXTRA_BAND_ROWS: usize = 1;

/// What a logit becomes, at most and at a temperature of 1, in a tile where its query is absent: a
/// score of 1e-7.
const ABSENT_LOGIT: f32 = -16.0;

/// Blends and decides. Keeps its buffers from frame to frame.
///
/// Only a band of blended logits is in memory, one row of tiles high, unless scores are to be kept:
/// what a frame needs grows with its width, not with its area.
#[derive(Debug, Default)]
pub struct Composer {
    weights: Vec<f32>,
    band: Vec<f32>,
    class_row: Vec<u8>,
    mask_rows: Vec<u64>,
    /// `[rules, T4, T4]`, where the engine's rows are not what the rules want.
    gathered: Vec<f32>,
}

/// One frame in the making.
#[derive(Debug)]
pub struct Composition<'a> {
    queries: &'a QuerySet,
    grid: TileGrid,
    blender: Blender<'a>,
    decider: Decider<'a>,
    classes: &'a mut [u8],
    /// Masks to keep, `[queries, H, words]`, or nothing.
    masks: &'a mut [u64],
    presence: &'a mut [f32],
    gathered: &'a mut Vec<f32>,
    next_row_px: u32,
    keeps_logits: bool,
    /// Nothing where every pixel holds an image.
    valid: Option<Validity>,
    times: ComposeTimes,
}

/// Time spent on one frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ComposeTimes {
    /// Blending.
    pub blend: Duration,
    /// Upsampling, deciding, counting.
    pub decide: Duration,
}

impl Composer {
    /// Starts a frame with tiles as in `grid` and an image where it is `valid`; results go to
    /// `into`.
    pub fn begin<'a>(
        &'a mut self,
        grid: &TileGrid,
        valid: &Validity,
        queries: &'a QuerySet,
        keep: Keep,
        into: &'a mut Segmentation,
    ) -> Result<Composition<'a>, SegmentError> {
        into.resize(grid, queries, keep);
        into.invalid_px = valid.invalid_px();
        let Segmentation { classes, regions, presence, masks, logits, .. } = into;
        let (count, rules) = (queries.queries().len(), queries.rules());

        let band_rows = if keep.scores {
            grid.logits_high()
        } else {
            grid.logits_high().min(grid.logits_per_side() + EXTRA_BAND_ROWS)
        };
        let band = if keep.scores { logits } else { &mut self.band };
        band.resize(rules.len() * band_rows * grid.logits_wide(), 0.0);
        self.weights.resize(grid.weights_len(), 0.0);
        let weights = BlendWeights::compute(grid, &mut self.weights)?;

        self.class_row.resize(grid.width_px() as usize, 0);
        self.mask_rows.resize(count * words_per_row(grid.width_px()), 0);
        let buffers =
            DecideBuffers { classes: &mut self.class_row, masks: &mut self.mask_rows, regions };
        Ok(Composition {
            queries,
            grid: *grid,
            blender: Blender::banded(weights, rules.len(), band_rows, band)?,
            decider: Decider::new(grid, queries.decision(), count, rules, buffers)?,
            classes,
            masks,
            presence,
            gathered: &mut self.gathered,
            next_row_px: 0,
            keeps_logits: keep.scores,
            valid: (!valid.is_everywhere()).then(|| valid.clone()),
            times: ComposeTimes::default(),
        })
    }
}

impl Composition<'_> {
    /// Adds the next tiles, in the order of the grid.
    pub fn add(&mut self, scored: &ScoredTiles) -> Result<(), SegmentError> {
        let rows = self.queries.engine_rows();
        let plane = self.grid.logits_per_side() * self.grid.logits_per_side();
        let logits = scored.logits.chunks_exact(rows * plane);
        let presence = scored.presence.chunks_exact(rows);
        for ((tile, logits), presence) in scored.tiles.clone().zip(logits).zip(presence) {
            let start = Instant::now();
            note_presence(self.queries, tile, presence, self.presence)?;
            self.blend(tile, logits, presence, plane)?;
            let blend = start.elapsed();
            self.times.blend += blend;
            if (tile + 1).is_multiple_of(self.grid.columns()) {
                self.decide_final_rows((tile + 1) / self.grid.columns())?;
                self.times.decide += start.elapsed().saturating_sub(blend);
            }
        }
        Ok(())
    }

    /// Ends the frame once every tile was added.
    pub fn finish(self) -> Result<ComposeTimes, SegmentError> {
        let missing = rszs_hot::DecideError::Row { y_px: self.next_row_px };
        if self.next_row_px < self.grid.height_px() { Err(missing.into()) } else { Ok(self.times) }
    }

    fn blend(
        &mut self,
        tile: usize,
        logits: &[f32],
        presence: &[f32],
        plane: usize,
    ) -> Result<(), SegmentError> {
        let rows = self.queries.rows();
        let is_absent = |rule: usize| {
            let least = self.queries.queries().get(rule).and_then(|query| query.presence_threshold);
            least.is_some_and(|least| presence[rows[rule]] < least)
        };
        let in_order = rows.iter().enumerate().all(|(rule, row)| rule == *row);
        if in_order && !(0..rows.len()).any(is_absent) {
            return Ok(self.blender.add(tile, &logits[..rows.len() * plane])?);
        }
        self.gathered.resize(rows.len() * plane, 0.0);
        for (rule, out) in self.gathered.chunks_exact_mut(plane).enumerate() {
            out.copy_from_slice(&logits[rows[rule] * plane..][..plane]);
            if is_absent(rule) {
                let highest = absent_logit(&self.queries.queries()[rule]);
                for logit in out {
                    *logit = logit.min(highest);
                }
            }
        }
        Ok(self.blender.add(tile, self.gathered)?)
    }

    fn decide_final_rows(&mut self, tile_rows: usize) -> Result<(), SegmentError> {
        let until = self.decider.decidable_rows(self.grid.final_logit_rows(tile_rows));
        let wide = self.grid.width_px() as usize;
        let words = words_per_row(self.grid.width_px());
        let mask_words = words * self.grid.height_px() as usize;
        while self.next_row_px < until {
            let rows = self.blender.rows();
            let valid = self.valid.as_ref().and_then(|valid| valid.row(self.next_row_px));
            let row = match valid {
                None => self.decider.decide(self.next_row_px, &rows)?,
                Some(valid) => self.decider.decide_within(self.next_row_px, &rows, valid)?,
            };
            let y = self.next_row_px as usize;
            self.classes[y * wide..][..wide].copy_from_slice(row.classes);
            if !self.masks.is_empty() {
                for (query, mask) in self.masks.chunks_exact_mut(mask_words).enumerate() {
                    mask[y * words..][..words].copy_from_slice(row.mask(query));
                }
            }
            self.next_row_px += 1;
        }
        if !self.keeps_logits && self.next_row_px < self.grid.height_px() {
            self.blender.retire_rows(self.decider.first_logit_row(self.next_row_px));
        }
        Ok(())
    }
}

/// What a logit of `query` becomes, at most, in a tile where it is absent.
pub(crate) fn absent_logit(query: &Query) -> f32 {
    ABSENT_LOGIT * query.temperature.get().max(1.0)
}

/// Takes the presences `[K]` of one tile into `highest`, one per query.
pub(crate) fn note_presence(
    queries: &QuerySet,
    tile: usize,
    presence: &[f32],
    highest: &mut [f32],
) -> Result<(), SegmentError> {
    for (highest, &query) in highest.iter_mut().zip(queries.rows()) {
        let found = presence[query];
        if !found.is_finite() {
            return Err(SegmentError::Presence { tile, query, found });
        }
        *highest = highest.max(found);
    }
    Ok(())
}
