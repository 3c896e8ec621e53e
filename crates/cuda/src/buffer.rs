//! Memory of the device.

use std::marker::PhantomData;

use cudarc::driver::sys;

use crate::error::{Error, check, expect_room};
use crate::{Device, HostBuffer, Plain, Stream, functions};

/// Values in the memory of a device. Copies are asked of a stream; what two streams do with one
/// buffer at the same time is for the caller to order, and at worst leaves other numbers in it.
#[derive(Debug)]
pub struct DeviceBuffer<T: Plain> {
    address: sys::CUdeviceptr,
    len: usize,
    device: Device,
    values: PhantomData<T>,
}

impl<T: Plain> DeviceBuffer<T> {
    pub(crate) fn zeroed(device: &Device, len: usize) -> Result<Self, Error> {
        device.make_current()?;
        let mut address = 0;
        let bytes = len.max(1).saturating_mul(size_of::<T>());
        // SAFETY: the driver writes the address of `bytes` bytes, freed in `drop`.
        check("cuMemAlloc", unsafe { functions::cuMemAlloc_v2(&raw mut address, bytes) })?;
        let mut buffer = Self { address, len, device: device.clone(), values: PhantomData };
        let stream = device.stream()?;
        buffer.clear(len, &stream)?;
        stream.synchronize()?;
        Ok(buffer)
    }

    /// Values it holds.
    #[expect(clippy::len_without_is_empty, reason = "an empty buffer is of no use and nobody asks")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Where it starts in the memory of the device, a multiple of 256. Valid while this lives.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// Copies the first `count` values of `source` here. Returns before it is done; `source` waits
    /// by itself.
    pub fn upload(
        &mut self,
        source: &mut HostBuffer<T>,
        count: usize,
        stream: &Stream,
    ) -> Result<(), Error> {
        expect_room("pinned memory to copy from", count, source.len())?;
        expect_room("device memory to copy to", count, self.len)?;
        source.begin_use(stream)?;
        let (from, bytes) = (source.as_ptr().cast_const().cast(), count * size_of::<T>());
        // SAFETY: both sides hold `bytes` bytes. `source` is neither changed nor freed before what
        // `end_use` marks is done; this waits for the device before it is freed.
        let code =
            unsafe { functions::cuMemcpyHtoDAsync_v2(self.address, from, bytes, stream.raw()) };
        source.end_use(stream)?;
        check("cuMemcpyHtoDAsync", code)
    }

    /// Copies the first `count` values of this to `into`. Returns before it is done; `into` waits
    /// by itself.
    pub fn download(
        &self,
        into: &mut HostBuffer<T>,
        count: usize,
        stream: &Stream,
    ) -> Result<(), Error> {
        expect_room("device memory to copy from", count, self.len)?;
        expect_room("pinned memory to copy to", count, into.len())?;
        into.begin_use(stream)?;
        let (to, bytes) = (into.as_ptr().cast(), count * size_of::<T>());
        // SAFETY: as in `upload`; `into` shows nothing before the copy is done, and every pattern
        // of bits is a plain number.
        let code =
            unsafe { functions::cuMemcpyDtoHAsync_v2(to, self.address, bytes, stream.raw()) };
        into.end_use(stream)?;
        check("cuMemcpyDtoHAsync", code)
    }

    /// Copies `values` to the start of this and waits for it. For what is set up once: the values
    /// travel through pinned memory, which outlives a copy that fails halfway.
    pub fn write(&mut self, values: &[T], stream: &Stream) -> Result<(), Error> {
        let mut pinned = self.device.host_buffer(values.len())?;
        pinned.wait_mut()?.copy_from_slice(values);
        self.upload(&mut pinned, values.len(), stream)?;
        pinned.wait().map(drop)
    }

    /// Copies the start of this to `values` and waits for it, in the same way.
    pub fn read(&self, values: &mut [T], stream: &Stream) -> Result<(), Error> {
        let mut pinned = self.device.host_buffer(values.len())?;
        self.download(&mut pinned, values.len(), stream)?;
        values.copy_from_slice(pinned.wait()?);
        Ok(())
    }

    /// Sets the first `count` values to zero. Returns before it is done.
    pub fn clear(&mut self, count: usize, stream: &Stream) -> Result<(), Error> {
        expect_room("device memory to clear", count, self.len)?;
        if count == 0 {
            return Ok(());
        }
        self.device.make_current()?;
        let bytes = count * size_of::<T>();
        // SAFETY: it holds the bytes, and is freed only after the device is done.
        check("cuMemsetD8Async", unsafe {
            functions::cuMemsetD8Async(self.address, 0, bytes, stream.raw())
        })
    }
}

/// Copies `bytes` bytes on the device, from the address `from` to the address `to`. Returns before
/// it is done.
///
/// # Safety
/// Both places are memory of the stream's device, of that many bytes, and live until the stream is
/// done.
pub unsafe fn copy_on_device(
    from: u64,
    to: u64,
    bytes: usize,
    stream: &Stream,
) -> Result<(), Error> {
    stream.device().make_current()?;
    // SAFETY: the caller's word.
    check("cuMemcpyDtoDAsync", unsafe {
        functions::cuMemcpyDtoDAsync_v2(to, from, bytes, stream.raw())
    })
}

impl<T: Plain> Drop for DeviceBuffer<T> {
    fn drop(&mut self) {
        // Some stream may still work on it. Buffers live for many frames, so waiting costs nothing
        // that counts.
        if self.device.synchronize().is_ok() {
            // SAFETY: allocated in `zeroed`, freed once, and the device is done with it.
            let _ = unsafe { functions::cuMemFree_v2(self.address) };
        }
    }
}
