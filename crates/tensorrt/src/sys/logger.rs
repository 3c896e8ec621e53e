//! `nvinfer1::ILogger`, implemented here: where the library's messages go.

use std::ffi::{CStr, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::abi::{InterfaceInfo, Table, api_language, keep};
use super::slots::Layout;

/// Takes a message and its severity (0 is the worst, see [`Severity`](crate::Severity)). Called
/// from threads of the library.
pub(crate) type Receiver = dyn Fn(i32, &CStr) + Send + Sync;

/// The object whose address the library gets.
#[repr(C)]
pub(crate) struct LoggerObject {
    table: *const *const c_void,
    receiver: Box<Receiver>,
}

// SAFETY: the table is immutable and the receiver is `Send + Sync`.
unsafe impl Send for LoggerObject {}
// SAFETY: as above; the library only reads the object.
unsafe impl Sync for LoggerObject {}

/// 10: a class of one method, then its destructors.
static TABLE_10: Table<3> =
    Table::new([log as *const c_void, keep as *const c_void, keep as *const c_void]);
/// 11: a versioned interface, whose methods come first.
static TABLE_11: Table<5> = Table::new([
    api_language as *const c_void,
    interface_info as *const c_void,
    keep as *const c_void,
    keep as *const c_void,
    log as *const c_void,
]);

impl std::fmt::Debug for LoggerObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LoggerObject")
    }
}

impl LoggerObject {
    /// A logger for the rest of the process: the library keeps its address beyond every object that
    /// it makes.
    pub(crate) fn leak(layout: Layout, receiver: Box<Receiver>) -> &'static Self {
        let table = match layout {
            Layout::TensorRt10 | Layout::Rtx14 => TABLE_10.address(),
            Layout::TensorRt11 => TABLE_11.address(),
        };
        Box::leak(Box::new(Self { table, receiver }))
    }

    pub(crate) fn as_ptr(&'static self) -> *mut c_void {
        std::ptr::from_ref(self).cast_mut().cast()
    }
}

unsafe extern "C" fn log(this: *const LoggerObject, severity: i32, message: *const c_char) {
    if message.is_null() {
        return;
    }
    // SAFETY: the library passes the object it was given, which lives for ever, and a string that
    // lives until we return.
    let (logger, message) = unsafe { (&*this, CStr::from_ptr(message)) };
    // A panic must not enter foreign frames; the message of the panic has been printed, and the log
    // line is lost.
    let _ = catch_unwind(AssertUnwindSafe(|| (logger.receiver)(severity, message)));
}

unsafe extern "C" fn interface_info(_this: *const LoggerObject) -> InterfaceInfo {
    InterfaceInfo { kind: c"ILogger".as_ptr(), major: 1, minor: 0 }
}
