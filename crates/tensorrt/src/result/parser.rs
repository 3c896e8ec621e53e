//! `nvonnxparser::IParser`.

use std::ffi::{c_char, c_void};

use super::{CallError, accepted, object, text};
use crate::sys::abi::{Handle, call};
use crate::sys::exports::CreateParser;

/// What the parser says about one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawFault {
    /// A `nvonnxparser::ErrorCode`.
    pub(crate) code: i32,
    pub(crate) node: i32,
    pub(crate) node_name: Option<String>,
    pub(crate) operator: Option<String>,
    pub(crate) description: Option<String>,
}

/// A parser that writes into `network`, which outlives it. `logger` lives as long as the process.
pub(crate) unsafe fn create(
    create: CreateParser,
    network: Handle,
    logger: *mut c_void,
    version_number: i32,
) -> Result<Handle, CallError> {
    // SAFETY: the caller's word.
    let pointer = unsafe { create(network.as_ptr(), logger, version_number) };
    object("createNvOnnxParser", Handle::new(pointer, network.layout()))
}

/// Fills the network. Its weights stay borrowed from the parser and from `onnx`.
pub(crate) unsafe fn parse(parser: Handle, onnx: &[u8]) -> Result<(), CallError> {
    let no_path = std::ptr::null::<c_char>();
    // SAFETY: the caller's word.
    let answer = unsafe {
        call!(parser, PARSER_PARSE(
            onnx.as_ptr() => *const u8, onnx.len() => usize, no_path => *const c_char) -> u8)
    };
    accepted("IParser::parse", answer)
}

/// Everything the parser did not like.
pub(crate) unsafe fn faults(parser: Handle) -> Vec<RawFault> {
    // SAFETY: the caller's word; the index is below the count, and the strings live as long as the
    // parser.
    unsafe {
        let count = call!(parser, PARSER_ERRORS() -> i32);
        let fault = |index| {
            let fault = Handle::new(
                call!(parser, PARSER_ERROR(index => i32) -> *mut c_void),
                parser.layout(),
            )?;
            Some(RawFault {
                code: call!(fault, PARSER_ERROR_CODE() -> i32),
                node: call!(fault, PARSER_ERROR_NODE() -> i32),
                node_name: text(call!(fault, PARSER_ERROR_NODE_NAME() -> *const c_char)),
                operator: text(call!(fault, PARSER_ERROR_OPERATOR() -> *const c_char)),
                description: text(call!(fault, PARSER_ERROR_TEXT() -> *const c_char)),
            })
        };
        (0..count).filter_map(fault).collect()
    }
}

/// Deletes the parser. The network's weights are gone with it.
pub(crate) unsafe fn delete(parser: Handle) {
    // SAFETY: the caller's word.
    unsafe { call!(parser, PARSER_DELETE()) }
}
