//! `nvinfer1::ICudaEngine`.

use std::ffi::{CStr, c_char, c_void};

use super::{CallError, MemoryForm, object, text};
use crate::sys::abi::{Dimensions, Handle, call};

/// `ExecutionContextAllocationStrategy::kUSER_MANAGED`: the caller brings the context's GPU memory.
const MANAGED_BY_USER: i32 = 2;

/// A context, which does not outlive the engine, and has no memory to run in.
pub(crate) unsafe fn create_context(engine: Handle) -> Result<Handle, CallError> {
    // SAFETY: the caller's word.
    let pointer =
        unsafe { call!(engine, ENGINE_CREATE_CONTEXT(MANAGED_BY_USER => i32) -> *mut c_void) };
    object("ICudaEngine::createExecutionContext", Handle::new(pointer, engine.layout()))
}

/// Bytes of GPU memory in which any run of any profile has room.
pub(crate) unsafe fn memory_bytes(engine: Handle, form: MemoryForm) -> Result<usize, CallError> {
    // SAFETY: the caller's word.
    let bytes = unsafe {
        match form {
            MemoryForm::First => call!(engine, ENGINE_MEMORY() -> i64),
            MemoryForm::Second => call!(engine, ENGINE_MEMORY_V2() -> i64),
        }
    };
    usize::try_from(bytes).map_err(|_| CallError {
        call: "ICudaEngine::getDeviceMemorySize",
        expected: "a number of bytes",
        found: "a negative number",
    })
}

/// Optimization profiles in the engine.
pub(crate) unsafe fn profiles(engine: Handle) -> i32 {
    // SAFETY: the caller's word.
    unsafe { call!(engine, ENGINE_PROFILES() -> i32) }
}

/// Names of inputs and outputs.
pub(crate) unsafe fn tensor_names(engine: Handle) -> Result<Vec<String>, CallError> {
    // SAFETY: the caller's word.
    let count = unsafe { call!(engine, ENGINE_TENSORS() -> i32) };
    let name = |index| {
        // SAFETY: the caller's word; the index is below the count.
        let name =
            unsafe { text(call!(engine, ENGINE_TENSOR_NAME(index => i32) -> *const c_char)) };
        name.ok_or(CallError {
            call: "ICudaEngine::getIOTensorName",
            expected: "a name",
            found: "null",
        })
    };
    (0..count).map(name).collect()
}

pub(crate) unsafe fn tensor_dimensions(engine: Handle, tensor: &CStr) -> Dimensions {
    // SAFETY: the caller's word.
    unsafe { call!(engine, ENGINE_TENSOR_SHAPE(tensor.as_ptr() => *const c_char) -> Dimensions) }
}

/// A `DataType`.
pub(crate) unsafe fn tensor_type(engine: Handle, tensor: &CStr) -> i32 {
    // SAFETY: the caller's word.
    unsafe { call!(engine, ENGINE_TENSOR_TYPE(tensor.as_ptr() => *const c_char) -> i32) }
}

/// A `TensorIOMode`: 0 none, 1 input, 2 output.
pub(crate) unsafe fn tensor_mode(engine: Handle, tensor: &CStr) -> i32 {
    // SAFETY: the caller's word.
    unsafe { call!(engine, ENGINE_TENSOR_MODE(tensor.as_ptr() => *const c_char) -> i32) }
}

/// Sizes of an input in a profile. `selector` as in
/// [`set_profile_dimensions`](super::config::set_profile_dimensions).
pub(crate) unsafe fn profile_dimensions(
    engine: Handle,
    tensor: &CStr,
    profile: i32,
    selector: i32,
) -> Dimensions {
    // SAFETY: the caller's word.
    unsafe {
        call!(engine, ENGINE_PROFILE_SHAPE(
            tensor.as_ptr() => *const c_char, profile => i32, selector => i32) -> Dimensions)
    }
}
