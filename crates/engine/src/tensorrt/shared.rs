//! One session for its two users: the self-test and tiles of the host, and the frame path on the
//! device.
#![allow(unsafe_code, reason = "addresses of the device are promises that no type keeps")]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rszs_cuda::frame::{DeviceEngine, EngineShape, EngineTensors, LogitType};
use rszs_cuda::{Device, Stream};

use super::{TensorRtError, TensorRtSession};
use crate::{EngineError, NamedInput, NamedOutput};

/// A session that clones share, one call at a time.
#[derive(Debug, Clone)]
pub struct SharedTensorRt(Arc<Mutex<TensorRtSession>>);

impl SharedTensorRt {
    pub(super) fn new(session: TensorRtSession) -> Self {
        Self(Arc::new(Mutex::new(session)))
    }

    /// The device that it computes on.
    pub fn device(&self) -> Device {
        self.lock().device().clone()
    }

    /// See [`TensorRtSession::try_capture`].
    pub fn try_capture(&self) -> Result<(), TensorRtError> {
        self.lock().try_capture()
    }

    pub(crate) fn run(
        &self,
        inputs: &[NamedInput<'_>],
        outputs: &mut [NamedOutput<'_>],
    ) -> Result<(), EngineError> {
        self.lock().run(inputs, outputs)
    }

    /// A session is whole after a panic in a call: the next one sets sizes and addresses anew.
    fn lock(&self) -> MutexGuard<'_, TensorRtSession> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DeviceEngine for SharedTensorRt {
    fn logits(&self) -> LogitType {
        self.lock().logits()
    }

    fn is_capturable(&self) -> bool {
        self.lock().is_capturable()
    }

    unsafe fn enqueue(
        &mut self,
        stream: &Stream,
        tensors: &EngineTensors,
        shape: &EngineShape,
        count: usize,
    ) -> Result<(), String> {
        // SAFETY: the caller's word.
        unsafe { self.lock().enqueue(stream, tensors, shape, count) }
    }
}
