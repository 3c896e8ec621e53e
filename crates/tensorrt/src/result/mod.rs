//! Second floor: each foreign call returns a `Result`; handles are still raw.
//!
//! Every function here is unsafe on the same terms, which "the caller's word" means in its
//! comments: handles are alive and of the class that the argument names, no other thread is in a
//! call on the same object, and what is borrowed by the library outlives its use as the third
//! floor's types say.
#![allow(unsafe_code, reason = "foreign calls")]

pub(crate) mod builder;
pub(crate) mod config;
pub(crate) mod context;
pub(crate) mod engine;
pub(crate) mod memory;
pub(crate) mod network;
pub(crate) mod parser;
pub(crate) mod runtime;

use std::ffi::{CStr, c_char};

use crate::sys::abi::{Handle, call};

/// A foreign call that was refused. Why stands in the library's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{call}: expected {expected}, found {found}")]
pub struct CallError {
    /// The function or method, as in NVIDIA's headers.
    pub call: &'static str,
    /// What a success is.
    pub expected: &'static str,
    /// What came.
    pub found: &'static str,
}

/// Which methods say and take a context's GPU memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemoryForm {
    /// Of TensorRT 10.0, which has no others.
    First,
    /// Of everything later.
    Second,
}

/// A call that makes an object.
fn object(call: &'static str, handle: Option<Handle>) -> Result<Handle, CallError> {
    handle.ok_or(CallError { call, expected: "an object", found: "null, or a pointer to nothing" })
}

/// A call that says whether it succeeded. Any byte but 0 is C++'s true.
fn accepted(call: &'static str, answer: u8) -> Result<(), CallError> {
    if answer == 0 { Err(CallError { call, expected: "true", found: "false" }) } else { Ok(()) }
}

/// A string of the library's, copied.
///
/// # Safety
/// The caller's word: `text` is null or a string that lives until this returns.
unsafe fn text(text: *const c_char) -> Option<String> {
    // SAFETY: not null here; the rest is the caller's word.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// Deletes an object of any class but the parser.
///
/// # Safety
/// The caller's word; nothing uses the handle, or an object made from it, afterwards.
pub(crate) unsafe fn delete(handle: Handle) {
    // SAFETY: the caller's word.
    unsafe { call!(handle, OBJECT_DELETE()) }
}
