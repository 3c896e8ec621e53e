//! Frames through a device, two at a time.

use std::collections::VecDeque;

use rszs_hot::{Decision, TileGrid, TileLayout, words_per_row};

use super::job::{ALL_FINITE, DecideJob, FrameJob};
use super::kernels::{Batch, FrameKernels};
use super::memory::{FrameMemory, FrameSizes};
use super::place::{FramePlace, Moment};
use super::rules::DeviceRules;
use super::{
    DeviceEngine, EngineShape, EngineTensors, FrameError, FrameKeep, FrameResults, FrameSettings,
};
use crate::{Device, DeviceBuffer, Graph, Stream};

/// Frames under way: one being copied, one being computed.
const PLACES: usize = 2;

/// Segments frames on one device, with one engine, for one set of queries.
#[derive(Debug)]
pub struct FramePath<E> {
    // Graphs and kernels work on the buffers below, so they go first.
    graphs: Vec<Batches>,
    kernels: FrameKernels,
    engine: E,
    copies: Stream,
    compute: Stream,
    layout: TileLayout,
    decision: Decision,
    queries: usize,
    shape: EngineShape,
    tensors: EngineTensors,
    rules: DeviceRules,
    job: DeviceBuffer<FrameJob>,
    memory: FrameMemory,
    places: [FramePlace; PLACES],
    /// Places under way, the oldest first.
    under_way: VecDeque<usize>,
    next_place: usize,
    /// What `tensors` name.
    _tensors: Tensors,
}

/// Memory of the engine's inputs and outputs.
#[derive(Debug)]
struct Tensors {
    _tiles: DeviceBuffer<u8>,
    _queries: Option<DeviceBuffer<f32>>,
    _logits: DeviceBuffer<u8>,
    _presence: DeviceBuffer<f32>,
}

/// How batches of one number of tiles are asked for.
#[derive(Debug, Default)]
enum Batches {
    /// No such batch yet.
    #[default]
    Unseen,
    /// The engine was asked once and may be captured now.
    Seen,
    /// In one call.
    Captured(Graph),
}

impl<E: DeviceEngine> FramePath<E> {
    /// Loads the kernels, and allocates what does not depend on the size of a frame.
    pub fn new(
        device: &Device,
        engine: E,
        settings: &FrameSettings<'_>,
    ) -> Result<Self, FrameError> {
        settings.check()?;
        let kernels = FrameKernels::load(device)?;
        let (copies, compute) = (device.stream()?, device.stream()?);
        let shape = settings.shape();
        let side = shape.tile_px / rszs_hot::LOGIT_STRIDE_PX as usize;
        let tiles = device.buffer::<u8>(shape.batch * shape.tile_px * shape.tile_px * 3)?;
        let logits = device
            .buffer::<u8>(shape.batch * shape.rows * side * side * engine.logits().bytes())?;
        let presence = device.buffer::<f32>(shape.batch * shape.rows)?;
        let queries = match settings.embeddings {
            Some(embeddings) => {
                let mut buffer = device.buffer(embeddings.len())?;
                buffer.write(embeddings, &compute)?;
                Some(buffer)
            }
            None => None,
        };
        let tensors = EngineTensors {
            tiles: tiles.address(),
            queries: queries.as_ref().map_or(0, DeviceBuffer::address),
            logits: logits.address(),
            presence: presence.address(),
        };
        Ok(Self {
            graphs: (0..=settings.batch).map(|_| Batches::default()).collect(),
            kernels,
            engine,
            layout: settings.layout,
            decision: settings.decision,
            queries: settings.queries,
            shape,
            tensors,
            rules: DeviceRules::new(device, settings.rules, &compute)?,
            job: device.buffer(1)?,
            memory: FrameMemory::new(device, settings.queries)?,
            places: [
                FramePlace::new(device, settings.queries)?,
                FramePlace::new(device, settings.queries)?,
            ],
            under_way: VecDeque::with_capacity(PLACES),
            next_place: 0,
            copies,
            compute,
            _tensors: Tensors {
                _tiles: tiles,
                _queries: queries,
                _logits: logits,
                _presence: presence,
            },
        })
    }

    /// Whether there is a place for another frame.
    pub fn has_room(&self) -> bool {
        self.under_way.len() < PLACES
    }

    /// Whether the oldest frame under way can be collected without waiting.
    pub fn is_done(&self) -> Result<bool, FrameError> {
        let place = self.under_way.front().ok_or(FrameError::Nothing)?;
        Ok(self.places[*place].is_done()?)
    }

    /// Starts on a frame, `image_rgb: [H, W, 3]`, and does not wait for it: its pixels travel while
    /// the frame before is computed.
    ///
    /// A frame that cannot be started leaves those under way alone.
    pub fn submit(
        &mut self,
        image_rgb: &[u8],
        width_px: u32,
        height_px: u32,
        keep: FrameKeep,
    ) -> Result<(), FrameError> {
        if !self.has_room() {
            return Err(FrameError::Full { most: PLACES });
        }
        let grid = TileGrid::new(width_px, height_px, self.layout)?;
        let sizes = FrameSizes::of(&grid, self.rules.count, self.queries, self.shape.rows);
        if image_rgb.len() != sizes.image {
            let (expected, found) = (sizes.image, image_rgb.len());
            return Err(
                rszs_hot::TileError::BufferLength { buffer: "image_rgb", expected, found }.into()
            );
        }
        self.places[self.next_place].take(image_rgb, &grid, keep, &sizes, &self.copies)?;
        if let Err(error) = self.compute_frame(&grid, &sizes) {
            // What was asked for before the error still works on this place's buffers, which the
            // next frame may replace.
            let _ = self.compute.synchronize();
            // Where this fails, the place keeps its pixels to itself.
            let _ = self.places[self.next_place].end_reading(&self.compute);
            return Err(error);
        }
        self.under_way.push_back(self.next_place);
        self.next_place = (self.next_place + 1) % PLACES;
        Ok(())
    }

