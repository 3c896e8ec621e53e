//! The frame path: pixels → tiles → engine → blend → decide → masks.
//!
//! [`TileRunner`] feeds the engine and [`Composer`] makes masks of what it gives; the pipeline runs
//! them on two threads, [`Segmenter`] one after the other. Both keep their buffers, and after the
//! first frame of a size neither allocates: not for tiles, not for blending, not for the decision,
//! not for statistics. Engines, and the codecs at both ends, allocate as they please and are
//! outside this promise.
//!
//! Where a device does all of it, a [`FrameSegmenter`] takes the place of both.

mod components;
mod composer;
mod error;
mod runner;
mod segmentation;

use std::time::Duration;

use rszs_hot::{TileGrid, TileLayout};

pub use components::{Component, components};
pub use composer::{ComposeTimes, Composer, Composition};
pub(crate) use composer::{absent_logit, note_presence};
pub use error::SegmentError;
pub use runner::{BatchTimes, ScoredTiles, TileRunner};
pub use segmentation::{Keep, Segmentation};

use crate::queries::QuerySet;
use crate::source::Frame;
use rszs_engine::TileEngine;

/// Time spent on one frame.
///
/// On a device, as its events tell: `tile` is copying the frame there, `engine` is cutting, the
/// engine and blending, which one graph does for each batch, `blend` is nothing, and `decide` holds
/// the way back as well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SegmentTimes {
    /// Copying tiles.
    pub tile: Duration,
    /// In the engine.
    pub engine: Duration,
    /// Blending.
    pub blend: Duration,
    /// Upsampling, deciding, counting.
    pub decide: Duration,
}

/// What makes segmentations of frames by itself, several under way at a time. The pipeline knows no
/// more of a device than this.
pub trait FrameSegmenter {
    /// Starts on a frame and does not wait for it. A frame that cannot be started leaves those
    /// under way alone.
    fn submit(&mut self, frame: &Frame) -> Result<(), SegmentError>;

    /// Whether another frame may be submitted before one is collected.
    fn has_room(&self) -> bool;

    /// Whether the oldest frame under way can be collected without waiting.
    fn is_done(&self) -> Result<bool, SegmentError>;

    /// Waits for the oldest frame under way and takes its results. An error is that frame's; it is
    /// under way no more.
    fn collect(&mut self, into: &mut Segmentation) -> Result<SegmentTimes, SegmentError>;
}

/// Segments frames one after the other on the calling thread.
#[derive(Debug)]
pub struct Segmenter {
    layout: TileLayout,
    batch: usize,
    runner: TileRunner,
    scored: ScoredTiles,
    composer: Composer,
}

impl Segmenter {
    /// For an engine with tiles as in `layout`, `batch` at a time.
    pub fn new(layout: TileLayout, batch: usize) -> Self {
        Self {
            layout,
            batch: batch.max(1),
            runner: TileRunner::default(),
            scored: ScoredTiles::default(),
            composer: Composer::default(),
        }
    }

    /// Segments `frame` into `into`, which keeps its buffers from one frame to the next.
    pub fn segment(
        &mut self,
        frame: &Frame,
        queries: &QuerySet,
        engine: &mut impl TileEngine,
        keep: Keep,
        into: &mut Segmentation,
    ) -> Result<SegmentTimes, SegmentError> {
        let grid = TileGrid::new(frame.width_px, frame.height_px, self.layout)?;
        let mut composition = self.composer.begin(&grid, &frame.valid, queries, keep, into)?;
        let mut times = SegmentTimes::default();
        for first in (0..grid.len()).step_by(self.batch) {
            let tiles = first..grid.len().min(first + self.batch);
            let spent = self.runner.run(frame, &grid, tiles, queries, engine, &mut self.scored)?;
            times.tile += spent.tile;
            times.engine += spent.engine;
            composition.add(&self.scored)?;
        }
        let spent = composition.finish()?;
        Ok(SegmentTimes { blend: spent.blend, decide: spent.decide, ..times })
    }
}
