//! The simulator of the CUDA driver, where the process has loaded it in the driver's place.

use std::ffi::{CString, c_char, c_int, c_void};

use libloading::Library;

/// Work of the recorder's own on a stream.
type Work = Box<dyn Fn()>;

/// A function of the simulator's; nothing if the driver is another, or none.
fn function<F: Copy>(name: &[u8]) -> Option<F> {
    // SAFETY: the library is the one that the process has loaded, or one without initialisers.
    let library = std::mem::ManuallyDrop::new(unsafe { Library::new("libcuda.so.1") }.ok()?);
    // SAFETY: the callers ask for functions of the simulator's by their types.
    unsafe { library.get::<F>(name) }.ok().map(|function| *function)
}

/// Lets the driver's function `name` return `code` from now on.
pub(crate) fn fail(name: &str, code: c_int) {
    let fail = function::<unsafe extern "C" fn(*const c_char, c_int)>(b"simulator_fail\0")
        .expect("the simulator");
    let name = CString::new(name).expect("a name");
    // SAFETY: it copies the string.
    unsafe { fail(name.as_ptr(), code) };
}

/// Does `work` in the order of `stream`: when somebody waits for it in the simulator, at once
/// without.
pub(crate) fn ask(stream: usize, work: impl Fn() + 'static) {
    type Ask =
        unsafe extern "C" fn(*mut c_void, unsafe extern "C" fn(*mut c_void), *mut c_void) -> c_int;
    let Some(ask) = function::<Ask>(b"simulator_ask\0") else { return work() };
    let work: &'static mut Work = Box::leak(Box::new(Box::new(work)));
    // SAFETY: `work` lives for ever.
    let code = unsafe { ask(stream as *mut c_void, run, std::ptr::from_mut(work).cast()) };
    assert_eq!(code, 0, "{stream:#x}: a stream of the simulator's");
}

unsafe extern "C" fn run(work: *mut c_void) {
    // SAFETY: `ask` passes the address of a `Work` that is never freed.
    unsafe { (*work.cast::<Work>())() };
}
