//! The stages. Each ends when the stage before it has ended, or when nobody wants its results any
//! more.

use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Instant;

use rszs_hot::TileGrid;

use super::message::{Composed, FrameTimes, ImageResult, Read, Scored, Step, Ticket};
use super::pool::{Pool, Pooled};
use super::{ImageError, Job, Outcome, Settings};
use crate::cli::run_lengths::coco_run_lengths;
use crate::location::Location;
use crate::segment::{
    Component, Composer, ScoredTiles, SegmentError, SegmentTimes, Segmentation, TileRunner,
    components,
};
use crate::sink::{Sink, SinkError};
use crate::source::{Frame, ImageReader, ReadOptions, Validity};
use rszs_engine::Interrupt;
use rszs_engine::TileEngine;

/// Reads and decodes images.
pub(super) fn read(
    jobs: Vec<Job>,
    options: ReadOptions,
    interrupt: &Interrupt,
    frames: Pool<Frame>,
    to: &SyncSender<Read>,
) {
    let mut reader = ImageReader::with_options(options);
    for Job { image, input, name, location } in jobs {
        if interrupt.is_raised() {
            return;
        }
        // Waiting for a free frame is no part of this image's latency.
        let mut frame = frames.take();
        let ticket = Ticket { image, name, location: location.into(), start: Instant::now() };
        let frame = input.map_err(ImageError::from).and_then(|input| {
            let decode = reader.read(&input, &mut frame)?;
            Ok((frame, decode))
        });
        if to.send(Read { ticket, frame }).is_err() {
            return;
        }
    }
}

/// Cuts frames into tiles and runs the engine on them.
pub(super) fn engine(
    from: &Receiver<Read>,
    settings: &Settings<'_>,
    engine: &mut (dyn TileEngine + Send),
    batches: Pool<ScoredTiles>,
    to: &SyncSender<Step>,
) {
    let mut runner = TileRunner::default();
    for Read { ticket, frame } in from {
        let scored = match frame {
            Ok((frame, decode)) => {
                let Some(scored) = run_frame(&frame, settings, engine, &mut runner, &batches, to)
                else {
                    return;
                };
                let in_image = |source| ImageError::Segment { image: ticket.image.clone(), source };
                scored.map_err(in_image).map(|segment| (frame, FrameTimes { decode, segment }))
            }
            Err(error) => Err(error),
        };
        if to.send(Step::End(Scored { ticket, frame: scored })).is_err() {
            return;
        }
    }
}

/// Runs one frame; nothing if the run is over.
fn run_frame(
    frame: &Frame,
    settings: &Settings<'_>,
    engine: &mut (dyn TileEngine + Send),
    runner: &mut TileRunner,
    batches: &Pool<ScoredTiles>,
    to: &SyncSender<Step>,
) -> Option<Result<SegmentTimes, SegmentError>> {
    let grid = match TileGrid::new(frame.width_px, frame.height_px, settings.layout) {
        Ok(grid) => grid,
        Err(error) => return Some(Err(error.into())),
    };
    to.send(Step::Begin(grid, frame.valid.clone())).ok()?;
    let mut times = SegmentTimes::default();
    for first in (0..grid.len()).step_by(settings.batch) {
        if settings.interrupt.is_raised() {
            return None;
        }
        let tiles = first..grid.len().min(first + settings.batch);
        let mut scored = batches.take();
        match runner.run(frame, &grid, tiles, settings.queries, engine, &mut scored) {
            Ok(spent) => {
                times.tile += spent.tile;
                times.engine += spent.engine;
            }
            Err(error) => return Some(Err(error)),
        }
        to.send(Step::Tiles(scored)).ok()?;
    }
    Some(Ok(times))
}

/// Blends tiles and decides pixels.
pub(super) fn compose(
    from: &Receiver<Step>,
    settings: &Settings<'_>,
    segmentations: Pool<Segmentation>,
    to: &SyncSender<Composed>,
) {
    let mut composer = Composer::default();
    for step in from {
        let composed = match step {
            Step::Begin(grid, valid) => {
                let segmentation = segmentations.take();
                match compose_frame((&grid, &valid), from, settings, &mut composer, segmentation) {
                    Some(composed) => composed,
                    None => return,
                }
            }
            // No `Begin` came before: the image could not be read.
            Step::End(Scored { ticket, frame: Err(error) }) => {
                Composed { ticket, frame: Err(error) }
            }
            Step::End(_) | Step::Tiles(_) => continue,
        };
        if to.send(composed).is_err() {
            return;
        }
    }
}

