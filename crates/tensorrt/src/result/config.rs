//! `nvinfer1::IBuilderConfig`, its profiles and its timing cache.

use std::ffi::{CStr, c_char, c_void};

use super::{CallError, accepted, object};
use crate::sys::abi::{Dimensions, Handle, call};

/// `MemoryPoolType::kWORKSPACE`.
const WORKSPACE: i32 = 0;

/// Sets or clears a `BuilderFlag`.
pub(crate) unsafe fn set_flag(config: Handle, flag: i32, is_set: bool) {
    // SAFETY: the caller's word.
    unsafe {
        if is_set {
            call!(config, CONFIG_SET_FLAG(flag => i32));
        } else {
            call!(config, CONFIG_CLEAR_FLAG(flag => i32));
        }
    }
}

/// Bytes of GPU memory that a layer may use for scratch.
pub(crate) unsafe fn set_workspace_limit(config: Handle, bytes: usize) {
    // SAFETY: the caller's word.
    unsafe { call!(config, CONFIG_SET_MEMORY_LIMIT(WORKSPACE => i32, bytes => usize)) }
}

/// Every layer and kernel is named in the log and in the plan.
pub(crate) unsafe fn set_detailed_verbosity(config: Handle) {
    /// `ProfilingVerbosity::kDETAILED`.
    const DETAILED: i32 = 2;
    // SAFETY: the caller's word.
    unsafe { call!(config, CONFIG_SET_VERBOSITY(DETAILED => i32)) }
}

/// How long to look for fast kernels, 0 to 5.
pub(crate) unsafe fn set_optimization_level(config: Handle, level: i32) {
    // SAFETY: the caller's word.
    unsafe { call!(config, CONFIG_SET_LEVEL(level => i32)) }
}

/// The monitor's object outlives the configuration.
pub(crate) unsafe fn set_progress_monitor(config: Handle, monitor: *mut c_void) {
    // SAFETY: the caller's word.
    unsafe { call!(config, CONFIG_SET_PROGRESS(monitor => *mut c_void)) }
}

/// Sizes of an input. `selector` is an `OptProfileSelector`: 0 smallest, 1 most frequent, 2
/// largest.
pub(crate) unsafe fn set_profile_dimensions(
    profile: Handle,
    input: &CStr,
    selector: i32,
    dimensions: &Dimensions,
) -> Result<(), CallError> {
    // SAFETY: the caller's word; name and sizes are copied by the library.
    let answer = unsafe {
        call!(profile, PROFILE_SET_DIMENSIONS(
            input.as_ptr() => *const c_char, selector => i32, dimensions => *const Dimensions
        ) -> u8)
    };
    accepted("IOptimizationProfile::setDimensions", answer)
}

/// Adds a profile, whose number comes back.
pub(crate) unsafe fn add_profile(config: Handle, profile: Handle) -> Result<u32, CallError> {
    // SAFETY: the caller's word.
    let index =
        unsafe { call!(config, CONFIG_ADD_PROFILE(profile.as_ptr() => *mut c_void) -> i32) };
    u32::try_from(index).map_err(|_| CallError {
        call: "IBuilderConfig::addOptimizationProfile",
        expected: "a number",
        found: "-1: not every input with an open size has a smallest, a most frequent and a \
            largest one in that order",
    })
}

/// A timing cache from the bytes of an earlier one; empty bytes start a new one.
pub(crate) unsafe fn create_timing_cache(
    config: Handle,
    bytes: &[u8],
) -> Result<Handle, CallError> {
    // SAFETY: the caller's word; the library copies the bytes.
    let pointer = unsafe {
        call!(config, CONFIG_CREATE_TIMING_CACHE(
            bytes.as_ptr() => *const u8, bytes.len() => usize) -> *mut c_void)
    };
    object("IBuilderConfig::createTimingCache", Handle::new(pointer, config.layout()))
}

/// The cache outlives every build with the configuration. A cache of another device is refused.
pub(crate) unsafe fn set_timing_cache(config: Handle, cache: Handle) -> Result<(), CallError> {
    const IGNORE_MISMATCH: u8 = 0;
    // SAFETY: the caller's word.
    let answer = unsafe {
        call!(config, CONFIG_SET_TIMING_CACHE(
            cache.as_ptr() => *mut c_void, IGNORE_MISMATCH => u8) -> u8)
    };
    accepted("IBuilderConfig::setTimingCache", answer)
}

/// The cache's content, as host memory.
pub(crate) unsafe fn serialize_timing_cache(cache: Handle) -> Result<Handle, CallError> {
    // SAFETY: the caller's word.
    let pointer = unsafe { call!(cache, TIMING_CACHE_SERIALIZE() -> *mut c_void) };
    object("ITimingCache::serialize", Handle::new(pointer, cache.layout()))
}
