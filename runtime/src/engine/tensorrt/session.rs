//! A plan that runs: on addresses of the device, or with values of the host around them.
#![allow(unsafe_code, reason = "addresses and streams of the device are promises that no type keeps")]

use rszs_cuda::{Device, DeviceBuffer, HostBuffer, Stream};
use rszs_tensorrt::{DataType, Direction, EngineTensor, Library, LoadedPlan};

use super::{PlanRequest, TensorRtError};
use crate::engine::{EngineError, NamedInput, NamedOutput, Values};

const STRIDE: usize = rszs_hot::LOGIT_STRIDE_PX as usize;

/// One call: sizes, and where its tensors lie on the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceCall {
    /// N.
    pub tiles: usize,
    /// K.
    pub rows: usize,
    /// `uint8 [N, H, W, 3]`.
    pub tiles_address: u64,
    /// `f32 [K, D]`; not looked at for a folded model.
    pub queries_address: u64,
    /// `f32 [N, K, H/4, W/4]`.
    pub logits_address: u64,
    /// `f32 [N, K]`.
    pub presence_address: u64,
}

/// One model in TensorRT, with memory for its largest call.
#[derive(Debug)]
pub struct TensorRtSession {
    plan: LoadedPlan,
    tile_px: usize,
    most_tiles: usize,
    most_rows: usize,
    joint_width: Option<usize>,
    /// N and K that the context was told.
    shape: Option<(usize, usize)>,
    buffers: Buffers,
    stream: Stream,
    device: Device,
}

/// Memory on both sides, for values that come from the host.
#[derive(Debug)]
struct Buffers {
    tiles: (HostBuffer<u8>, DeviceBuffer<u8>),
    queries: DeviceBuffer<f32>,
    /// The queries that are on the device: a run has the same ones in every call.
    uploaded: Vec<f32>,
    logits: (HostBuffer<f32>, DeviceBuffer<f32>),
    presence: (HostBuffer<f32>, DeviceBuffer<f32>),
}

impl TensorRtSession {
    /// Loads `plan`, which was built for `request` with `library` on `device`.
    pub(super) fn new(
        library: &'static Library,
        device: Device,
        plan: &[u8],
        request: &PlanRequest<'_>,
    ) -> Result<Self, TensorRtError> {
        device.make_current()?;
        let plan = LoadedPlan::new(library, plan)?;
        check_tensors(&plan.tensors()?, request.joint_width.is_some())?;
        let PlanRequest { tile_px, most_tiles, most_rows, joint_width, .. } = *request;
        let buffers = Buffers::new(&device, request)?;
        let stream = device.stream()?;
        Ok(Self { plan, tile_px, most_tiles, most_rows, joint_width, shape: None, buffers, stream, device })
    }

    /// The device that it computes on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Asks `stream` for one call. Returns before it has run.
    ///
    /// # Safety
    /// The addresses are those of memory of this session's device, aligned to 256 bytes, of at least the sizes that `call` tells, and
    /// stay until the call has run. Nothing else asked of another stream runs with this session at the same time.
    pub unsafe fn enqueue(&mut self, call: &DeviceCall, stream: &Stream) -> Result<(), TensorRtError> {
        // SAFETY: the caller's word; the stream is alive.
        unsafe { self.enqueue_on(call, stream.handle()) }
    }

    /// # Safety
    /// As for [`enqueue`](Self::enqueue); `stream` is the handle of a living stream of the device.
    unsafe fn enqueue_on(&mut self, call: &DeviceCall, stream: u64) -> Result<(), TensorRtError> {
        self.device.make_current()?;
        self.set_shape(call.tiles, call.rows)?;
        // SAFETY: the sizes are those that the context was told, and the caller vouches for the addresses.
        unsafe {
            self.plan.set_address("tiles", call.tiles_address)?;
            if self.joint_width.is_some() {
                self.plan.set_address("queries", call.queries_address)?;
            }
            self.plan.set_address("logits", call.logits_address)?;
            self.plan.set_address("presence", call.presence_address)?;
            self.plan.enqueue(stream)?;
        }
        Ok(())
    }

    /// Tells the context the sizes of a call, and checks that the outputs are as large as the contract says: they are written without
    /// another look.
    fn set_shape(&mut self, tiles: usize, rows: usize) -> Result<(), TensorRtError> {
        if self.shape == Some((tiles, rows)) {
            return Ok(());
        }
        let Self { most_tiles, most_rows, .. } = *self;
        if tiles > most_tiles || rows > most_rows {
            return Err(TensorRtError::TooLarge { most_tiles, most_rows, tiles, rows });
        }
        self.shape = None;
        let (side, n, k) = (self.tile_px as i64, tiles as i64, rows as i64);
        self.plan.set_input_shape("tiles", &[n, side, side, 3])?;
        if let Some(width) = self.joint_width {
            self.plan.set_input_shape("queries", &[k, width as i64])?;
        }
        let logits_side = (self.tile_px / STRIDE) as i64;
        for (name, expected) in [("logits", vec![n, k, logits_side, logits_side]), ("presence", vec![n, k])] {
            let found = self.plan.shape(name)?;
            if found != expected {
                return Err(TensorRtError::Shape { name, expected, found });
            }
        }
        self.shape = Some((tiles, rows));
        Ok(())
    }

