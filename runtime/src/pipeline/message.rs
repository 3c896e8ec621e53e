//! What goes from stage to stage.

use std::time::{Duration, Instant};

use rszs_hot::{RegionStatistics, TileGrid};

use super::pool::Pooled;
use crate::location::Location;
use crate::segment::{Component, ScoredTiles, SegmentError, SegmentTimes, Segmentation};
use crate::sink::Written;
use crate::source::{Frame, Reading, SourceError, Validity};

/// One image could not be segmented; the others go on.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The input gives no image.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The image could not be segmented.
    #[error("{image}: {source}")]
    Segment {
        /// Which.
        image: String,
        /// Why.
        source: SegmentError,
    },
    /// The device was lost at an image before, and no other engine could take over.
    #[error(
        "{image}: expected an engine, found its device lost at an earlier image ({reason}); restart"
    )]
    DeviceLost {
        /// Which.
        image: String,
        /// What was told of the image at which that was seen, and of the engines that should have
        /// taken over.
        reason: String,
    },
}

/// Which image a message is about.
#[derive(Debug, Clone)]
pub(super) struct Ticket {
    pub(super) image: String,
    pub(super) name: String,
    pub(super) location: Box<Location>,
    pub(super) start: Instant,
}

/// From reading to the engine.
pub(super) struct Read {
    pub(super) ticket: Ticket,
    pub(super) frame: Result<(Pooled<Frame>, Duration), ImageError>,
}

/// From the engine to composing: for each image `Begin`, its tiles, `End`; for one that could not
/// be read only `End`.
pub(super) enum Step {
    Begin(TileGrid, Validity),
    Tiles(Pooled<ScoredTiles>),
    End(Scored),
}

/// The end of an image in the engine.
pub(super) struct Scored {
    pub(super) ticket: Ticket,
    pub(super) frame: Result<(Pooled<Frame>, FrameTimes), ImageError>,
}

/// From composing to writing.
pub(super) struct Composed {
    pub(super) ticket: Ticket,
    pub(super) frame: Result<(Pooled<Frame>, Pooled<Segmentation>, FrameTimes), ImageError>,
}

/// Time spent on one image before it is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FrameTimes {
    /// Reading and decoding.
    pub decode: Duration,
    /// Between decoding and encoding.
    pub segment: SegmentTimes,
}

/// What became of one image.
#[derive(Debug)]
pub struct Outcome {
    /// What people and JSON call it.
    pub image: String,
    /// Its results, or why there are none.
    pub result: Result<ImageResult, ImageError>,
}

/// The results of one image. Its files are on the disk.
#[derive(Debug)]
pub struct ImageResult {
    /// W.
    pub width_px: u32,
    /// H.
    pub height_px: u32,
    /// Pixels of it that hold no image.
    pub invalid_px: u64,
    /// What was chosen to read it.
    pub reading: Reading,
    /// Tiles it was cut into.
    pub tiles: usize,
    /// How many times smaller the network saw it.
    pub reduction: u32,
    /// Where and at what scale it was taken.
    pub location: Location,
    /// One per query.
    pub regions: Vec<RegionStatistics>,
    /// One per query.
    pub presence: Vec<f32>,
    /// One per query in COCO's text form, if masks were kept.
    pub run_lengths: Vec<String>,
    /// One list per query, the largest first, if they were asked for.
    pub components: Vec<Vec<Component>>,
    /// The files.
    pub written: Written,
    /// Time spent before writing.
    pub times: FrameTimes,
    /// On the clock, from before reading to after writing.
    pub latency: Duration,
}
