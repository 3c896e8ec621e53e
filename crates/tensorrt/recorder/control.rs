//! What a test tells the recorder, and what it reads back.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Everything the recorder knows.
pub(crate) struct State {
    /// What `getInferLibVersion` returns.
    pub(crate) version_number: i32,
    /// Answers that differ from those of a success.
    pub(crate) answers: BTreeMap<String, usize>,
    pub(crate) transcript: Vec<String>,
    /// Addresses of the interfaces that the caller implements.
    pub(crate) logger: usize,
    pub(crate) monitor: usize,
}

static STATE: Mutex<State> =
    Mutex::new(State { version_number: 0, answers: BTreeMap::new(), transcript: Vec::new(), logger: 0, monitor: 0 });

pub(crate) fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn record(line: String) {
    state().transcript.push(line);
}

/// Call it before anything else.
#[unsafe(no_mangle)]
extern "C" fn recorder_set_version(number: i32) {
    state().version_number = number;
}

/// Lets the function or method `name` answer `value`.
#[unsafe(no_mangle)]
unsafe extern "C" fn recorder_set_answer(name: *const c_char, value: usize) {
    // SAFETY: the test passes a string.
    let name = unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned();
    state().answers.insert(name, value);
}

/// Moves the transcript, a call a line, into `buffer`; returns its length in bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn recorder_take_transcript(buffer: *mut u8, capacity: usize) -> usize {
    let text = std::mem::take(&mut state().transcript).join("\n");
    let length = text.len().min(capacity);
    // SAFETY: the test passes a buffer of that capacity.
    unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), buffer, length) };
    length
}
