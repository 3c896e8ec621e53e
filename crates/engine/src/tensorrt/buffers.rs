//! Memory for calls with values of the host.

use rszs_cuda::frame::EngineTensors;
use rszs_cuda::{Device, DeviceBuffer, HostBuffer, Stream};

use super::PlanRequest;

/// Pixels per logit.
pub(super) const STRIDE: usize = rszs_hot::LOGIT_STRIDE_PX as usize;

/// Memory on both sides, for values that come from the host.
#[derive(Debug)]
pub(super) struct Buffers {
    tiles: (HostBuffer<u8>, DeviceBuffer<u8>),
    queries: DeviceBuffer<f32>,
    /// The queries that are on the device: a run has the same ones in every call.
    uploaded: Vec<f32>,
    pub(super) logits: (HostBuffer<f32>, DeviceBuffer<f32>),
    pub(super) presence: (HostBuffer<f32>, DeviceBuffer<f32>),
}

impl Buffers {
    pub(super) fn new(
        device: &Device,
        request: &PlanRequest<'_>,
    ) -> Result<Self, rszs_cuda::Error> {
        let PlanRequest { tile_px, most_tiles, most_rows, joint_width, .. } = *request;
        let tiles = most_tiles * tile_px * tile_px * 3;
        let presence = most_tiles * most_rows;
        let logits = presence * (tile_px / STRIDE) * (tile_px / STRIDE);
        Ok(Self {
            tiles: (device.host_buffer(tiles)?, device.buffer(tiles)?),
            queries: device.buffer(most_rows * joint_width.unwrap_or_default())?,
            uploaded: Vec::new(),
            logits: (device.host_buffer(logits)?, device.buffer(logits)?),
            presence: (device.host_buffer(presence)?, device.buffer(presence)?),
        })
    }

    pub(super) fn tensors(&self) -> EngineTensors {
        EngineTensors {
            tiles: self.tiles.1.address(),
            queries: self.queries.address(),
            logits: self.logits.1.address(),
            presence: self.presence.1.address(),
        }
    }

    pub(super) fn upload_tiles(
        &mut self,
        values: &[u8],
        stream: &Stream,
    ) -> Result<(), rszs_cuda::Error> {
        let (host, there) = &mut self.tiles;
        host.wait_mut()?[..values.len()].copy_from_slice(values);
        there.upload(host, values.len(), stream)
    }

    pub(super) fn upload_queries(
        &mut self,
        values: &[f32],
        stream: &Stream,
    ) -> Result<(), rszs_cuda::Error> {
        if self.uploaded == values {
            return Ok(());
        }
        self.uploaded.clear();
        self.queries.write(values, stream)?;
        self.uploaded.extend_from_slice(values);
        Ok(())
    }
}
