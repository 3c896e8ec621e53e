//! Many images, one stage per thread, joined by queues of fixed capacity.
//!
//! ```text
//! read ──frame──▶ engine ──logits──▶ compose ──masks──▶ write ──outcome──▶ caller
//!   ▲               ▲                   ▲                 │
//!   └── frames ─────┼── scored tiles ───┘                 │
//!   └───────────────┴── segmentations ────────────────────┘
//! ```
//!
//! Lines below the stages are buffers that go back to where they are filled.
//!
//! Where a device does what is between reading and writing, one stage does:
//!
//! ```text
//! read ──frame──▶ device ──masks──▶ write ──outcome──▶ caller
//! ```
//!
//! The next image is read and the last one written while this one is in the engine. Buffers come
//! from pools that are never enlarged, so a slow stage makes the others wait and memory stays
//! bounded. An image that fails takes its place in the queue as an error; the others go on.
//! Outcomes arrive in the order of the inputs.

mod device_stage;
mod message;
mod pool;
mod stage;

use std::sync::mpsc::sync_channel;
use std::thread;

use rszs_hot::TileLayout;

pub use message::{FrameTimes, ImageError, ImageResult, Outcome};

use crate::location::Location;
use crate::queries::QuerySet;
use crate::segment::{FrameSegmenter, Keep, ScoredTiles, Segmentation};
use crate::sink::{Sink, SinkError};
use crate::source::{Frame, Input, ReadOptions, SourceError};
use device_stage::DeviceStage;
use pool::Pool;
use rszs_engine::Interrupt;
use rszs_engine::TileEngine;

/// Frames in memory: one being read, one in the engine, one being written.
const FRAMES: usize = 3;

/// The same with a device, which has two at a time.
const FRAMES_WITH_DEVICE: usize = 4;

/// Batches of logits in memory: one in the engine, one being blended.
const BATCHES: usize = 2;

/// Segmentations in memory: one being composed, one being written.
const SEGMENTATIONS: usize = 2;

/// Places in a queue between two stages.
const QUEUE: usize = 1;

/// One image to come, or why there is none.
#[derive(Debug, Clone)]
pub struct Job {
    /// What people and JSON call it.
    pub image: String,
    /// The image.
    pub input: Result<Input, SourceError>,
    /// What its results are called.
    pub name: String,
    /// Where and at what scale it was taken.
    pub location: Location,
}

/// What to tell of a mask beside its statistics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Details {
    /// The mask itself, for which masks are kept.
    pub run_lengths: bool,
    /// Connected parts, at most so many, for which masks and scores are kept.
    pub regions: usize,
}

/// How images are segmented.
#[derive(Debug)]
pub struct Settings<'a> {
    /// Tiles as the engine wants them.
    pub layout: TileLayout,
    /// Tiles per call of the engine.
    pub batch: usize,
    /// What to look for.
    pub queries: &'a QuerySet,
    /// What to keep of each image.
    pub keep: Keep,
    /// What to tell of each mask; it is kept for that.
    pub details: Details,
    /// How images are read.
    pub reading: ReadOptions,
    /// Set when somebody asks us to stop.
    pub interrupt: &'a Interrupt,
}

/// Segments the images of `jobs`, writes their results, and hands each outcome to `observe` on the
/// calling thread.
///
/// Stops early, without files that are half written, when the interrupt is raised or a result
/// cannot be written or observed.
pub fn run<E: From<SinkError>>(
    jobs: Vec<Job>,
    settings: &Settings<'_>,
    engine: &mut (impl TileEngine + Send),
    sink: &mut Sink,
    observe: impl FnMut(Outcome) -> Result<(), E>,
) -> Result<(), E> {
    run_through(jobs, settings, Between::Tiles(engine), sink, observe)
}

/// The same where `segmenter` makes segmentations of frames by itself.
pub fn run_frames<E: From<SinkError>>(
    jobs: Vec<Job>,
    settings: &Settings<'_>,
    segmenter: &mut (impl FrameSegmenter + Send),
    sink: &mut Sink,
    observe: impl FnMut(Outcome) -> Result<(), E>,
) -> Result<(), E> {
    run_through(jobs, settings, Between::Frames(segmenter), sink, observe)
}

/// What stands between reading and writing.
enum Between<'a> {
    Tiles(&'a mut (dyn TileEngine + Send)),
    Frames(&'a mut (dyn FrameSegmenter + Send)),
}

fn run_through<E: From<SinkError>>(
    jobs: Vec<Job>,
    settings: &Settings<'_>,
    between: Between<'_>,
    sink: &mut Sink,
    mut observe: impl FnMut(Outcome) -> Result<(), E>,
) -> Result<(), E> {
    let count = match between {
        Between::Tiles(_) => FRAMES,
        Between::Frames(_) => FRAMES_WITH_DEVICE,
    };
    let frames = Pool::new((0..count).map(|_| Frame::default()));
    let segmentations = Pool::new((0..SEGMENTATIONS).map(|_| Segmentation::default()));
    let (read_to, read_from) = sync_channel(QUEUE);
    let (composed_to, composed_from) = sync_channel(QUEUE);
    let (outcome_to, outcome_from) = sync_channel(QUEUE);
    thread::scope(|scope| {
        scope.spawn(move || {
            stage::read(jobs, settings.reading, settings.interrupt, frames, &read_to);
        });
        match between {
            Between::Tiles(engine) => {
                let batches = Pool::new((0..BATCHES).map(|_| ScoredTiles::default()));
                let (scored_to, scored_from) = sync_channel(QUEUE);
                scope.spawn(move || {
                    stage::engine(&read_from, settings, engine, batches, &scored_to);
                });
                scope.spawn(move || {
                    stage::compose(&scored_from, settings, segmentations, &composed_to);
                });
            }
            Between::Frames(segmenter) => {
                scope.spawn(move || {
                    DeviceStage::new(settings, segmenter, segmentations, &composed_to)
                        .run(&read_from);
                });
            }
        }
        let writer = scope.spawn(move || stage::write(&composed_from, settings, sink, &outcome_to));
        let mut observed = Ok(());
        for outcome in &outcome_from {
            observed = observe(outcome);
            if observed.is_err() {
                break;
            }
        }
        drop(outcome_from);
        let written = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        observed.and(written.map_err(E::from))
    })
}