    /// Waits for the oldest frame under way and lends its results.
    pub fn collect(&mut self) -> Result<FrameResults<'_>, FrameError> {
        let place = self.under_way.pop_front().ok_or(FrameError::Nothing)?;
        Ok(self.places[place].results(self.rules.count, self.queries, self.shape.rows)?)
    }

    /// Asks the stream of computing for one frame.
    fn compute_frame(&mut self, grid: &TileGrid, sizes: &FrameSizes) -> Result<(), FrameError> {
        self.memory.make_room(sizes)?;
        let (column_weights, row_weights) = self.memory.weigh(grid, &self.compute)?;
        let place = &mut self.places[self.next_place];
        let image = place.begin_reading(&self.compute)?;
        let addresses = FrameJob {
            image,
            accumulator: self.memory.accumulator.address(),
            column_weights,
            row_weights,
            presence: self.memory.presence.address(),
            bad_logit: ALL_FINITE,
            ..FrameJob::default()
        };
        place.post(describe(grid, addresses), &mut self.job, &self.compute)?;
        self.memory.accumulator.clear(sizes.accumulator, &self.compute)?;
        self.memory.records.clear(self.queries, &self.compute)?;
        place.note(Moment::BatchesStart, &self.compute)?;
        for first in (0..grid.len()).step_by(self.shape.batch) {
            self.compute_batch(self.shape.batch.min(grid.len() - first))?;
        }
        let place = &mut self.places[self.next_place];
        place.note(Moment::BatchesEnd, &self.compute)?;
        place.end_reading(&self.compute)?;
        let job = DecideJob {
            logits: self.memory.accumulator.address(),
            threshold_logits: self.rules.threshold_logits.address(),
            inverse_temperatures: self.rules.inverse_temperatures.address(),
            classes: self.memory.classes.address(),
            masks: self.memory.masks.address(),
            rules: self.rules.count as u32,
            queries: self.queries as u32,
            width_px: grid.width_px(),
            height_px: grid.height_px(),
            wide: grid.logits_wide() as u32,
            high: grid.logits_high() as u32,
            stride: grid.layout().stride_px,
            words: words_per_row(grid.width_px()) as u32,
        };
        let is_exclusive = self.decision == Decision::Exclusive;
        // SAFETY: `make_room` has made room for these sizes; all of it lives as long as this and is
        // freed after the device is done.
        unsafe { self.kernels.decide(&job, is_exclusive, &self.memory.records, &self.compute) }?;
        place.fetch(&self.memory, &self.job, sizes, &self.compute)?;
        Ok(place.note(Moment::DecideEnds, &self.compute)?)
    }

    /// Asks for the next `count` tiles of the frame under way: in one call from the third time on,
    /// if the engine can be captured.
    fn compute_batch(&mut self, count: usize) -> Result<(), FrameError> {
        let Self { graphs, kernels, engine, compute, layout, shape, tensors, rules, job, .. } =
            self;
        let batch = Batch { job, tensors, shape, count, reduction: layout.reduction() };
        let mut ask = |stream: &Stream| {
            // SAFETY: the job that was posted names the frame under way, which has these tiles; the
            // tensors have room for the largest batch. All of it lives as long as this.
            unsafe { kernels.fill(batch, stream) }?;
            // SAFETY: as above.
            unsafe { engine.enqueue(stream, tensors, shape, count) }.map_err(FrameError::Engine)?;
            // SAFETY: as above; `check` has seen that the rules name rows of the engine.
            Ok::<_, FrameError>(unsafe { kernels.blend(batch, engine.logits(), rules, stream) }?)
        };
        match &mut graphs[count] {
            Batches::Captured(graph) => {
                // SAFETY: it was captured from `ask`, whose memory lives as long as this and is
                // freed after the device is done; so do the kernels and the engine.
                return Ok(unsafe { graph.launch(compute) }?);
            }
            unseen @ Batches::Unseen => {
                ask(compute)?;
                if engine.is_capturable() {
                    *unseen = Batches::Seen;
                }
                return Ok(());
            }
            Batches::Seen => {}
        }
        // An engine may still settle what its first call of these sizes has begun: TensorRT wants
        // that call to be over.
        compute.synchronize()?;
        let mut graph = compute.capture(ask)?;
        // SAFETY: as above.
        unsafe { graph.launch(compute) }?;
        graphs[count] = Batches::Captured(graph);
        Ok(())
    }
}

/// The job of a frame: `addresses` with the sizes of `grid`.
fn describe(grid: &TileGrid, addresses: FrameJob) -> FrameJob {
    let TileLayout { tile_px, overlap_px, stride_px } = grid.layout();
    let last = |length: usize| (length.saturating_sub(grid.logits_per_side())) as u32;
    FrameJob {
        width_px: grid.width_px(),
        height_px: grid.height_px(),
        wide: grid.logits_wide() as u32,
        high: grid.logits_high() as u32,
        columns: grid.columns() as u32,
        step: (tile_px - overlap_px) / stride_px,
        last_x: last(grid.logits_wide()),
        last_y: last(grid.logits_high()),
        first_tile: 0,
        ..addresses
    }
}
