//! What belongs to one frame from its first byte on the device to its last result on the host.

use std::time::Duration;

use rszs_hot::{RegionStatistics, TileGrid, words_per_row};

use super::job::{ALL_FINITE, FrameJob, RegionRecord};
use super::memory::{FrameMemory, FrameSizes, grow, grow_host};
use crate::{Device, DeviceBuffer, Error, Event, HostBuffer, Stream};

/// What of a frame is copied back beside classes and statistics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FrameKeep {
    /// One mask of bits per query.
    pub masks: bool,
    /// The blended logits.
    pub logits: bool,
}

/// Time on the device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FrameTimes {
    /// Copying the frame to the device; nothing where the device reads it in place.
    pub upload: Duration,
    /// Cutting tiles, the engine, and blending, which one graph does for each batch.
    pub batches: Duration,
    /// Deciding, measuring, and copying the results back.
    pub decide: Duration,
}

/// A logit that is infinite or not a number. Nothing of the frame is to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadLogit {
    /// The first tile that has one.
    pub tile: usize,
    /// The first rule that has one in that tile.
    pub rule: usize,
}

/// The results of one frame, on the host.
#[derive(Debug, Clone, Copy)]
pub struct FrameResults<'a> {
    /// The tiles it was cut into.
    pub grid: TileGrid,
    /// `[H, W]`: 1 + the query, 0 for none.
    pub classes: &'a [u8],
    /// `[queries, H, words]`, or nothing if they were not to be kept.
    pub masks: &'a [u64],
    /// `[tiles, K]`.
    pub presence: &'a [f32],
    /// `[R, H4, W4]`, or nothing if they were not to be kept.
    pub logits: &'a [f32],
    /// Set if the logits of some tile cannot be used.
    pub bad_logit: Option<BadLogit>,
    /// On the device.
    pub times: FrameTimes,
    records: &'a [RegionRecord],
}

impl FrameResults<'_> {
    /// Statistics of each query.
    pub fn regions(&self) -> impl ExactSizeIterator<Item = RegionStatistics> {
        self.records.iter().map(RegionStatistics::from)
    }
}

/// Buffers of one frame, reused by a later one.
#[derive(Debug)]
pub(super) struct FramePlace {
    device: Device,
    image: DeviceBuffer<u8>,
    image_on_host: HostBuffer<u8>,
    job: HostBuffer<FrameJob>,
    classes: HostBuffer<u8>,
    masks: HostBuffer<u64>,
    presence: HostBuffer<f32>,
    logits: HostBuffer<f32>,
    records: HostBuffer<RegionRecord>,
    uploaded: Event,
    times: [Event; 5],
    grid: Option<TileGrid>,
    keep: FrameKeep,
}

/// Places in time, in the order of [`FramePlace::note`].
#[derive(Debug, Clone, Copy)]
pub(super) enum Moment {
    UploadStarts,
    UploadEnds,
    BatchesStart,
    BatchesEnd,
    DecideEnds,
}

impl FramePlace {
    pub(super) fn new(device: &Device, queries: usize) -> Result<Self, Error> {
        let timer = || device.timer();
        Ok(Self {
            device: device.clone(),
            image: device.buffer(0)?,
            image_on_host: device.host_buffer(0)?,
            job: device.host_buffer(1)?,
            classes: device.host_buffer(0)?,
            masks: device.host_buffer(0)?,
            presence: device.host_buffer(0)?,
            logits: device.host_buffer(0)?,
            records: device.host_buffer(queries)?,
            uploaded: device.event()?,
            times: [timer()?, timer()?, timer()?, timer()?, timer()?],
            grid: None,
            keep: FrameKeep::default(),
        })
    }

    /// Takes a frame: room on both sides, its pixels in pinned memory, and `stream` asked to bring
    /// them to the device where it does not read them in place.
    pub(super) fn take(
        &mut self,
        image_rgb: &[u8],
        grid: &TileGrid,
        keep: FrameKeep,
        sizes: &FrameSizes,
        stream: &Stream,
    ) -> Result<(), Error> {
        let device = &self.device;
        (self.grid, self.keep) = (Some(*grid), keep);
        grow_host(&mut self.image_on_host, sizes.image, device)?;
        grow_host(&mut self.classes, sizes.classes, device)?;
        grow_host(&mut self.presence, sizes.presence, device)?;
        grow_host(&mut self.masks, if keep.masks { sizes.masks } else { 0 }, device)?;
        grow_host(&mut self.logits, if keep.logits { sizes.accumulator } else { 0 }, device)?;
        self.image_on_host.wait_mut()?[..sizes.image].copy_from_slice(image_rgb);
        self.note(Moment::UploadStarts, stream)?;
        if self.image_on_host.device_address().is_none() {
            grow(&mut self.image, sizes.image, device)?;
            self.image.upload(&mut self.image_on_host, sizes.image, stream)?;
        }
        self.note(Moment::UploadEnds, stream)?;
        self.uploaded.record(stream)
    }

