//! `nvinfer1::IProgressMonitor`, implemented here: how far a build is. Its table is the same in
//! every family.

use std::ffi::{CStr, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::abi::{InterfaceInfo, Table, api_language, keep};

/// What the library reports. Names are unique only below their parent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Report<'a> {
    Start { phase: &'a CStr, parent: Option<&'a CStr>, steps: i32 },
    Step { phase: &'a CStr, step: i32 },
    Finish { phase: &'a CStr },
}

/// Returns false to stop the build, which is heeded after a step.
pub(crate) type Receiver = dyn Fn(Report<'_>) -> bool + Send + Sync;

/// The object whose address the library gets.
#[repr(C)]
pub(crate) struct ProgressObject {
    table: *const *const c_void,
    receiver: Box<Receiver>,
}

static TABLE: Table<7> = Table::new([
    api_language as *const c_void,
    interface_info as *const c_void,
    keep as *const c_void,
    keep as *const c_void,
    phase_start as *const c_void,
    step_complete as *const c_void,
    phase_finish as *const c_void,
]);

impl std::fmt::Debug for ProgressObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProgressObject")
    }
}

impl ProgressObject {
    pub(crate) fn new(receiver: Box<Receiver>) -> Self {
        Self { table: TABLE.address(), receiver }
    }

    /// Stays the same only where the object does: keep it in a box.
    pub(crate) fn as_ptr(&self) -> *mut c_void {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    /// A panic must not enter foreign frames: it stops the build instead.
    fn report(&self, report: Report<'_>) -> bool {
        catch_unwind(AssertUnwindSafe(|| (self.receiver)(report))).unwrap_or(false)
    }
}

/// # Safety
/// `text` is null or a string that lives until the caller returns.
unsafe fn string<'a>(text: *const c_char) -> Option<&'a CStr> {
    // SAFETY: not null here; the rest is the caller's word.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })
}

unsafe extern "C" fn phase_start(
    this: *const ProgressObject,
    phase: *const c_char,
    parent: *const c_char,
    steps: i32,
) {
    // SAFETY: the library passes the object it was given, which the configuration keeps until after
    // the build, and strings that live until we return.
    let (monitor, phase, parent) = unsafe { (&*this, string(phase), string(parent)) };
    monitor.report(Report::Start { phase: phase.unwrap_or_default(), parent, steps });
}

unsafe extern "C" fn step_complete(
    this: *const ProgressObject,
    phase: *const c_char,
    step: i32,
) -> bool {
    // SAFETY: as in `phase_start`.
    let (monitor, phase) = unsafe { (&*this, string(phase)) };
    monitor.report(Report::Step { phase: phase.unwrap_or_default(), step })
}

unsafe extern "C" fn phase_finish(this: *const ProgressObject, phase: *const c_char) {
    // SAFETY: as in `phase_start`.
    let (monitor, phase) = unsafe { (&*this, string(phase)) };
    monitor.report(Report::Finish { phase: phase.unwrap_or_default() });
}

unsafe extern "C" fn interface_info(_this: *const ProgressObject) -> InterfaceInfo {
    InterfaceInfo { kind: c"IProgressMonitor".as_ptr(), major: 1, minor: 0 }
}
