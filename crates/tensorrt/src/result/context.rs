//! `nvinfer1::IExecutionContext`. Streams and addresses are those of CUDA, as integers.

use std::ffi::{CStr, c_char};

use super::{CallError, MemoryForm, accepted, text};
use crate::sys::abi::{Dimensions, Handle, call};

pub(crate) unsafe fn set_profile(
    context: Handle,
    profile: i32,
    stream: u64,
) -> Result<(), CallError> {
    // SAFETY: the caller's word. A pointer is 64 bits wide on every platform of the library.
    let answer =
        unsafe { call!(context, CONTEXT_SET_PROFILE(profile => i32, stream => u64) -> u8) };
    accepted("IExecutionContext::setOptimizationProfileAsync", answer)
}

/// Where the context computes: `bytes` bytes at `address`, which are the context's alone while it
/// runs.
pub(crate) unsafe fn set_memory(context: Handle, address: u64, bytes: usize, form: MemoryForm) {
    // SAFETY: the caller's word. A pointer is 64 bits wide on every platform of the library.
    unsafe {
        match form {
            MemoryForm::First => call!(context, CONTEXT_SET_MEMORY(address => u64)),
            MemoryForm::Second => {
                call!(context, CONTEXT_SET_MEMORY_V2(address => u64, bytes as i64 => i64));
            }
        }
    }
}

pub(crate) unsafe fn set_input_shape(
    context: Handle,
    input: &CStr,
    shape: &Dimensions,
) -> Result<(), CallError> {
    // SAFETY: the caller's word; name and sizes are copied by the library.
    let answer = unsafe {
        call!(context, CONTEXT_SET_INPUT_SHAPE(
            input.as_ptr() => *const c_char, shape => *const Dimensions) -> u8)
    };
    accepted("IExecutionContext::setInputShape", answer)
}

pub(crate) unsafe fn tensor_dimensions(context: Handle, tensor: &CStr) -> Dimensions {
    // SAFETY: the caller's word.
    unsafe { call!(context, CONTEXT_TENSOR_SHAPE(tensor.as_ptr() => *const c_char) -> Dimensions) }
}

pub(crate) unsafe fn set_tensor_address(
    context: Handle,
    tensor: &CStr,
    address: u64,
) -> Result<(), CallError> {
    // SAFETY: the caller's word. A pointer is 64 bits wide on every platform of the library.
    let answer = unsafe {
        call!(context, CONTEXT_SET_ADDRESS(tensor.as_ptr() => *const c_char, address => u64) -> u8)
    };
    accepted("IExecutionContext::setTensorAddress", answer)
}

/// Names of inputs without which the shapes of the outputs cannot be known, at most `limit` of
/// them; none when all are known.
pub(crate) unsafe fn infer_shapes(context: Handle, limit: usize) -> Result<Vec<String>, CallError> {
    let mut names = vec![std::ptr::null::<c_char>(); limit];
    // SAFETY: the caller's word; the library writes at most `limit` names, which live as long as
    // the engine.
    let missing = unsafe {
        call!(context, CONTEXT_INFER_SHAPES(
            limit as i32 => i32, names.as_mut_ptr() => *mut *const c_char) -> i32)
    };
    let missing = usize::try_from(missing).map_err(|_| CallError {
        call: "IExecutionContext::inferShapes",
        expected: "a count",
        found: "an error",
    })?;
    // SAFETY: as above.
    Ok(names.into_iter().take(missing).filter_map(|name| unsafe { text(name) }).collect())
}

pub(crate) unsafe fn enqueue(context: Handle, stream: u64) -> Result<(), CallError> {
    // SAFETY: the caller's word. A pointer is 64 bits wide on every platform of the library.
    let answer = unsafe { call!(context, CONTEXT_ENQUEUE(stream => u64) -> u8) };
    accepted("IExecutionContext::enqueueV3", answer)
}
