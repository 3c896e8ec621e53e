//! A plan that runs: on addresses of the device, or with values of the host around them.
#![allow(
    unsafe_code,
    reason = "addresses and streams of the device are promises that no type keeps"
)]

use rszs_cuda::frame::{DeviceEngine, EngineShape, EngineTensors, LogitType};
use rszs_cuda::{Device, DeviceBuffer, Stream};
use rszs_tensorrt::{ContextId, DataType, Direction, EngineTensor, Family, Library, LoadedPlan};

use super::buffers::{Buffers, STRIDE};
use super::{PlanRequest, TensorRtError};
use crate::{EngineError, NamedInput, NamedOutput, Values};

/// One model in TensorRT, with memory for its largest call.
///
/// All contexts compute in one block of memory, so their runs follow each other: those on addresses
/// do on the frame path's stream, and a run with values of the host waits for the device before and
/// after. A session serves one frame path at a time.
#[derive(Debug)]
pub struct TensorRtSession {
    // Contexts are deleted before the memory that they compute in.
    plan: LoadedPlan,
    memory: DeviceBuffer<u8>,
    tile_px: usize,
    most_tiles: usize,
    most_rows: usize,
    joint_width: Option<usize>,
    /// For values of the host, of any size.
    host: ShapedContext,
    /// For calls on addresses, one for each number of tiles: what was captured into a graph refers
    /// to its context.
    captured: Vec<ShapedContext>,
    family: Family,
    is_capturable: bool,
    buffers: Buffers,
    stream: Stream,
    device: Device,
}

