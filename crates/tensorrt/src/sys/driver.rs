//! The CUDA driver, asked before anything of TensorRT is created.

use std::ffi::c_int;
use std::path::{Path, PathBuf};

use super::loader::{LoaderError, function, load};

/// There is no CUDA device to work with.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The driver's library cannot be loaded.
    #[error(
        "{}: expected the CUDA driver, found none: {source} (install NVIDIA's driver)",
        .file.display()
    )]
    Missing {
        /// The file.
        file: PathBuf,
        /// What the loader says.
        source: LoaderError,
    },
    /// A library without a function of the driver.
    #[error("{}: expected the function {function}, found none (another library?)", .file.display())]
    NoFunction {
        /// The file.
        file: PathBuf,
        /// The function.
        function: &'static str,
    },
    /// `cuInit` or `cuDeviceGetCount` gives an error.
    #[error("{}: expected {function} to succeed, found CUDA error {code} (driver and kernel module \
        of different versions?)", .file.display())]
    Refused {
        /// The file.
        file: PathBuf,
        /// The function.
        function: &'static str,
        /// A `CUresult`.
        code: i32,
    },
    /// No device, or none visible.
    #[error("{}: expected a CUDA device, found 0 (is CUDA_VISIBLE_DEVICES set?)", .file.display())]
    NoDevice {
        /// The file.
        file: PathBuf,
    },
}

/// How many CUDA devices the driver in `file` sees: at least one.
pub(crate) fn device_count(file: &Path) -> Result<u32, DriverError> {
    type Init = unsafe extern "C" fn(u32) -> c_int;
    type Count = unsafe extern "C" fn(*mut c_int) -> c_int;
    let no_function = |function| DriverError::NoFunction { file: file.to_owned(), function };
    let refused = |function, code| DriverError::Refused { file: file.to_owned(), function, code };
    let driver =
        load(file).map_err(|source| DriverError::Missing { file: file.to_owned(), source })?;
    // SAFETY: the type is that of `cuda.h`, unchanged since CUDA 1.
    let init =
        unsafe { function::<Init>(&driver, b"cuInit\0") }.ok_or_else(|| no_function("cuInit"))?;
    // SAFETY: as above.
    let count = unsafe { function::<Count>(&driver, b"cuDeviceGetCount\0") };
    let count = count.ok_or_else(|| no_function("cuDeviceGetCount"))?;
    // SAFETY: 0 is the one value of the flags.
    let code = unsafe { init(0) };
    if code != 0 {
        return Err(refused("cuInit", code));
    }
    let mut devices = 0;
    // SAFETY: the driver writes one integer to the address.
    let code = unsafe { count(&raw mut devices) };
    if code != 0 {
        return Err(refused("cuDeviceGetCount", code));
    }
    match u32::try_from(devices) {
        Ok(devices @ 1..) => Ok(devices),
        _ => Err(DriverError::NoDevice { file: file.to_owned() }),
    }
}
