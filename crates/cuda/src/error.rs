//! What can go wrong between this program and a device.

use std::ffi::{CStr, c_char};

use crate::functions::{self, Code, SUCCESS};

/// A device cannot be had, or a call of the driver failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No library of the driver is on this machine.
    #[error(
        "libcuda.so.1: expected NVIDIA's driver, found no such library (install the driver of your \
         GPU)"
    )]
    NoDriver,
    /// The driver lacks a function that this crate calls.
    #[error(
        "libcuda.so.1: expected the function {function}, found none (install a driver of CUDA 12.0 \
         or later)"
    )]
    MissingFunction {
        /// As NVIDIA's headers name it.
        function: &'static str,
    },
    /// The driver is older than the code that it is to load.
    #[error("libcuda.so.1: expected a driver of CUDA {}.{} or later, found {}.{} (install a newer \
        driver)", .expected.0, .expected.1, .found.0, .found.1)]
    OldDriver {
        /// Least version.
        expected: (u32, u32),
        /// What the driver says.
        found: (u32, u32),
    },
    /// The driver sees no device of this number.
    #[error(
        "CUDA device {ordinal}: expected a device, found {count} in all (is the GPU visible? look \
         at CUDA_VISIBLE_DEVICES)"
    )]
    NoDevice {
        /// The number asked for.
        ordinal: u32,
        /// Devices that the driver sees.
        count: u32,
    },
    /// The device is older than the kernels.
    #[error(
        "CUDA device {ordinal}: expected compute capability {}.{} or later, found {}.{}",
        .expected.0,
        .expected.1,
        .found.0,
        .found.1
    )]
    OldDevice {
        /// Number of the device.
        ordinal: u32,
        /// Least capability.
        expected: (u32, u32),
        /// What the device has.
        found: (u32, u32),
    },
    /// The driver refused a call, or reports what failed on the device before it.
    #[error("{function}: expected success, found {name} ({explanation})")]
    Call {
        /// The function of the driver.
        function: &'static str,
        /// What it returned; `cuda.h` of this driver's version or an earlier one has it.
        code: u32,
        /// NVIDIA's name of the code, or the number where the driver has none.
        name: String,
        /// NVIDIA's explanation.
        explanation: String,
    },
    /// A device was asked to use pinned memory, and a failure came before the end was marked.
    #[error(
        "pinned memory: expected a mark behind its last use, found none (a call before this one \
         failed; make a new buffer)"
    )]
    OpenUse,
    /// A buffer is too short for what it is to hold or give.
    #[error("{buffer}: expected room for {expected} values, found {found}")]
    Length {
        /// Which buffer.
        buffer: &'static str,
        /// Values it must have.
        expected: usize,
        /// Values it has.
        found: usize,
    },
}

/// Turns what the function `function` of the driver returned into a `Result`.
pub(crate) fn check(function: &'static str, code: Code) -> Result<(), Error> {
    if code == SUCCESS {
        return Ok(());
    }
    // The driver's own words: it knows codes that no header of today's has.
    let name =
        text(functions::cuGetErrorName, code).unwrap_or_else(|| format!("CUDA error {code}"));
    let explanation = text(functions::cuGetErrorString, code)
        .unwrap_or_else(|| "the driver has no text for it".to_owned());
    Err(Error::Call { function, code, name, explanation })
}

/// What the driver's function `of` has for `code`.
fn text(of: unsafe fn(Code, *mut *const c_char) -> Code, code: Code) -> Option<String> {
    let mut text = std::ptr::null();
    // SAFETY: `text` is the address of a pointer, which the driver sets to a string of its own or
    // leaves null.
    let known = unsafe { of(code, &raw mut text) };
    if known != SUCCESS || text.is_null() {
        return None;
    }
    // SAFETY: the driver's string ends with a zero and lives as long as the library, which is never
    // unloaded.
    Some(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// Refuses a buffer of `found` values where `expected` are wanted.
pub(crate) fn expect_room(
    buffer: &'static str,
    expected: usize,
    found: usize,
) -> Result<(), Error> {
    if expected <= found { Ok(()) } else { Err(Error::Length { buffer, expected, found }) }
}
