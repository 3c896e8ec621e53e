//! One CUDA device.

use std::fmt;
use std::sync::Arc;

use cudarc::driver::sys::{self, CUdevice_attribute as Attribute};

use crate::error::{Error, check};
use crate::{DeviceBuffer, Event, HostBuffer, Plain, Stream, driver, functions};

/// A device that is open. Clones are the same device; it is closed when the last of them and of
/// what was made from them is gone.
#[derive(Debug, Clone)]
pub struct Device {
    context: Arc<Context>,
}

/// What is known of a device before anything runs on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceDescription {
    /// Its number among the visible devices.
    pub ordinal: u32,
    /// As NVIDIA names it.
    pub name: String,
    /// Major and minor: (8, 7) is a Jetson Orin.
    pub compute_capability: (u32, u32),
    /// Identity of the board, in whichever machine it is.
    pub uuid: [u8; 16],
    /// Version of CUDA that the driver is of.
    pub driver_version: (u32, u32),
    /// Memory of the device.
    pub total_bytes: usize,
    /// Shares its memory with the processor, as on Tegra: a pinned buffer need not be copied.
    pub is_integrated: bool,
}

impl fmt::Display for DeviceDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            ordinal,
            name,
            compute_capability: (major, minor),
            driver_version,
            total_bytes,
            ..
        } = self;
        let gibibytes = *total_bytes as f64 / f64::from(1 << 30);
        let (driver_major, driver_minor) = driver_version;
        write!(
            f,
            "CUDA device {ordinal}: {name}, compute capability {major}.{minor}, {gibibytes:.1} GiB"
        )?;
        write!(
            f,
            "{}, driver {driver_major}.{driver_minor}",
            if self.is_integrated { " shared" } else { "" }
        )
    }
}

/// Memory of a device at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceMemory {
    /// Bytes that could be allocated.
    pub free_bytes: usize,
    /// Bytes in all.
    pub total_bytes: usize,
}

/// The primary context of a device, which other libraries of the process (TensorRT) use as well.
#[derive(Debug)]
struct Context {
    device: sys::CUdevice,
    handle: sys::CUcontext,
    description: DeviceDescription,
    maps_host_memory: bool,
}

// SAFETY: a context may be made current on any thread, and on several at a time; the driver locks
// for itself.
unsafe impl Send for Context {}
// SAFETY: as above; nothing here changes after it was made.
unsafe impl Sync for Context {}

impl Device {
    /// Devices that the driver sees.
    pub fn count() -> Result<u32, Error> {
        driver::start()?;
        let mut count = 0;
        // SAFETY: the driver writes one integer.
        check("cuDeviceGetCount", unsafe { functions::cuDeviceGetCount(&raw mut count) })?;
        Ok(count.unsigned_abs())
    }

    /// Opens the device number `ordinal`. Takes tens to hundreds of milliseconds on a real device.
    pub fn open(ordinal: u32) -> Result<Self, Error> {
        let driver_version = match driver::start() {
            Err(Error::NoDevice { count, .. }) => return Err(Error::NoDevice { ordinal, count }),
            started => started?,
        };
        let count = Self::count()?;
        if ordinal >= count {
            return Err(Error::NoDevice { ordinal, count });
        }
        let mut device = 0;
        // SAFETY: the driver writes one handle; the number was checked.
        check("cuDeviceGet", unsafe { functions::cuDeviceGet(&raw mut device, ordinal as i32) })?;
        let description = describe(device, ordinal, driver_version)?;
        let maps_host_memory =
            attribute(device, Attribute::CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY)? != 0;
        let mut handle = std::ptr::null_mut();
        // SAFETY: the driver writes one handle; it is given back in `drop`.
        check("cuDevicePrimaryCtxRetain", unsafe {
            functions::cuDevicePrimaryCtxRetain(&raw mut handle, device)
        })?;
        Ok(Self { context: Arc::new(Context { device, handle, description, maps_host_memory }) })
    }

    /// What is known of it.
    pub fn description(&self) -> &DeviceDescription {
        &self.context.description
    }

    /// Memory now.
    pub fn memory(&self) -> Result<DeviceMemory, Error> {
        self.make_current()?;
        let (mut free_bytes, mut total_bytes) = (0, 0);
        let (free, total) = (&raw mut free_bytes, &raw mut total_bytes);
        // SAFETY: the driver writes two integers.
        check("cuMemGetInfo", unsafe { functions::cuMemGetInfo_v2(free, total) })?;
        Ok(DeviceMemory { free_bytes, total_bytes })
    }

