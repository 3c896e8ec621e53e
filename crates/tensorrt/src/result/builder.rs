//! `nvinfer1::IBuilder`.

use std::ffi::c_void;

use super::{CallError, object};
use crate::sys::abi::{Handle, call};
use crate::sys::exports::Create;
use crate::sys::slots::Layout;

/// `createInferBuilder`. `logger` lives as long as the process.
pub(crate) unsafe fn create(
    create: Create,
    logger: *mut c_void,
    version_number: i32,
    layout: Layout,
) -> Result<Handle, CallError> {
    // SAFETY: the caller's word.
    let pointer = unsafe { create(logger, version_number) };
    object("createInferBuilder", Handle::new(pointer, layout))
}

/// An empty, strongly typed network. It does not outlive the builder.
pub(crate) unsafe fn create_network(builder: Handle) -> Result<Handle, CallError> {
    let layout = builder.layout();
    // SAFETY: the caller's word.
    let pointer = unsafe {
        call!(builder, BUILDER_CREATE_NETWORK(layout.strongly_typed() => u32) -> *mut c_void)
    };
    object("IBuilder::createNetworkV2", Handle::new(pointer, layout))
}

/// A configuration. It does not outlive the builder.
pub(crate) unsafe fn create_config(builder: Handle) -> Result<Handle, CallError> {
    // SAFETY: the caller's word.
    let pointer = unsafe { call!(builder, BUILDER_CREATE_CONFIG() -> *mut c_void) };
    object("IBuilder::createBuilderConfig", Handle::new(pointer, builder.layout()))
}

/// An optimization profile. The builder owns it: it is never deleted.
pub(crate) unsafe fn create_profile(builder: Handle) -> Result<Handle, CallError> {
    // SAFETY: the caller's word.
    let pointer = unsafe { call!(builder, BUILDER_CREATE_PROFILE() -> *mut c_void) };
    object("IBuilder::createOptimizationProfile", Handle::new(pointer, builder.layout()))
}

/// A plan, as host memory. The network's weights, which the parser and the ONNX bytes hold, are
/// still there.
pub(crate) unsafe fn build(
    builder: Handle,
    network: Handle,
    config: Handle,
) -> Result<Handle, CallError> {
    // SAFETY: the caller's word.
    let pointer = unsafe {
        call!(builder, BUILDER_BUILD(
            network.as_ptr() => *mut c_void, config.as_ptr() => *mut c_void) -> *mut c_void)
    };
    object("IBuilder::buildSerializedNetwork", Handle::new(pointer, builder.layout()))
}
