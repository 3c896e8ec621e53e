//! Places in the order of a stream.

use std::time::Duration;

use cudarc::driver::sys;

use crate::error::{Error, check};
use crate::{Device, Stream, functions};

const TIMED: u32 = 0;
const ORDER_ONLY: u32 = sys::CUevent_flags_enum::CU_EVENT_DISABLE_TIMING as u32;

/// A place in a stream that others wait for. Recording it again moves it.
#[derive(Debug)]
pub struct Event {
    handle: sys::CUevent,
    device: Device,
}

// SAFETY: the driver lets any thread use an event; it locks for itself.
unsafe impl Send for Event {}
// SAFETY: as above.
unsafe impl Sync for Event {}

impl Event {
    pub(crate) fn new(device: &Device, is_timed: bool) -> Result<Self, Error> {
        device.make_current()?;
        let mut handle = std::ptr::null_mut();
        let flags = if is_timed { TIMED } else { ORDER_ONLY };
        // SAFETY: the driver writes one handle; it is destroyed in `drop`.
        check("cuEventCreate", unsafe { functions::cuEventCreate(&raw mut handle, flags) })?;
        Ok(Self { handle, device: device.clone() })
    }

    /// Moves it to behind what `stream` has been asked for so far.
    pub fn record(&self, stream: &Stream) -> Result<(), Error> {
        self.device.make_current()?;
        // SAFETY: both handles are alive.
        check("cuEventRecord", unsafe { functions::cuEventRecord(self.handle, stream.raw()) })
    }

    /// Moves it to behind what the legacy default stream of the device has been asked so far: where
    /// libraries work that were given no stream, libtorch among them.
    pub fn record_on_default_stream(&self) -> Result<(), Error> {
        self.device.make_current()?;
        // SAFETY: the handle is alive; a null stream is the default stream of the current context.
        check("cuEventRecord", unsafe {
            functions::cuEventRecord(self.handle, std::ptr::null_mut())
        })
    }

    /// Waits until the device has come to it. Returns at once if it was never recorded.
    pub fn synchronize(&self) -> Result<(), Error> {
        self.device.make_current()?;
        // SAFETY: the handle is alive.
        check("cuEventSynchronize", unsafe { functions::cuEventSynchronize(self.handle) })
    }

    /// Whether the device has come to it. Does not wait.
    pub fn is_reached(&self) -> Result<bool, Error> {
        self.device.make_current()?;
        // SAFETY: the handle is alive.
        match unsafe { functions::cuEventQuery(self.handle) } {
            functions::NOT_READY => Ok(false),
            code => check("cuEventQuery", code).map(|()| true),
        }
    }

    /// Time on the device from `earlier` to this, to about half a microsecond. Both come from
    /// [`Device::timer`], and the device has come to both.
    pub fn since(&self, earlier: &Self) -> Result<Duration, Error> {
        self.device.make_current()?;
        let mut milliseconds = 0.0_f32;
        // SAFETY: the driver writes one number; both handles are alive.
        let code = unsafe {
            functions::cuEventElapsedTime(&raw mut milliseconds, earlier.handle, self.handle)
        };
        check("cuEventElapsedTime", code)?;
        Ok(Duration::from_secs_f64(f64::from(milliseconds.max(0.0)) / 1000.0))
    }

    pub(crate) fn raw(&self) -> sys::CUevent {
        self.handle
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        if self.device.make_current().is_ok() {
            // SAFETY: created in `new`, destroyed once. The driver keeps what is still awaited.
            let _ = unsafe { functions::cuEventDestroy_v2(self.handle) };
        }
    }
}