/// Composes one frame up to its end; nothing if the run is over before.
fn compose_frame(
    (grid, valid): (&TileGrid, &Validity),
    from: &Receiver<Step>,
    settings: &Settings<'_>,
    composer: &mut Composer,
    mut segmentation: Pooled<Segmentation>,
) -> Option<Composed> {
    let mut composition =
        composer.begin(grid, valid, settings.queries, settings.keep, &mut segmentation);
    let Scored { ticket, frame } = loop {
        match from.recv().ok()? {
            Step::Tiles(scored) => {
                composition = composition.and_then(|mut begun| begun.add(&scored).map(|()| begun));
            }
            Step::End(end) => break end,
            Step::Begin(..) => return None,
        }
    };
    let composed = composition.and_then(crate::segment::Composition::finish);
    let frame = frame.and_then(|(frame, mut times)| match composed {
        Ok(spent) => {
            (times.segment.blend, times.segment.decide) = (spent.blend, spent.decide);
            Ok((frame, times))
        }
        Err(source) => Err(ImageError::Segment { image: ticket.image.clone(), source }),
    });
    Some(Composed { ticket, frame: frame.map(|(frame, times)| (frame, segmentation, times)) })
}

/// Encodes and writes results.
pub(super) fn write(
    from: &Receiver<Composed>,
    settings: &Settings<'_>,
    sink: &mut Sink,
    to: &SyncSender<Outcome>,
) -> Result<(), SinkError> {
    for Composed { ticket, frame } in from {
        if settings.interrupt.is_raised() {
            return Ok(());
        }
        let result = match frame {
            Ok((frame, segmentation, times)) => {
                Ok(write_one(&ticket, &frame, &segmentation, times, settings, sink)?)
            }
            Err(error) => Err(error),
        };
        if to.send(Outcome { image: ticket.image, result }).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

fn write_one(
    ticket: &Ticket,
    frame: &Frame,
    segmentation: &Segmentation,
    times: FrameTimes,
    settings: &Settings<'_>,
    sink: &mut Sink,
) -> Result<ImageResult, SinkError> {
    let sidecars = sink.write_sidecars(&ticket.name, &ticket.location)?;
    let mut written = sink.write(&ticket.name, frame, segmentation, settings.queries)?;
    written.files.extend(sidecars);
    sink.add_to_flight(&ticket.image, &ticket.location, frame, segmentation, settings.queries)?;
    let masks = 0..if settings.details.run_lengths { segmentation.regions.len() } else { 0 };
    let (width_px, height_px) = (segmentation.width_px, segmentation.height_px);
    let run_lengths =
        masks.map(|query| coco_run_lengths(segmentation.mask(query), width_px, height_px));
    Ok(ImageResult {
        width_px,
        height_px,
        invalid_px: segmentation.invalid_px,
        reading: frame.reading,
        tiles: segmentation.tiles,
        reduction: settings.layout.reduction(),
        location: Location::clone(&ticket.location),
        regions: segmentation.regions.clone(),
        presence: segmentation.presence.clone(),
        run_lengths: run_lengths.collect::<Result<_, _>>()?,
        components: connected_parts(segmentation, settings)?,
        written,
        times,
        latency: ticket.start.elapsed(),
    })
}

/// The largest connected parts of each mask.
fn connected_parts(
    segmentation: &Segmentation,
    settings: &Settings<'_>,
) -> Result<Vec<Vec<Component>>, SinkError> {
    if settings.details.regions == 0 {
        return Ok(Vec::new());
    }
    let mut scores = Vec::new();
    let parts = (0..segmentation.regions.len()).map(|query| {
        segmentation.scores(query, settings.queries, &mut scores)?;
        let (mask, width_px) = (segmentation.mask(query), segmentation.width_px);
        Ok(components(mask, width_px, &scores, settings.details.regions))
    });
    parts.collect()
}