    /// Runs with values of the host: copies them to the device, runs, copies the results back.
    pub(in crate::engine) fn run(
        &mut self,
        inputs: &[NamedInput<'_>],
        outputs: &mut [NamedOutput<'_>],
    ) -> Result<(), EngineError> {
        self.try_run(inputs, outputs).map_err(|error| EngineError::Run(error.to_string()))
    }

    fn try_run(&mut self, inputs: &[NamedInput<'_>], outputs: &mut [NamedOutput<'_>]) -> Result<(), TensorRtError> {
        let (mut tiles, mut rows) = (0, 0);
        for output in &*outputs {
            (tiles, rows) = (output.shape[0], output.shape[1]);
        }
        // Before anything is copied to buffers of this size.
        self.set_shape(tiles, rows)?;
        for input in inputs {
            match input.values {
                Values::U8(values) => self.buffers.upload_tiles(values, &self.stream)?,
                Values::F32(values) => self.buffers.upload_queries(values, &self.stream)?,
                // The contract of an image model has none.
                Values::I32(_) => {}
            }
        }
        let buffers = &self.buffers;
        let call = DeviceCall {
            tiles,
            rows,
            tiles_address: buffers.tiles.1.address(),
            queries_address: buffers.queries.address(),
            logits_address: buffers.logits.1.address(),
            presence_address: buffers.presence.1.address(),
        };
        let stream = self.stream.handle();
        // SAFETY: the buffers are the session's own and hold its largest call, of which `set_shape` has made sure; the copies below wait
        // for the call on the same stream.
        unsafe { self.enqueue_on(&call, stream)? };
        for output in outputs {
            let (host, there) = match output.name {
                "logits" => &mut self.buffers.logits,
                _ => &mut self.buffers.presence,
            };
            let count = output.values.len();
            there.download(host, count, &self.stream)?;
            output.values.copy_from_slice(&host.wait()?[..count]);
        }
        // Reports what failed on the device after the call was asked for.
        self.stream.synchronize()?;
        Ok(())
    }
}

impl Drop for TensorRtSession {
    fn drop(&mut self) {
        // TensorRT gives memory back to the device that is current. Where that fails, the device is gone and its memory with it.
        let _ = self.device.make_current();
    }
}

impl Buffers {
    fn new(device: &Device, request: &PlanRequest<'_>) -> Result<Self, rszs_cuda::Error> {
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

    fn upload_tiles(&mut self, values: &[u8], stream: &Stream) -> Result<(), rszs_cuda::Error> {
        let (host, there) = &mut self.tiles;
        host.wait_mut()?[..values.len()].copy_from_slice(values);
        there.upload(host, values.len(), stream)
    }

    fn upload_queries(&mut self, values: &[f32], stream: &Stream) -> Result<(), rszs_cuda::Error> {
        if self.uploaded == values {
            return Ok(());
        }
        self.uploaded.clear();
        self.queries.write(values, stream)?;
        self.uploaded.extend_from_slice(values);
        Ok(())
    }
}

/// Refuses a plan that is not of the contract in `rszs_bundle`'s manifest.
fn check_tensors(tensors: &[EngineTensor], has_queries: bool) -> Result<(), TensorRtError> {
    let expected = [
        (Direction::Input, "tiles", DataType::Uint8),
        (Direction::Input, "queries", DataType::Float32),
        (Direction::Output, "logits", DataType::Float32),
        (Direction::Output, "presence", DataType::Float32),
    ];
    let expected: Vec<_> = expected.into_iter().filter(|(_, name, _)| has_queries || *name != "queries").collect();
    let is_there = |&(direction, name, data_type): &(Direction, &str, DataType)| {
        tensors.iter().any(|found| {
            found.direction == direction && found.tensor.name == name && found.tensor.data_type == data_type
        })
    };
    if tensors.len() == expected.len() && expected.iter().all(is_there) {
        return Ok(());
    }
    let written = |direction, name: &str, data_type| format!("{direction:?} {name} {data_type:?}");
    let expected: Vec<String> =
        expected.into_iter().map(|(direction, name, kind)| written(direction, name, kind)).collect();
    let found: Vec<String> =
        tensors.iter().map(|found| written(found.direction, &found.tensor.name, found.tensor.data_type)).collect();
    Err(TensorRtError::Tensors { expected: expected.join(", "), found: found.join(", ") })
}