/// A context, and N and K that it was told.
#[derive(Debug, Clone, Copy)]
struct ShapedContext {
    id: ContextId,
    shape: Option<(usize, usize)>,
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
        let mut plan = LoadedPlan::new(library, plan)?;
        check_tensors(&plan.tensors()?, request.joint_width.is_some())?;
        let memory = device.buffer(plan.memory_bytes()?)?;
        // SAFETY: it is as large as the plan says, lives longer than the plan, and is the session's
        // own, whose runs follow each other.
        let id = unsafe { plan.add_context(memory.address()) }?;
        let host = ShapedContext { id, shape: None };
        let PlanRequest { tile_px, most_tiles, most_rows, joint_width, .. } = *request;
        let buffers = Buffers::new(&device, request)?;
        let stream = device.stream()?;
        Ok(Self {
            plan,
            memory,
            tile_px,
            most_tiles,
            most_rows,
            joint_width,
            host,
            captured: Vec::new(),
            family: library.family(),
            is_capturable: false,
            buffers,
            stream,
            device,
        })
    }

    /// The device that it computes on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Tries whether a run can be captured into a graph, which not every plan can, by NVIDIA's
    /// guide. Comes after a first run, the self-test's; the error says why calls are asked for one
    /// by one.
    ///
    /// TensorRT-RTX is not tried: it allocates while it runs, and takes better kernels once they
    /// are compiled, which a graph would never see.
    pub fn try_capture(&mut self) -> Result<(), TensorRtError> {
        if self.family == Family::TensorRtRtx {
            return Ok(());
        }
        let (stream, tensors) = (self.device.stream()?, self.buffers.tensors());
        // SAFETY: as in `try_run`. What is captured is dropped and never launched.
        stream.capture(|stream| unsafe {
            self.enqueue_on(self.host.id, &tensors, stream.handle())
        })?;
        self.is_capturable = true;
        Ok(())
    }

    /// Asks `stream`, the handle of one, for a call of `context`. Returns before it has run.
    ///
    /// # Safety
    /// The stream is one of the session's device. The addresses are those of memory of that device,
    /// aligned to 256 bytes, of the sizes that the context was told, and stay until the call has
    /// run.
    unsafe fn enqueue_on(
        &mut self,
        context: ContextId,
        tensors: &EngineTensors,
        stream: u64,
    ) -> Result<(), TensorRtError> {
        self.device.make_current()?;
        // SAFETY: the caller's word.
        unsafe {
            self.plan.set_address(context, "tiles", tensors.tiles)?;
            if self.joint_width.is_some() {
                self.plan.set_address(context, "queries", tensors.queries)?;
            }
            self.plan.set_address(context, "logits", tensors.logits)?;
            self.plan.set_address(context, "presence", tensors.presence)?;
            self.plan.enqueue(context, stream)?;
        }
        Ok(())
    }

    /// Tells `context` the sizes of a call, and checks that the outputs are as large as the
    /// contract says: they are written without another look.
    fn shaped(
        &mut self,
        context: ShapedContext,
        tiles: usize,
        rows: usize,
    ) -> Result<ShapedContext, TensorRtError> {
        if context.shape == Some((tiles, rows)) {
            return Ok(context);
        }
        let Self { most_tiles, most_rows, .. } = *self;
        if tiles > most_tiles || rows > most_rows {
            return Err(TensorRtError::TooLarge { most_tiles, most_rows, tiles, rows });
        }
        let id = context.id;
        let (side, n, k) = (self.tile_px as i64, tiles as i64, rows as i64);
        self.plan.set_input_shape(id, "tiles", &[n, side, side, 3])?;
        if let Some(width) = self.joint_width {
            self.plan.set_input_shape(id, "queries", &[k, width as i64])?;
        }
        self.plan.infer_shapes(id)?;
        let logits_side = (self.tile_px / STRIDE) as i64;
        for (name, expected) in
            [("logits", vec![n, k, logits_side, logits_side]), ("presence", vec![n, k])]
        {
            let found = self.plan.shape(id, name)?;
            if found != expected {
                return Err(TensorRtError::Shape { name, expected, found });
            }
        }
        Ok(ShapedContext { id, shape: Some((tiles, rows)) })
    }

    /// The context of calls on addresses with so many tiles; a new one the first time.
    fn captured_context(&mut self, tiles: usize, rows: usize) -> Result<ContextId, TensorRtError> {
        let known = self.captured.iter().find(|context| context.shape == Some((tiles, rows)));
        if let Some(context) = known {
            return Ok(context.id);
        }
        self.device.make_current()?;
        // SAFETY: as in `new`.
        let id = unsafe { self.plan.add_context(self.memory.address()) }?;
        let new = ShapedContext { id, shape: None };
        let shaped = self.shaped(new, tiles, rows)?;
        self.captured.push(shaped);
        Ok(shaped.id)
    }

    /// Runs with values of the host: copies them to the device, runs, copies the results back.
    pub(crate) fn run(
        &mut self,
        inputs: &[NamedInput<'_>],
        outputs: &mut [NamedOutput<'_>],
    ) -> Result<(), EngineError> {
        let run = self.try_run(inputs, outputs);
        // Also reports what failed on the device after the call was asked for; and where asking
        // failed halfway, the memory is in use until then.
        let done = self.stream.synchronize().map_err(TensorRtError::from);
        run.and(done).map_err(|error| EngineError::Run(error.to_string()))
    }

    fn try_run(
        &mut self,
        inputs: &[NamedInput<'_>],
        outputs: &mut [NamedOutput<'_>],
    ) -> Result<(), TensorRtError> {
        let (mut tiles, mut rows) = (0, 0);
        for output in &*outputs {
            (tiles, rows) = (output.shape[0], output.shape[1]);
        }
        // A frame path may compute in the same memory.
        self.device.synchronize()?;
        // Before anything is copied to buffers of this size.
        self.host.shape = None;
        self.host = self.shaped(self.host, tiles, rows)?;
        for input in inputs {
            match input.values {
                Values::U8(values) => self.buffers.upload_tiles(values, &self.stream)?,
                Values::F32(values) => self.buffers.upload_queries(values, &self.stream)?,
                // The contract of an image model has none.
                Values::I32(_) => {}
            }
        }
        let (tensors, stream) = (self.buffers.tensors(), self.stream.handle());
        // SAFETY: the buffers are the session's own and hold its largest call, of which `shaped`
        // has made sure; the copies below wait for the call on the same stream.
        unsafe { self.enqueue_on(self.host.id, &tensors, stream)? };
        for output in outputs {
            let (host, there) = match output.name {
                "logits" => &mut self.buffers.logits,
                _ => &mut self.buffers.presence,
            };
            let count = output.values.len();
            there.download(host, count, &self.stream)?;
            output.values.copy_from_slice(&host.wait()?[..count]);
        }
        Ok(())
    }
}

impl DeviceEngine for TensorRtSession {
    fn logits(&self) -> LogitType {
        LogitType::F32
    }

    fn is_capturable(&self) -> bool {
        self.is_capturable
    }

    unsafe fn enqueue(
        &mut self,
        stream: &Stream,
        tensors: &EngineTensors,
        shape: &EngineShape,
        count: usize,
    ) -> Result<(), String> {
        let (expected, found) = (self.device.description(), stream.device().description());
        if found.uuid != expected.uuid {
            return Err(format!("stream: expected one of {expected}, found one of {found}"));
        }
        let mut enqueue = || {
            let context = self.captured_context(count, shape.rows)?;
            // SAFETY: the caller's word; the context was told these sizes.
            unsafe { self.enqueue_on(context, tensors, stream.handle()) }
        };
        enqueue().map_err(|error: TensorRtError| error.to_string())
    }
}

impl Drop for TensorRtSession {
    fn drop(&mut self) {
        // TensorRT gives memory back to the device that is current. Where that fails, the device is
        // gone and its memory with it.
        let _ = self.device.make_current();
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
    let expected: Vec<_> =
        expected.into_iter().filter(|(_, name, _)| has_queries || *name != "queries").collect();
    let is_there = |&(direction, name, data_type): &(Direction, &str, DataType)| {
        tensors.iter().any(|found| {
            found.direction == direction
                && found.tensor.name == name
                && found.tensor.data_type == data_type
        })
    };
    if tensors.len() == expected.len() && expected.iter().all(is_there) {
        return Ok(());
    }
    let written = |direction, name: &str, data_type| format!("{direction:?} {name} {data_type:?}");
    let expected: Vec<String> = expected
        .into_iter()
        .map(|(direction, name, kind)| written(direction, name, kind))
        .collect();
    let found: Vec<String> = tensors
        .iter()
        .map(|found| written(found.direction, &found.tensor.name, found.tensor.data_type))
        .collect();
    Err(TensorRtError::Tensors { expected: expected.join(", "), found: found.join(", ") })
}
