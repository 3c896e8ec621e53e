//! What NVIDIA's libraries export, the CUDA driver's two functions included; and calls of the
//! interfaces that the caller implements.

use std::ffi::{CStr, CString, c_char, c_int, c_void};

use crate::control::{record, state};
use crate::fake::object;
use crate::script;

#[unsafe(no_mangle)]
extern "C" fn getInferLibVersion() -> i32 {
    state().version_number
}

#[unsafe(no_mangle)]
extern "C" fn createInferBuilder_INTERNAL(logger: *mut c_void, version: i32) -> *mut c_void {
    create("createInferBuilder", "VBuilder", logger, version)
}

#[unsafe(no_mangle)]
extern "C" fn createInferRuntime_INTERNAL(logger: *mut c_void, version: i32) -> *mut c_void {
    create("createInferRuntime", "VRuntime", logger, version)
}

#[unsafe(no_mangle)]
extern "C" fn createNvOnnxParser_INTERNAL(
    _network: *mut c_void,
    logger: *mut c_void,
    version: i32,
) -> *mut c_void {
    create("createNvOnnxParser", "IParser", logger, version)
}

#[unsafe(no_mangle)]
extern "C" fn cuInit(flags: u32) -> c_int {
    record(format!("cuInit({flags})"));
    state().answers.get("cuInit").map_or(0, |&code| code as c_int)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cuDeviceGetCount(count: *mut c_int) -> c_int {
    // SAFETY: the caller passes the address of an integer.
    unsafe { *count = state().answers.get("cuDeviceGetCount").map_or(1, |&count| count as c_int) };
    0
}

fn create(name: &str, class: &'static str, logger: *mut c_void, version: i32) -> *mut c_void {
    record(format!("{name}({version})"));
    state().logger = logger as usize;
    log(3, &format!("{name} was called"));
    let answer = state().answers.get(name).copied();
    answer.map_or_else(|| object(class).cast(), |address| address as *mut c_void)
}

/// Writes to the caller's logger, at the slot that the version's headers give `log`.
pub(crate) fn log(severity: i32, text: &str) {
    type Log = unsafe extern "C" fn(*mut c_void, i32, *const c_char);
    let logger = state().logger as *mut c_void;
    let text = CString::new(text).expect("text of the recorder's own");
    // SAFETY: the caller's logger has a table with that method in that slot, or the test has found
    // what it is for.
    unsafe {
        function::<Log>(logger, script::slot("ILogger::log"))(logger, severity, text.as_ptr());
    }
}

/// Reports a phase of two steps to the caller's monitor, if there is one. False: the monitor wants
/// to stop.
pub(crate) fn report_progress() -> bool {
    #[repr(C)]
    struct InterfaceInfo {
        kind: *const c_char,
        major: i32,
        minor: i32,
    }
    type Information = unsafe extern "C" fn(*mut c_void) -> InterfaceInfo;
    type Start = unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char, i32);
    type Step = unsafe extern "C" fn(*mut c_void, *const c_char, i32) -> bool;
    type Finish = unsafe extern "C" fn(*mut c_void, *const c_char);
    let monitor = state().monitor as *mut c_void;
    if monitor.is_null() {
        return true;
    }
    // SAFETY: as in `log`; `getInterfaceInfo` is in slot 1 of every versioned interface.
    unsafe {
        let information = function::<Information>(monitor, 1)(monitor);
        let kind = CStr::from_ptr(information.kind).to_string_lossy();
        record(format!("monitor is {kind} {}.{}", information.major, information.minor));
        let (start, step) = (
            script::slot("IProgressMonitor::phaseStart"),
            script::slot("IProgressMonitor::stepComplete"),
        );
        function::<Start>(monitor, start)(monitor, c"Building".as_ptr(), std::ptr::null(), 2);
        let pause = state().build_time / 2;
        let goes_on = (0..2).all(|number| {
            std::thread::sleep(pause);
            function::<Step>(monitor, step)(monitor, c"Building".as_ptr(), number)
        });
        let finish = script::slot("IProgressMonitor::phaseFinish");
        function::<Finish>(monitor, finish)(monitor, c"Building".as_ptr());
        goes_on
    }
}

/// # Safety
/// `object` starts with the address of a table that has an `F` in the slot.
unsafe fn function<F: Copy>(object: *mut c_void, slot: usize) -> F {
    // SAFETY: the caller's word; an `F` is as large as a pointer to a function.
    unsafe { std::mem::transmute_copy(&*(*object.cast::<*const *const c_void>()).add(slot)) }
}
