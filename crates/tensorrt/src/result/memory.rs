//! `nvinfer1::IHostMemory`.

use super::CallError;
use crate::sys::abi::{Handle, call};

/// The bytes, which live as long as the object.
pub(crate) unsafe fn bytes<'a>(memory: Handle) -> Result<&'a [u8], CallError> {
    // SAFETY: the caller's word.
    let (data, length) = unsafe {
        (call!(memory, MEMORY_DATA() -> *const u8), call!(memory, MEMORY_SIZE() -> usize))
    };
    if data.is_null() || isize::try_from(length).is_err() {
        return Err(CallError {
            call: "IHostMemory::data",
            expected: "bytes",
            found: "null, or a size beyond all memory",
        });
    }
    // SAFETY: the object owns `length` bytes there and nobody writes to them.
    Ok(unsafe { std::slice::from_raw_parts(data, length) })
}
