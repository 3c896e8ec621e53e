//! `nvinfer1::IRuntime`.

use std::ffi::c_void;

use super::{CallError, object};
use crate::sys::abi::{Handle, call};
use crate::sys::exports::Create;
use crate::sys::slots::Layout;

/// `createInferRuntime`. `logger` lives as long as the process.
pub(crate) unsafe fn create(
    create: Create,
    logger: *mut c_void,
    version_number: i32,
    layout: Layout,
) -> Result<Handle, CallError> {
    // SAFETY: the caller's word.
    let pointer = unsafe { create(logger, version_number) };
    object("createInferRuntime", Handle::new(pointer, layout))
}

/// An engine, which does not outlive the runtime. The plan may go afterwards.
pub(crate) unsafe fn deserialize(runtime: Handle, plan: &[u8]) -> Result<Handle, CallError> {
    // SAFETY: the caller's word.
    let pointer = unsafe {
        call!(runtime, RUNTIME_DESERIALIZE(
            plan.as_ptr() => *const u8, plan.len() => usize) -> *mut c_void)
    };
    object("IRuntime::deserializeCudaEngine", Handle::new(pointer, runtime.layout()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::sys::{driver, exports, logger::LoggerObject};

    /// The trap that `Handle::new` and the question for a device are there for, on the library
    /// itself.
    #[test]
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    fn a_lean_library_without_a_device_answers_with_a_pointer_to_nothing() {
        let lean = [("tensorrt-lean-11/lib/libnvinfer_lean.so.11", Layout::TensorRt11)];
        for (file, layout) in lean
            .into_iter()
            .chain([("tensorrt-lean-10/lib/libnvinfer_lean.so.10", Layout::TensorRt10)])
        {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../third_party").join(file);
            if !file.exists() || driver::device_count(Path::new("libcuda.so.1")).is_ok() {
                eprintln!(
                    "skipped: this needs {} (`cargo xtask tensorrt`) and no CUDA device",
                    file.display()
                );
                continue;
            }
            let lines = Arc::new(Mutex::new(Vec::new()));
            let heard = Arc::clone(&lines);
            let logger = LoggerObject::leak(
                layout,
                Box::new(move |_, text| heard.lock().unwrap().push(text.to_owned())),
            );
            let exports = exports::load_inference(&file).unwrap().unwrap();
            let function = exports.create_runtime.unwrap();
            // SAFETY: the logger is leaked and the function the library's own.
            let error =
                unsafe { create(function, logger.as_ptr(), exports.version_number, layout) }
                    .unwrap_err();
            assert_eq!(error.call, "createInferRuntime");
            let lines = lines.lock().unwrap();
            let reason = |line: &std::ffi::CString| {
                line.to_string_lossy().contains("CUDA initialization failure")
            };
            assert!(lines.iter().any(reason), "{lines:?}");
        }
    }
}
