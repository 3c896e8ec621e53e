//! Memory of the host that a device can reach.

use std::ptr::NonNull;

use cudarc::driver::sys;

use crate::error::{Error, check};
use crate::{Device, Event, Plain, Stream, functions};

/// Pinned memory of the host. On an integrated device it is mapped as well, and the device reads it
/// without a copy.
///
/// It knows what a device was last asked to do with it, and waits for that before it shows its
/// values. So it is no slice by itself: waiting takes time and can fail.
///
/// Asking a device to use it takes `&mut`: uses follow each other, so the last one ends last.
#[derive(Debug)]
pub struct HostBuffer<T: Plain> {
    values: NonNull<T>,
    len: usize,
    device_address: Option<u64>,
    /// Behind the last use.
    used: Event,
    /// A use has begun, and `used` is not behind it.
    is_open: bool,
    device: Device,
}

// SAFETY: it owns plain memory. Writing, and asking a device to read or write, take `&mut`.
unsafe impl<T: Plain> Send for HostBuffer<T> {}
// SAFETY: `&self` only reads, and only once no device works on the memory.
unsafe impl<T: Plain> Sync for HostBuffer<T> {}

impl<T: Plain> HostBuffer<T> {
    pub(crate) fn zeroed(device: &Device, len: usize) -> Result<Self, Error> {
        device.make_current()?;
        let used = device.event()?;
        let is_mapped = device.reads_host_memory_in_place();
        let flags = sys::CU_MEMHOSTALLOC_PORTABLE
            | if is_mapped { sys::CU_MEMHOSTALLOC_DEVICEMAP } else { 0 };
        let bytes = len.max(1).saturating_mul(size_of::<T>());
        let mut start = std::ptr::null_mut();
        // SAFETY: the driver writes the address of `bytes` bytes on a page of their own, freed in
        // `drop`.
        check("cuMemHostAlloc", unsafe {
            functions::cuMemHostAlloc(&raw mut start, bytes, flags)
        })?;
        let Some(values) = NonNull::new(start.cast::<T>()) else {
            return Err(Error::Length { buffer: "pinned memory", expected: len, found: 0 });
        };
        // SAFETY: just allocated and reached by nobody else; zero is a value of every plain number.
        unsafe { values.as_ptr().write_bytes(0, len.max(1)) };
        let mut buffer = Self {
            values,
            len,
            device_address: None,
            used,
            is_open: false,
            device: device.clone(),
        };
        if is_mapped {
            let mut address = 0;
            // SAFETY: the driver writes one address; the memory was allocated with `DEVICEMAP`.
            let code =
                unsafe { functions::cuMemHostGetDevicePointer_v2(&raw mut address, start, 0) };
            check("cuMemHostGetDevicePointer", code)?;
            buffer.device_address = Some(address);
        }
        Ok(buffer)
    }

    /// Values it holds.
    #[expect(clippy::len_without_is_empty, reason = "an empty buffer is of no use and nobody asks")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The values, once the device has done what it was asked to do with them.
    pub fn wait(&self) -> Result<&[T], Error> {
        self.synchronize()?;
        // SAFETY: `len` initialised values, and the device is done with them: whoever asks it for
        // more needs `&mut`.
        Ok(unsafe { std::slice::from_raw_parts(self.values.as_ptr(), self.len) })
    }

    /// The same, to be changed.
    pub fn wait_mut(&mut self) -> Result<&mut [T], Error> {
        self.synchronize()?;
        // SAFETY: as above, and nobody else has a reference.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.values.as_ptr(), self.len) })
    }

    /// Where an integrated device reads it; nothing on others. Ask it of a stream only between
    /// [`begin_use`](Self::begin_use) and [`end_use`](Self::end_use).
    pub fn device_address(&self) -> Option<u64> {
        self.device_address
    }

    /// `stream` waits for what was asked before, perhaps on another stream. Nobody sees the values
    /// before [`end_use`](Self::end_use).
    pub fn begin_use(&mut self, stream: &Stream) -> Result<(), Error> {
        self.expect_closed()?;
        stream.wait(&self.used)?;
        self.is_open = true;
        Ok(())
    }

    /// What `stream` was asked for so far may touch the values: nobody sees them before it is done.
    ///
    /// Where that cannot be recorded, it waits for the stream. Where that fails as well, nobody
    /// sees the values again, and their memory is never freed.
    pub fn end_use(&mut self, stream: &Stream) -> Result<(), Error> {
        let recorded = self.used.record(stream);
        self.is_open = recorded.is_err() && stream.synchronize().is_err();
        recorded
    }

    /// Waits for the last use.
    fn synchronize(&self) -> Result<(), Error> {
        self.expect_closed()?;
        self.used.synchronize()
    }

    fn expect_closed(&self) -> Result<(), Error> {
        if self.is_open { Err(Error::OpenUse) } else { Ok(()) }
    }

    pub(crate) fn as_ptr(&self) -> *mut T {
        self.values.as_ptr()
    }
}

impl<T: Plain> Drop for HostBuffer<T> {
    fn drop(&mut self) {
        // A device that cannot say whether it is done may still write: the memory is then left to
        // it.
        if self.synchronize().is_ok() && self.device.make_current().is_ok() {
            // SAFETY: allocated in `zeroed`, freed once, and no device works on it any more.
            let _ = unsafe { functions::cuMemFreeHost(self.values.as_ptr().cast()) };
        }
    }
}
