//! Stands in for NVIDIA's management library in tests: a card of the numbers in the file that
//! `NVML_STAND_IN` names, a line `name value` each. What has no line, the card does not tell. The
//! file is read at every call, so a test can heat the card.
#![allow(unsafe_code, unreachable_pub, reason = "the functions of a C library")]

use std::ffi::{c_int, c_uint, c_ulonglong, c_void};

const SUCCESS: c_int = 0;
/// `NVML_ERROR_NOT_SUPPORTED`.
const NOT_SUPPORTED: c_int = 3;

fn number(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(std::env::var_os("NVML_STAND_IN")?).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// # Safety
/// `to` can be written.
unsafe fn tell<T: TryFrom<u64>>(name: &str, to: *mut T) -> c_int {
    let Some(value) = number(name).and_then(|number| T::try_from(number).ok()) else {
        return NOT_SUPPORTED;
    };
    // SAFETY: the caller's word.
    unsafe { to.write(value) };
    SUCCESS
}

macro_rules! numbers {
    ($($function:ident: $type:ty = $name:literal;)*) => {$(
        #[unsafe(no_mangle)]
        #[allow(non_snake_case, reason = "NVIDIA's name")]
        unsafe extern "C" fn $function(_: *mut c_void, to: *mut $type) -> c_int {
            // SAFETY: the caller's word.
            unsafe { tell($name, to) }
        }
    )*};
}

numbers! {
    nvmlDeviceGetPowerUsage: c_uint = "milliwatts ";
    nvmlDeviceGetEnforcedPowerLimit: c_uint = "limit ";
    nvmlDeviceGetCurrentClocksThrottleReasons: c_ulonglong = "reasons ";
}

#[unsafe(no_mangle)]
#[allow(non_snake_case, reason = "NVIDIA's name")]
extern "C" fn nvmlInit_v2() -> c_int {
    SUCCESS
}

#[unsafe(no_mangle)]
#[allow(non_snake_case, reason = "NVIDIA's name")]
unsafe extern "C" fn nvmlDeviceGetHandleByIndex_v2(
    index: c_uint,
    handle: *mut *mut c_void,
) -> c_int {
    // SAFETY: the caller's word.
    unsafe { handle.write(std::ptr::without_provenance_mut(7)) };
    if index == 0 { SUCCESS } else { NOT_SUPPORTED }
}

#[unsafe(no_mangle)]
#[allow(non_snake_case, reason = "NVIDIA's name")]
unsafe extern "C" fn nvmlDeviceGetClockInfo(
    _: *mut c_void,
    which: c_uint,
    to: *mut c_uint,
) -> c_int {
    // SAFETY: the caller's word.
    unsafe { tell(if which == 1 { "clock " } else { "memory_clock " }, to) }
}

#[unsafe(no_mangle)]
#[allow(non_snake_case, reason = "NVIDIA's name")]
unsafe extern "C" fn nvmlDeviceGetTemperature(_: *mut c_void, _: c_uint, to: *mut c_uint) -> c_int {
    // SAFETY: the caller's word.
    unsafe { tell("celsius ", to) }
}

/// Version, then total, reserved, free and used bytes.
#[repr(C)]
pub struct Memory {
    version: c_uint,
    bytes: [c_ulonglong; 4],
}

#[unsafe(no_mangle)]
#[allow(non_snake_case, reason = "NVIDIA's name")]
unsafe extern "C" fn nvmlDeviceGetMemoryInfo_v2(_: *mut c_void, memory: *mut Memory) -> c_int {
    // SAFETY: the caller's word.
    let memory = unsafe { &mut *memory };
    // What NVIDIA's header defines as `nvmlMemory_v2`: 40 bytes, revision 2.
    if memory.version != 0x0200_0028 {
        return NOT_SUPPORTED;
    }
    // SAFETY: the last of the four.
    unsafe { tell("memory ", &raw mut memory.bytes[3]) }
}