    /// Lets `stream` wait for the pixels. Returns where they are.
    pub(super) fn begin_reading(&mut self, stream: &Stream) -> Result<u64, Error> {
        stream.wait(&self.uploaded)?;
        match self.image_on_host.device_address() {
            Some(in_place) => self.image_on_host.begin_use(stream).map(|()| in_place),
            None => Ok(self.image.address()),
        }
    }

    /// What `stream` was asked for so far has read the pixels; nothing after it does.
    pub(super) fn end_reading(&mut self, stream: &Stream) -> Result<(), Error> {
        if self.image_on_host.device_address().is_some() {
            self.image_on_host.end_use(stream)
        } else {
            Ok(())
        }
    }

    /// Asks for `job` to be on the device.
    pub(super) fn post(
        &mut self,
        job: FrameJob,
        on_device: &mut DeviceBuffer<FrameJob>,
        stream: &Stream,
    ) -> Result<(), Error> {
        self.job.wait_mut()?[0] = job;
        on_device.upload(&mut self.job, 1, stream)
    }

    /// Asks for the results.
    pub(super) fn fetch(
        &mut self,
        memory: &FrameMemory,
        job: &DeviceBuffer<FrameJob>,
        sizes: &FrameSizes,
        stream: &Stream,
    ) -> Result<(), Error> {
        memory.classes.download(&mut self.classes, sizes.classes, stream)?;
        memory.presence.download(&mut self.presence, sizes.presence, stream)?;
        memory.records.download(&mut self.records, memory.records.len(), stream)?;
        if self.keep.masks {
            memory.masks.download(&mut self.masks, sizes.masks, stream)?;
        }
        if self.keep.logits {
            memory.accumulator.download(&mut self.logits, sizes.accumulator, stream)?;
        }
        job.download(&mut self.job, 1, stream)
    }

    pub(super) fn note(&self, moment: Moment, stream: &Stream) -> Result<(), Error> {
        self.times[moment as usize].record(stream)
    }

    /// Whether the results are on the host.
    pub(super) fn is_done(&self) -> Result<bool, Error> {
        self.times[Moment::DecideEnds as usize].is_reached()
    }

    /// Waits for the frame and shows its results.
    pub(super) fn results(
        &self,
        rules: usize,
        queries: usize,
        engine_rows: usize,
    ) -> Result<FrameResults<'_>, Error> {
        self.times[Moment::DecideEnds as usize].synchronize()?;
        let Some(grid) = self.grid else {
            return Err(Error::Length { buffer: "a frame", expected: 1, found: 0 });
        };
        let sizes = FrameSizes::of(&grid, rules, queries, engine_rows);
        debug_assert_eq!(
            sizes.masks,
            queries * grid.height_px() as usize * words_per_row(grid.width_px())
        );
        let between = |from: Moment, until: Moment| {
            self.times[until as usize].since(&self.times[from as usize])
        };
        let bad = self.job.wait()?[0].bad_logit;
        let bad_logit = (bad != ALL_FINITE).then(|| BadLogit {
            tile: (bad / rules as u64) as usize,
            rule: (bad % rules as u64) as usize,
        });
        Ok(FrameResults {
            grid,
            classes: &self.classes.wait()?[..sizes.classes],
            masks: &self.masks.wait()?[..if self.keep.masks { sizes.masks } else { 0 }],
            presence: &self.presence.wait()?[..sizes.presence],
            logits: &self.logits.wait()?[..if self.keep.logits { sizes.accumulator } else { 0 }],
            bad_logit,
            times: FrameTimes {
                upload: between(Moment::UploadStarts, Moment::UploadEnds)?,
                batches: between(Moment::BatchesStart, Moment::BatchesEnd)?,
                decide: between(Moment::BatchesEnd, Moment::DecideEnds)?,
            },
            records: self.records.wait()?,
        })
    }
}
