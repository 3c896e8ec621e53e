//! Device memory that all frames share, one after the other.

use rszs_hot::{BlendError, BlendWeights, TileGrid, words_per_row};

use super::FrameError;
use super::job::RegionRecord;
use crate::{Device, DeviceBuffer, Error, HostBuffer, Plain, Stream};

/// Grows with the largest frame seen, and never shrinks.
#[derive(Debug)]
pub(super) struct FrameMemory {
    device: Device,
    /// The grid that the weights are of.
    grid: Option<TileGrid>,
    /// Of columns, then of rows.
    weights: DeviceBuffer<f32>,
    weights_on_host: HostBuffer<f32>,
    /// `[R, H4, W4]`.
    pub(super) accumulator: DeviceBuffer<f32>,
    /// `[tiles, K]`.
    pub(super) presence: DeviceBuffer<f32>,
    /// `[H, W]`.
    pub(super) classes: DeviceBuffer<u8>,
    /// `[queries, H, words]`.
    pub(super) masks: DeviceBuffer<u64>,
    /// `[queries]`.
    pub(super) records: DeviceBuffer<RegionRecord>,
}

/// How many values each tensor of a frame has.
#[derive(Debug, Clone, Copy)]
pub(super) struct FrameSizes {
    pub(super) image: usize,
    pub(super) accumulator: usize,
    pub(super) presence: usize,
    pub(super) classes: usize,
    pub(super) masks: usize,
}

impl FrameSizes {
    pub(super) fn of(grid: &TileGrid, rules: usize, queries: usize, engine_rows: usize) -> Self {
        let (wide, high) = (grid.width_px() as usize, grid.height_px() as usize);
        Self {
            image: wide * high * 3,
            accumulator: grid.logits_len(rules),
            presence: grid.len() * engine_rows,
            classes: wide * high,
            masks: queries * high * words_per_row(grid.width_px()),
        }
    }
}

impl FrameMemory {
    pub(super) fn new(device: &Device, queries: usize) -> Result<Self, Error> {
        Ok(Self {
            device: device.clone(),
            grid: None,
            weights: device.buffer(0)?,
            weights_on_host: device.host_buffer(0)?,
            accumulator: device.buffer(0)?,
            presence: device.buffer(0)?,
            classes: device.buffer(0)?,
            masks: device.buffer(0)?,
            records: device.buffer(queries)?,
        })
    }

    /// Makes room for a frame. Where that takes an allocation, the frame before is waited for.
    pub(super) fn make_room(&mut self, sizes: &FrameSizes) -> Result<(), Error> {
        grow(&mut self.accumulator, sizes.accumulator, &self.device)?;
        grow(&mut self.presence, sizes.presence, &self.device)?;
        grow(&mut self.classes, sizes.classes, &self.device)?;
        grow(&mut self.masks, sizes.masks, &self.device)
    }

    /// Asks for the weights of `grid` to be on the device. Returns the addresses of those of
    /// columns and of those of rows.
    pub(super) fn weigh(
        &mut self,
        grid: &TileGrid,
        stream: &Stream,
    ) -> Result<(u64, u64), FrameError> {
        let len = grid.weights_len();
        if self.grid != Some(*grid) {
            self.grid = None;
            grow(&mut self.weights, len, &self.device)?;
            grow_host(&mut self.weights_on_host, len, &self.device)?;
            compute(grid, &mut self.weights_on_host.wait_mut()?[..len])?;
            self.weights.upload(&mut self.weights_on_host, len, stream)?;
            self.grid = Some(*grid);
        }
        let columns = grid.columns() * grid.logits_per_side();
        Ok((self.weights.address(), self.weights.address() + (columns * size_of::<f32>()) as u64))
    }
}

fn compute(grid: &TileGrid, storage: &mut [f32]) -> Result<(), BlendError> {
    BlendWeights::compute(grid, storage).map(drop)
}

/// A buffer of at least `len` values. What it held is gone if it has to grow.
pub(super) fn grow<T: Plain>(
    buffer: &mut DeviceBuffer<T>,
    len: usize,
    device: &Device,
) -> Result<(), Error> {
    if buffer.len() < len {
        // The old one goes first: there may not be room for both.
        *buffer = device.buffer(0)?;
        *buffer = device.buffer(len)?;
    }
    Ok(())
}

/// The same in pinned memory.
pub(super) fn grow_host<T: Plain>(
    buffer: &mut HostBuffer<T>,
    len: usize,
    device: &Device,
) -> Result<(), Error> {
    if buffer.len() < len {
        *buffer = device.host_buffer(0)?;
        *buffer = device.host_buffer(len)?;
    }
    Ok(())
}
