//! Which release of ONNX Runtime a library file is.
#![allow(
    unsafe_code,
    reason = "the safe binding reads the version while it loads, and does not pass it on"
)]

use std::ffi::CStr;
use std::path::Path;

use libloading::Library;
use ort::sys::OrtApiBase;

/// `1.31.1`, from a library that `ort` has loaded. `ort::info` tells the branch it was built from,
/// and Python's packages are built from none.
pub(super) fn version(file: &Path) -> Option<String> {
    // SAFETY: the file is loaded already and stays loaded, so no initialiser runs here and no
    // finaliser when this handle is dropped.
    let library = unsafe { Library::new(file) }.ok()?;
    // SAFETY: the one exported function of ONNX Runtime's interface, with the type that its header
    // gives it.
    let base =
        unsafe { library.get::<unsafe extern "C" fn() -> *const OrtApiBase>(b"OrtGetApiBase\0") }
            .ok()?;
    // SAFETY: `ort` has called the same function of the same library before; it answers with a
    // static table, whose string is static, too.
    let version = unsafe {
        let base = base().as_ref()?;
        CStr::from_ptr((base.GetVersionString)())
    };
    version.to_str().ok().map(str::to_owned)
}
