//! What a test tells the recorder, and what it reads back: through functions in its own process,
//! through a file in another.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::driver;
use crate::end::End;
use crate::network::Network;

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
    /// What plans and engines are made of; nothing: one tensor of one shape, for everything.
    pub(crate) network: Option<Network>,
    /// Calls that do not return, and what they do instead.
    pub(crate) ends: BTreeMap<String, End>,
    /// How long a build takes.
    pub(crate) build_time: Duration,
    /// Where calls are written down as well, so that another process can read them.
    transcript_file: Option<PathBuf>,
}

impl State {
    /// As the file says that `RECORDER_SCRIPT` names; each line `version NUMBER`,
    /// `answer NAME NUMBER`, `transcript FILE`, `build-ms NUMBER`, `end NAME HOW` (see [`End`]),
    /// `driver FUNCTION CODE` (what the simulator of the driver answers from now on) or one of
    /// [`Network`]'s. Without the variable, nothing is known yet.
    fn scripted() -> Self {
        let mut state = Self {
            version_number: 0,
            answers: BTreeMap::new(),
            ends: BTreeMap::new(),
            transcript: Vec::new(),
            logger: 0,
            monitor: 0,
            network: None,
            build_time: Duration::ZERO,
            transcript_file: None,
        };
        let Some(script) = std::env::var_os("RECORDER_SCRIPT") else { return state };
        for line in
            fs::read_to_string(script).expect("the script that the test has written").lines()
        {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["version", number] => {
                    state.version_number = number.parse().expect("a version number");
                }
                ["answer", name, number] => {
                    state.answers.insert(name.to_owned(), number.parse().expect("a number"));
                }
                ["end", name, how] => {
                    state.ends.insert(name.to_owned(), End::new(how));
                }
                ["build-ms", number] => {
                    state.build_time = Duration::from_millis(number.parse().expect("a number"));
                }
                ["driver", function, code] => driver::fail(function, code.parse().expect("a code")),
                ["transcript", file] => state.transcript_file = Some(file.into()),
                _ => state.network.get_or_insert_default().add(&words),
            }
        }
        state
    }
}

static STATE: LazyLock<Mutex<State>> = LazyLock::new(|| Mutex::new(State::scripted()));

pub(crate) fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn record(line: String) {
    let mut state = state();
    if let Some(file) = &state.transcript_file {
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(file)
            .expect("a file that can be written");
        writeln!(file, "{line}").expect("room for a line");
    }
    state.transcript.push(line);
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
