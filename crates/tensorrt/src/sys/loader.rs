//! The system's loader of shared libraries.

use std::error::Error as _;
use std::mem::ManuallyDrop;
use std::path::Path;

use libloading::Library;

/// What the system's loader says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LoaderError(String);

impl From<libloading::Error> for LoaderError {
    fn from(error: libloading::Error) -> Self {
        // The error itself says which function failed; its source, which file and why.
        Self(error.source().map_or_else(|| error.to_string(), ToString::to_string))
    }
}

/// Loads `file` for the rest of the process: threads and static objects of NVIDIA's libraries do
/// not survive an unloading.
pub(super) fn load(file: &Path) -> Result<ManuallyDrop<Library>, LoaderError> {
    // SAFETY: loading runs the library's initialisers; NVIDIA's set up tables and touch no state of
    // ours.
    Ok(ManuallyDrop::new(unsafe { Library::new(file) }?))
}

/// A function of the library; nothing if it has none of that name.
///
/// # Safety
/// `F` is the function's type.
pub(super) unsafe fn function<F: Copy>(library: &Library, name: &[u8]) -> Option<F> {
    // SAFETY: the caller's word. The library is never unloaded, so the function outlives the
    // borrow.
    unsafe { library.get::<F>(name) }.ok().map(|function| *function)
}
