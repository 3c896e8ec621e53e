//! The stage of a device: frames go in as long as it has room, results come out in their order.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use super::Settings;
use super::message::{Composed, FrameTimes, ImageError, Read, Ticket};
use super::pool::{Pool, Pooled};
use crate::segment::{FrameSegmenter, SegmentError, Segmentation};
use crate::source::Frame;

/// How often the device is asked whether it is done while no frame comes. It bounds what a result
/// is late by.
const POLL: Duration = Duration::from_millis(1);

/// One frame that the device has.
struct UnderWay {
    ticket: Ticket,
    frame: Pooled<Frame>,
    decode: Duration,
}

/// Nobody wants the results any more.
struct Over;

pub(super) struct DeviceStage<'s> {
    settings: &'s Settings<'s>,
    segmenter: &'s mut (dyn FrameSegmenter + Send),
    segmentations: Pool<Segmentation>,
    to: &'s SyncSender<Composed>,
    under_way: VecDeque<UnderWay>,
}

impl<'s> DeviceStage<'s> {
    pub(super) fn new(
        settings: &'s Settings<'s>,
        segmenter: &'s mut (dyn FrameSegmenter + Send),
        segmentations: Pool<Segmentation>,
        to: &'s SyncSender<Composed>,
    ) -> Self {
        Self { settings, segmenter, segmentations, to, under_way: VecDeque::new() }
    }

    /// Ends when reading has ended and every frame is out, or when nobody wants the results any
    /// more.
    pub(super) fn run(mut self, from: &Receiver<Read>) {
        while let Some(read) = self.next(from) {
            let Read { ticket, frame } = read;
            let submitted = match frame {
                Ok((frame, decode)) => self.submit(ticket, frame, decode),
                Err(error) => self.refuse(ticket, error),
            };
            if submitted.is_err() || self.settings.interrupt.is_raised() {
                return;
            }
        }
        let _ = self.collect_all();
    }

    /// The next frame. Meanwhile, what the device is done with goes out: a result does not wait for
    /// the frame after it.
    fn next(&mut self, from: &Receiver<Read>) -> Option<Read> {
        loop {
            if self.under_way.is_empty() {
                return from.recv().ok();
            }
            match from.recv_timeout(POLL) {
                Ok(read) => return Some(read),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.settings.interrupt.is_raised() {
                return None;
            }
            // A device that cannot say so tells what is wrong when it is collected from.
            if self.segmenter.is_done().unwrap_or(true) {
                self.collect().ok()?;
            }
        }
    }

    fn submit(
        &mut self,
        ticket: Ticket,
        frame: Pooled<Frame>,
        decode: Duration,
    ) -> Result<(), Over> {
        while !self.segmenter.has_room() {
            self.collect()?;
        }
        let submitted = match frame.valid.invalid_px() {
            0 => self.segmenter.submit(&frame),
            found => Err(SegmentError::InvalidOnDevice { found }),
        };
        match submitted {
            Ok(()) => {
                self.under_way.push_back(UnderWay { ticket, frame, decode });
                Ok(())
            }
            Err(source) => {
                let error = ImageError::Segment { image: ticket.image.clone(), source };
                self.refuse(ticket, error)
            }
        }
    }

    /// An image without results takes its place behind those under way.
    fn refuse(&mut self, ticket: Ticket, error: ImageError) -> Result<(), Over> {
        self.collect_all()?;
        self.to.send(Composed { ticket, frame: Err(error) }).map_err(|_| Over)
    }

    fn collect_all(&mut self) -> Result<(), Over> {
        while !self.under_way.is_empty() && !self.settings.interrupt.is_raised() {
            self.collect()?;
        }
        Ok(())
    }

    /// Waits for the oldest frame and passes it on.
    fn collect(&mut self) -> Result<(), Over> {
        let Some(UnderWay { ticket, frame, decode }) = self.under_way.pop_front() else {
            return Ok(());
        };
        let mut segmentation = self.segmentations.take();
        let frame = match self.segmenter.collect(&mut segmentation) {
            Ok(segment) => Ok((frame, segmentation, FrameTimes { decode, segment })),
            Err(source) => Err(ImageError::Segment { image: ticket.image.clone(), source }),
        };
        self.to.send(Composed { ticket, frame }).map_err(|_| Over)
    }
}
