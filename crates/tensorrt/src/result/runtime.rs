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
    let pointer =
        unsafe { call!(runtime, RUNTIME_DESERIALIZE(plan.as_ptr() => *const u8, plan.len() => usize) -> *mut c_void) };
    object("IRuntime::deserializeCudaEngine", Handle::new(pointer, runtime.layout()))
}
