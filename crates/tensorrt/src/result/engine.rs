//! `nvinfer1::ICudaEngine`.

use std::ffi::{CStr, c_char, c_void};

use super::{CallError, object, text};
use crate::sys::abi::{Dimensions, Handle, call};

/// `ExecutionContextAllocationStrategy::kSTATIC`: the context brings its GPU memory.
const STATIC_MEMORY: i32 = 0;

/// A context, which does not outlive the engine.
pub(crate) unsafe fn create_context(engine: Handle) -> Result<Handle, CallError> {
    // SAFETY: the caller's word.
    let pointer =
        unsafe { call!(engine, ENGINE_CREATE_CONTEXT(STATIC_MEMORY => i32) -> *mut c_void) };
    object("ICudaEngine::createExecutionContext", Handle::new(pointer, engine.layout()))
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