    /// A stream of its own, which waits for no other unless it is told to.
    pub fn stream(&self) -> Result<Stream, Error> {
        Stream::new(self)
    }

    /// An event that orders streams and is not timed.
    pub fn event(&self) -> Result<Event, Error> {
        Event::new(self, false)
    }

    /// An event whose time is kept.
    pub fn timer(&self) -> Result<Event, Error> {
        Event::new(self, true)
    }

    /// `len` zeros in the memory of the device.
    pub fn buffer<T: Plain>(&self, len: usize) -> Result<DeviceBuffer<T>, Error> {
        DeviceBuffer::zeroed(self, len)
    }

    /// `len` zeros in memory of the host that the device copies from by itself, or reads in place
    /// where it is integrated.
    pub fn host_buffer<T: Plain>(&self, len: usize) -> Result<HostBuffer<T>, Error> {
        HostBuffer::zeroed(self, len)
    }

    /// Makes this device the one that the calling thread's CUDA calls are for. Everything in this
    /// crate does so by itself; other libraries (TensorRT) want it done for them.
    pub fn make_current(&self) -> Result<(), Error> {
        // SAFETY: the context lives as long as this.
        check("cuCtxSetCurrent", unsafe { functions::cuCtxSetCurrent(self.context.handle) })
    }

    /// Waits for everything that was asked of the device.
    pub fn synchronize(&self) -> Result<(), Error> {
        self.make_current()?;
        // SAFETY: a context is current.
        check("cuCtxSynchronize", unsafe { functions::cuCtxSynchronize() })
    }

    /// Whether the device still does what it is asked for. One that has failed answers with its
    /// error, in every library of the process, until the process ends; one that is short of memory
    /// is alive.
    pub fn check(&self) -> Result<(), Error> {
        match self.stream().and_then(|stream| stream.synchronize()) {
            Err(Error::Call { code: functions::OUT_OF_MEMORY, .. }) => Ok(()),
            other => other,
        }
    }

    /// Whether pinned memory is read in place.
    pub(crate) fn reads_host_memory_in_place(&self) -> bool {
        self.context.description.is_integrated && self.context.maps_host_memory
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: retained once in `open`. A failure leaves nothing to do: the process is about to
        // let go of the device anyway.
        let _ = unsafe { functions::cuDevicePrimaryCtxRelease_v2(self.device) };
    }
}

fn describe(
    device: sys::CUdevice,
    ordinal: u32,
    driver_version: (u32, u32),
) -> Result<DeviceDescription, Error> {
    let mut name = [0_u8; 256];
    let (text, length) = (name.as_mut_ptr().cast(), name.len() as i32);
    // SAFETY: the driver writes at most `length` bytes, the last of them a zero.
    check("cuDeviceGetName", unsafe { functions::cuDeviceGetName(text, length, device) })?;
    let mut uuid = sys::CUuuid { bytes: [0; 16] };
    // SAFETY: the driver writes 16 bytes.
    check("cuDeviceGetUuid", unsafe { functions::cuDeviceGetUuid(&raw mut uuid, device) })?;
    let mut total_bytes = 0;
    // SAFETY: the driver writes one integer.
    check("cuDeviceTotalMem", unsafe {
        functions::cuDeviceTotalMem_v2(&raw mut total_bytes, device)
    })?;
    let capability = |part| attribute(device, part).map(i32::unsigned_abs);
    Ok(DeviceDescription {
        ordinal,
        name: name.iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect(),
        compute_capability: (
            capability(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
            capability(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
        ),
        uuid: uuid.bytes.map(|byte| byte as u8),
        driver_version,
        total_bytes,
        is_integrated: attribute(device, Attribute::CU_DEVICE_ATTRIBUTE_INTEGRATED)? != 0,
    })
}

fn attribute(device: sys::CUdevice, attribute: Attribute) -> Result<i32, Error> {
    let mut value = 0;
    // SAFETY: the driver writes one integer.
    check("cuDeviceGetAttribute", unsafe {
        functions::cuDeviceGetAttribute(&raw mut value, attribute, device)
    })?;
    Ok(value)
}
