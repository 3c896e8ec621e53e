//! `nvinfer1::INetworkDefinition` and its tensors.

use std::ffi::{c_char, c_void};

use super::{CallError, object, text};
use crate::sys::abi::{Dimensions, Handle, call};

/// Layers, after parsing.
pub(crate) unsafe fn layers(network: Handle) -> i32 {
    // SAFETY: the caller's word.
    unsafe { call!(network, NETWORK_LAYERS() -> i32) }
}

/// The network's inputs. They live as long as it does.
pub(crate) unsafe fn inputs(network: Handle) -> Result<Vec<Handle>, CallError> {
    // SAFETY: the caller's word.
    let count = unsafe { call!(network, NETWORK_INPUTS() -> i32) };
    let input = |index| {
        // SAFETY: the caller's word; the index is below the count.
        let pointer = unsafe { call!(network, NETWORK_INPUT(index => i32) -> *mut c_void) };
        object("INetworkDefinition::getInput", Handle::new(pointer, network.layout()))
    };
    (0..count).map(input).collect()
}

/// The network's outputs. They live as long as it does.
pub(crate) unsafe fn outputs(network: Handle) -> Result<Vec<Handle>, CallError> {
    // SAFETY: the caller's word.
    let count = unsafe { call!(network, NETWORK_OUTPUTS() -> i32) };
    let output = |index| {
        // SAFETY: the caller's word; the index is below the count.
        let pointer = unsafe { call!(network, NETWORK_OUTPUT(index => i32) -> *mut c_void) };
        object("INetworkDefinition::getOutput", Handle::new(pointer, network.layout()))
    };
    (0..count).map(output).collect()
}

pub(crate) unsafe fn tensor_name(tensor: Handle) -> Result<String, CallError> {
    // SAFETY: the caller's word.
    let name = unsafe { text(call!(tensor, TENSOR_NAME() -> *const c_char)) };
    name.ok_or(CallError { call: "ITensor::getName", expected: "a name", found: "null" })
}

pub(crate) unsafe fn tensor_dimensions(tensor: Handle) -> Dimensions {
    // SAFETY: the caller's word.
    unsafe { call!(tensor, TENSOR_DIMENSIONS() -> Dimensions) }
}

/// A `DataType`.
pub(crate) unsafe fn tensor_type(tensor: Handle) -> i32 {
    // SAFETY: the caller's word.
    unsafe { call!(tensor, TENSOR_TYPE() -> i32) }
}
