//! Work of a device, in order.

use cudarc::driver::sys;

use crate::error::{Error, check};
use crate::{Device, Event, functions};

const NON_BLOCKING: u32 = sys::CUstream_flags_enum::CU_STREAM_NON_BLOCKING as u32;

/// A queue of work: what is asked of one stream is done in order, what is asked of two at the same
/// time unless one waits.
#[derive(Debug)]
pub struct Stream {
    handle: sys::CUstream,
    device: Device,
}

// SAFETY: the driver lets any thread use a stream; it locks for itself.
unsafe impl Send for Stream {}
// SAFETY: as above.
unsafe impl Sync for Stream {}

impl Stream {
    pub(crate) fn new(device: &Device) -> Result<Self, Error> {
        device.make_current()?;
        let mut handle = std::ptr::null_mut();
        // SAFETY: the driver writes one handle; it is destroyed in `drop`.
        check("cuStreamCreate", unsafe {
            functions::cuStreamCreate(&raw mut handle, NON_BLOCKING)
        })?;
        Ok(Self { handle, device: device.clone() })
    }

    /// Its device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Its `CUstream`, which is also a `cudaStream_t`, for other libraries. Valid while this lives.
    pub fn handle(&self) -> u64 {
        self.handle as u64
    }

    /// Waits until everything asked of it is done, and reports what failed.
    pub fn synchronize(&self) -> Result<(), Error> {
        self.device.make_current()?;
        // SAFETY: the handle is alive.
        check("cuStreamSynchronize", unsafe { functions::cuStreamSynchronize(self.handle) })
    }

    /// What is asked of it from now on is done after `event`. The calling thread does not wait.
    pub fn wait(&self, event: &Event) -> Result<(), Error> {
        self.device.make_current()?;
        // SAFETY: both handles are alive; the flags must be 0.
        check("cuStreamWaitEvent", unsafe {
            functions::cuStreamWaitEvent(self.handle, event.raw(), 0)
        })
    }

    pub(crate) fn raw(&self) -> sys::CUstream {
        self.handle
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.device.make_current().is_ok() {
            // SAFETY: created in `new`, destroyed once. The driver finishes what was asked of it.
            let _ = unsafe { functions::cuStreamDestroy_v2(self.handle) };
        }
    }
}
