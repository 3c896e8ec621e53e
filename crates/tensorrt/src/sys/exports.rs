//! The functions that a library exports by plain names.

use std::ffi::c_void;
use std::path::Path;

use super::loader::{LoaderError, function, load};

/// `createInferBuilder_INTERNAL` and `createInferRuntime_INTERNAL`: (logger, version) → object.
pub(crate) type Create = unsafe extern "C" fn(*mut c_void, i32) -> *mut c_void;
/// `createNvOnnxParser_INTERNAL`: (network, logger, version) → object.
pub(crate) type CreateParser = unsafe extern "C" fn(*mut c_void, *mut c_void, i32) -> *mut c_void;

/// What an inference library exports.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InferenceExports {
    /// What `getInferLibVersion` returns.
    pub(crate) version_number: i32,
    /// Absent from lean and dispatch libraries, which only run plans.
    pub(crate) create_builder: Option<Create>,
    pub(crate) create_runtime: Option<Create>,
}

/// Loads an inference library. Nothing when it exports no version.
pub(crate) fn load_inference(file: &Path) -> Result<Option<InferenceExports>, LoaderError> {
    let library = load(file)?;
    // SAFETY: `int32_t getInferLibVersion() noexcept` in every version of every family.
    let version =
        unsafe { function::<unsafe extern "C" fn() -> i32>(&library, b"getInferLibVersion\0") };
    Ok(version.map(|version| InferenceExports {
        // SAFETY: as above; it takes nothing and returns a constant.
        version_number: unsafe { version() },
        // SAFETY: declared so in `NvInfer.h` of every family.
        create_builder: unsafe { function(&library, b"createInferBuilder_INTERNAL\0") },
        // SAFETY: declared so in `NvInferRuntime.h` of every family.
        create_runtime: unsafe { function(&library, b"createInferRuntime_INTERNAL\0") },
    }))
}

/// Loads a parser's library. Nothing when it makes no parsers.
pub(crate) fn load_parser(file: &Path) -> Result<Option<CreateParser>, LoaderError> {
    let library = load(file)?;
    // SAFETY: declared so in `NvOnnxParser.h` of every family.
    Ok(unsafe { function(&library, b"createNvOnnxParser_INTERNAL\0") })
}
