//! NVIDIA's management library, which comes with the driver: memory, power, clocks and temperature
//! of a card.
//!
//! It is loaded while the program runs. What a card or a driver does not tell stays empty.
#![allow(unsafe_code, reason = "the library has C functions alone")]

use std::ffi::{OsStr, c_int, c_uint, c_ulonglong, c_void};

use libloading::Library;

use crate::clock_reasons::ClockReasons;

/// The name under which the driver's packages install it.
pub const LIBRARY: &str = "libnvidia-ml.so.1";

/// `nvmlClockType_t`: of the multiprocessors, of the memory.
const CLOCKS: [c_uint; 2] = [1, 2];
/// `NVML_TEMPERATURE_GPU`.
const CHIP: c_uint = 0;

type Handle = *mut c_void;

/// `nvmlMemory_v2_t`, in bytes; `used` is without what the driver keeps for itself.
#[repr(C)]
#[derive(Default)]
struct Memory {
    version: c_uint,
    total: c_ulonglong,
    reserved: c_ulonglong,
    free: c_ulonglong,
    used: c_ulonglong,
}

/// One look at a card.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Reading {
    /// In use, by all programs.
    pub memory_bytes: Option<u64>,
    /// Drawn now.
    pub power_w: Option<f64>,
    /// Most that it may draw.
    pub power_limit_w: Option<f64>,
    /// Clock of the multiprocessors.
    pub clock_mhz: Option<f64>,
    /// Clock of the memory.
    pub memory_clock_mhz: Option<f64>,
    /// Temperature of the chip.
    pub celsius: Option<f64>,
    /// Why the clocks are not higher.
    pub reasons: Option<ClockReasons>,
}

/// The first card of the machine, as the library counts.
#[derive(Debug)]
pub struct Nvml {
    library: Library,
    /// A [`Handle`]; the library's functions may be called with it from any thread.
    device: usize,
}

impl Nvml {
    /// Loads the library in `file` and starts it; nothing where it or a card is missing.
    pub fn open(file: impl AsRef<OsStr>) -> Option<Self> {
        // SAFETY: loading runs the initialisers of NVIDIA's library, as any use of a GPU does.
        let library = unsafe { Library::new(file.as_ref()) }.ok()?;
        let mut device: Handle = std::ptr::null_mut();
        // SAFETY: the types are those of nvml.h; the handle is written on success.
        let is_open = unsafe {
            library.get::<unsafe extern "C" fn() -> c_int>(b"nvmlInit_v2\0").ok()?() == 0
                && library
                    .get::<unsafe extern "C" fn(c_uint, *mut Handle) -> c_int>(
                        b"nvmlDeviceGetHandleByIndex_v2\0",
                    )
                    .ok()?(0, &raw mut device)
                    == 0
        };
        is_open.then_some(Self { library, device: device as usize })
    }

    /// The card now.
    pub fn read(&self) -> Reading {
        let [clock_mhz, memory_clock_mhz] =
            CLOCKS.map(|clock| self.selected(b"nvmlDeviceGetClockInfo\0", clock).map(f64::from));
        let milliwatts =
            |name| self.plain::<c_uint>(name).map(|milliwatts| f64::from(milliwatts) / 1e3);
        // The second name is that of drivers before 535.
        let reasons = self
            .plain::<c_ulonglong>(b"nvmlDeviceGetCurrentClocksEventReasons\0")
            .or_else(|| self.plain(b"nvmlDeviceGetCurrentClocksThrottleReasons\0"));
        Reading {
            memory_bytes: self.memory_bytes(),
            power_w: milliwatts(b"nvmlDeviceGetPowerUsage\0"),
            power_limit_w: milliwatts(b"nvmlDeviceGetEnforcedPowerLimit\0"),
            clock_mhz,
            memory_clock_mhz,
            celsius: self.selected(b"nvmlDeviceGetTemperature\0", CHIP).map(f64::from),
            reasons: reasons.map(ClockReasons::from_bits),
        }
    }

    fn memory_bytes(&self) -> Option<u64> {
        // A version of NVML's structures is their size with the number of the revision in the
        // highest byte.
        let mut memory =
            Memory { version: size_of::<Memory>() as c_uint | 2 << 24, ..Memory::default() };
        // SAFETY: the type is that of nvml.h.
        let get = unsafe {
            self.library.get::<unsafe extern "C" fn(Handle, *mut Memory) -> c_int>(
                b"nvmlDeviceGetMemoryInfo_v2\0",
            )
        };
        // SAFETY: the handle is the library's, and it fills a structure of the version that it is
        // told.
        (unsafe { get.ok()?(self.device as Handle, &raw mut memory) } == 0).then_some(memory.used)
    }

    /// What a function of a card gives that writes one number.
    fn plain<T: Default>(&self, name: &[u8]) -> Option<T> {
        let mut value = T::default();
        // SAFETY: the callers ask for functions of nvml.h that take a handle and write a `T`.
        let get =
            unsafe { self.library.get::<unsafe extern "C" fn(Handle, *mut T) -> c_int>(name) }
                .ok()?;
        // SAFETY: the handle is the library's.
        (unsafe { get(self.device as Handle, &raw mut value) } == 0).then_some(value)
    }

    /// The same of a function that is told which of several.
    fn selected(&self, name: &[u8], which: c_uint) -> Option<c_uint> {
        let mut value = 0;
        // SAFETY: the callers ask for functions of nvml.h of this type.
        let get = unsafe {
            self.library.get::<unsafe extern "C" fn(Handle, c_uint, *mut c_uint) -> c_int>(name)
        };
        // SAFETY: the handle is the library's.
        (unsafe { get.ok()?(self.device as Handle, which, &raw mut value) } == 0).then_some(value)
    }
}
