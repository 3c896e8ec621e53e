//! The kernels of `kernels/frame.cu`, with the types of their parameters.

use std::ffi::{CStr, c_void};

use super::job::{DecideJob, FrameJob, RegionRecord};
use super::rules::DeviceRules;
use super::{EngineShape, EngineTensors, LogitType};
use crate::module::{Function, Module};
use crate::{Device, DeviceBuffer, Error, Stream};

/// Text, not code of one architecture: the driver assembles it for whatever device is there.
/// `cargo xtask kernels` writes it.
const PTX: &CStr = match CStr::from_bytes_with_nul(
    concat!(include_str!("../../kernels/frame.ptx"), "\0").as_bytes(),
) {
    Ok(text) => text,
    Err(_) => panic!("the PTX holds a zero"),
};

/// Least device that takes the PTX.
const LEAST_CAPABILITY: (u32, u32) = (8, 0);

/// Pixels that one thread decides.
const GROUP_PX: u64 = 8;

/// The loaded kernels.
#[derive(Debug)]
pub(super) struct FrameKernels {
    fill: Function,
    blend_f32: Function,
    blend_f16: Function,
    next_batch: Function,
    decide: Function,
    measure: Function,
    /// Unloads the code when this is dropped.
    _module: Module,
}

/// What a batch is cut from and blended into.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch<'a> {
    pub(super) job: &'a DeviceBuffer<FrameJob>,
    pub(super) tensors: &'a EngineTensors,
    pub(super) shape: &'a EngineShape,
    /// Tiles of it.
    pub(super) count: usize,
    /// How much smaller than the frame the engine sees it.
    pub(super) reduction: u32,
}

impl FrameKernels {
    pub(super) fn load(device: &Device) -> Result<Self, Error> {
        let description = device.description();
        if description.compute_capability < LEAST_CAPABILITY {
            return Err(Error::OldDevice {
                ordinal: description.ordinal,
                expected: LEAST_CAPABILITY,
                found: description.compute_capability,
            });
        }
        let module = Module::load(device, PTX)?;
        Ok(Self {
            fill: module.function(c"fill_tiles")?,
            blend_f32: module.function(c"blend_tiles_f32")?,
            blend_f16: module.function(c"blend_tiles_f16")?,
            next_batch: module.function(c"next_batch")?,
            decide: module.function(c"decide")?,
            measure: module.function(c"measure")?,
            _module: module,
        })
    }

    /// Cuts the batch's tiles out of the frame.
    ///
    /// # Safety
    /// The job names a frame that is on the device and has the batch's tiles; the tensors have room
    /// for the batch.
    pub(super) unsafe fn fill(&self, batch: Batch<'_>, stream: &Stream) -> Result<(), Error> {
        let side = batch.shape.tile_px as u32;
        let threads = batch.count as u64 * u64::from(side) * u64::from(side / 4);
        let mut arguments = Arguments::default();
        arguments.add(&batch.job.address()).add(&batch.tensors.tiles).add(&(batch.count as u32));
        arguments.add(&side).add(&batch.reduction);
        // SAFETY: the parameters are those of `fill_tiles`; the memory is the caller's word.
        unsafe { self.fill.launch(threads, stream, &mut arguments.pointers()) }
    }

    /// Adds the batch's logits to the frame's, keeps its presences, and moves on to the next batch.
    ///
    /// # Safety
    /// As for [`fill`](Self::fill); the job's accumulator, weights and presences have room for the
    /// frame, and the rules name rows of the engine.
    pub(super) unsafe fn blend(
        &self,
        batch: Batch<'_>,
        logits: LogitType,
        rules: &DeviceRules,
        stream: &Stream,
    ) -> Result<(), Error> {
        let side = (batch.shape.tile_px / 4) as u32;
        let (count, rows, rule_count) =
            (batch.count as u32, batch.shape.rows as u32, rules.count as u32);
        let threads = batch.count as u64 * rules.count as u64 * u64::from(side) * u64::from(side);
        let mut arguments = Arguments::default();
        arguments.add(&batch.job.address()).add(&batch.tensors.logits).add(&batch.tensors.presence);
        arguments.add(&count).add(&side).add(&rows).add(&rules.engine_rows.address());
        arguments
            .add(&rules.least_presences.address())
            .add(&rules.absent_logits.address())
            .add(&rule_count);
        let blend = match logits {
            LogitType::F32 => self.blend_f32,
            LogitType::F16 => self.blend_f16,
        };
        // SAFETY: the parameters are those of `blend_tiles_…`; the memory is the caller's word.
        unsafe { blend.launch(threads, stream, &mut arguments.pointers()) }?;
        let mut arguments = Arguments::default();
        arguments.add(&batch.job.address()).add(&count);
        // SAFETY: the parameters are those of `next_batch`, of which one thread is wanted: it looks
        // at no index.
        unsafe { self.next_batch.launch_one(stream, &mut arguments.pointers()) }
    }

    /// Decides every pixel and measures every mask.
    ///
    /// # Safety
    /// The job names buffers with room for its sizes; `records` holds one for each query and was
    /// cleared.
    pub(super) unsafe fn decide(
        &self,
        job: &DecideJob,
        is_exclusive: bool,
        records: &DeviceBuffer<RegionRecord>,
        stream: &Stream,
    ) -> Result<(), Error> {
        let words = u64::from(job.words) * u64::from(job.height_px);
        let mut arguments = Arguments::default();
        arguments.add(job).add(&u32::from(is_exclusive));
        // SAFETY: the parameters are those of `decide`; the memory is the caller's word.
        unsafe { self.decide.launch(words * (64 / GROUP_PX), stream, &mut arguments.pointers()) }?;
        let mut arguments = Arguments::default();
        arguments.add(job).add(&records.address());
        // SAFETY: the parameters are those of `measure`; the memory is the caller's word.
        unsafe {
            self.measure.launch(words * u64::from(job.queries), stream, &mut arguments.pointers())
        }
    }
}

/// Most parameters of a kernel.
const MOST_ARGUMENTS: usize = 10;

/// Room for the largest argument: the job of deciding.
type Argument = [u64; size_of::<DecideJob>() / size_of::<u64>()];

/// Copies of a kernel's arguments, without an allocation.
#[derive(Debug, Default)]
struct Arguments {
    values: [Argument; MOST_ARGUMENTS],
    count: usize,
}

impl Arguments {
    /// The next argument.
    fn add<T: Copy>(&mut self, value: &T) -> &mut Self {
        const { assert!(size_of::<T>() <= size_of::<Argument>()) };
        let (from, to) = (
            std::ptr::from_ref(value).cast::<u8>(),
            self.values[self.count].as_mut_ptr().cast::<u8>(),
        );
        // SAFETY: both sides hold the bytes of a `T`, and a `T` is copied by its bytes.
        unsafe { std::ptr::copy_nonoverlapping(from, to, size_of::<T>()) };
        self.count += 1;
        self
    }

    fn pointers(&mut self) -> [*mut c_void; MOST_ARGUMENTS] {
        self.values.each_mut().map(|value| value.as_mut_ptr().cast())
    }
}
