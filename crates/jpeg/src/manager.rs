//! What libjpeg calls where it cannot go on, and where it would go on with what is not there.
//!
//! Both unwind out of libjpeg, which is compiled for that, with a [`JpegError`] as what is caught.
#![allow(unsafe_code, reason = "libjpeg asks for its messages through function pointers")]

use std::mem;
use std::os::raw::{c_int, c_long};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use mozjpeg_sys::{self as libjpeg, jpeg_common_struct, jpeg_error_mgr};

use crate::JpegError;

/// Most scans of an image. A progressive file has ten; each one more takes the time of the whole
/// image.
const MAX_SCANS: c_long = 500;

/// libjpeg's error manager with the functions below.
pub(crate) fn strict_manager() -> jpeg_error_mgr {
    // SAFETY: the structure is plain numbers and optional pointers, for which zero is a value, and
    // `jpeg_std_error` fills it.
    let mut manager = unsafe {
        let mut manager = mem::zeroed();
        libjpeg::jpeg_std_error(&mut manager);
        manager
    };
    manager.error_exit = Some(stop);
    manager.emit_message = Some(hear);
    manager
}

/// What `decode` gives, or the error that libjpeg unwound with.
pub(crate) fn caught<T>(decode: impl FnOnce() -> T) -> Result<T, JpegError> {
    catch_unwind(AssertUnwindSafe(decode)).map_err(|payload| {
        match payload.downcast::<JpegError>() {
            Ok(error) => *error,
            Err(panic) => resume_unwind(panic),
        }
    })
}

/// The end of an image that libjpeg cannot decode.
extern "C-unwind" fn stop(state: &mut jpeg_common_struct) {
    // SAFETY: libjpeg passes the state whose error manager `strict_manager` made.
    let manager = unsafe { &mut *state.err };
    let code = manager.msg_code;
    let text = text_of(state);
    // Without the panic hook: nothing here is a fault of the program.
    resume_unwind(Box::new(JpegError::of_message(code, text)));
}

/// A warning (`level` below 0) or a remark.
extern "C-unwind" fn hear(state: &mut jpeg_common_struct, level: c_int) {
    // SAFETY: as in `stop`.
    let manager = unsafe { &mut *state.err };
    if level < 0 {
        stop(state);
    } else if manager.msg_code == libjpeg::JTRC_SOS {
        // Nobody else counts with this field: warnings do not return.
        manager.num_warnings += 1;
        if manager.num_warnings > MAX_SCANS {
            let reason = format!("more than {MAX_SCANS} scans");
            resume_unwind(Box::new(JpegError::Unsupported(reason)));
        }
    }
}

/// The words of the message that `state` holds.
fn text_of(state: &mut jpeg_common_struct) -> String {
    /// `JMSG_LENGTH_MAX` of `jpeglib.h`, for which the bindings say 80.
    const LENGTH: usize = 200;
    #[repr(C)]
    struct Text {
        named: [u8; 80],
        rest: [u8; LENGTH - 80],
    }
    // SAFETY: as in `stop`.
    let Some(format) = (unsafe { (*state.err).format_message }) else { return String::new() };
    let mut text = Text { named: [0; 80], rest: [0; LENGTH - 80] };
    // SAFETY: libjpeg writes through the pointer, at most LENGTH bytes with the last one 0; the
    // bindings declare it shared.
    let bytes = unsafe {
        let format: unsafe extern "C-unwind" fn(&mut jpeg_common_struct, *mut Text) =
            mem::transmute(format);
        format(state, &raw mut text);
        [&text.named[..], &text.rest].concat()
    };
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}
