//! Stands in for NVIDIA's driver in tests.
//!
//! It has the driver's functions on host memory, and the kernels of `crates/cuda/kernels`, compiled
//! by the C++ compiler from the same sources. It is found in the driver's place because it is
//! loaded first and under its name; so [`load`] comes before anything that asks for CUDA.
//!
//! A stream does nothing before somebody waits for it, and then no more than is waited for: whoever
//! forgets to wait reads old values. Writing past the ends of a device buffer is an error of the
//! next wait. Device 1 shares memory with the host, devices 0 and 2 are discrete.
//!
//! What it does not show: times, the assembler of a device, threads at the same time.
#![allow(unsafe_code, reason = "the simulator is a foreign library")]

use std::ffi::{CString, c_char, c_int, c_void};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use libloading::Library;

mod nccl;

pub use nccl::{Nccl, load_nccl};

/// Everything that decides what is compiled.
const SOURCES: &[&str] = &[
    include_str!("../cuda.h"),
    include_str!("../state.h"),
    include_str!("../kernels.h"),
    include_str!("../driver.cpp"),
    include_str!("../../kernels/frame.cu"),
    include_str!("../../kernels/job.cuh"),
    include_str!("../../kernels/fill.cuh"),
    include_str!("../../kernels/blend.cuh"),
    include_str!("../../kernels/interpolate.cuh"),
    include_str!("../../kernels/decide.cuh"),
    include_str!("../../kernels/measure.cuh"),
];

/// No fused multiply-add, as on the device.
const FLAGS: &[&str] =
    &["-std=c++17", "-O2", "-ffp-contract=off", "-fPIC", "-shared", "-Wl,-Bsymbolic"];

/// The simulator, loaded in the driver's place.
#[derive(Debug)]
pub struct Simulator {
    library: Library,
    file: PathBuf,
}

/// Compiles the simulator, if no test has before, and loads it.
///
/// The calling thread has it for itself until the thread ends: a process has one simulator, and
/// tests that run as threads would see each other's failures and counts. Threads that the test
/// starts do not call this.
///
/// Panics where there is no C++ compiler or it refuses a kernel: nothing of this crate runs outside
/// tests.
pub fn load() -> &'static Simulator {
    static LOADED: OnceLock<Simulator> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::new(());
    thread_local! {
        static MY_TURN: MutexGuard<'static, ()> = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    }
    MY_TURN.with(|_| ());
    LOADED.get_or_init(|| {
        let file = compiled("driver.cpp", SOURCES, "libcuda.so");
        // SAFETY: the library is our own and initialises nothing when it is loaded.
        let library = unsafe { Library::new(&file) }
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        Simulator { library, file }
    })
}

impl Simulator {
    /// The library file, for whoever loads the driver by its path.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Lets every call of the driver's function `function` (`*`: of any) return `code` from now on;
    /// 0 ends that.
    pub fn fail(&self, function: &str, code: i32) {
        type Fail = unsafe extern "C" fn(*const c_char, c_int);
        let name = CString::new(function).expect("names of functions hold no zero");
        // SAFETY: the type is that of the function in driver.cpp, which copies the string.
        unsafe {
            self.library.get::<Fail>(b"simulator_fail").expect("exported")(name.as_ptr(), code);
        };
    }

    /// How often the driver's function `function` was called.
    pub fn calls(&self, function: &str) -> u64 {
        type Calls = unsafe extern "C" fn(*const c_char) -> u64;
        let name = CString::new(function).expect("names of functions hold no zero");
        // SAFETY: as above.
        unsafe { self.library.get::<Calls>(b"simulator_calls").expect("exported")(name.as_ptr()) }
    }

    /// Asks the stream of the handle `stream` for `work`, which may read and write device memory,
    /// that being the host's. A graph that captures it does it again at every launch. It is never
    /// freed.
    pub fn ask(&self, stream: u64, work: impl Fn() + Send + Sync + 'static) {
        type Ask = unsafe extern "C" fn(
            *mut c_void,
            unsafe extern "C" fn(*mut c_void),
            *mut c_void,
        ) -> c_int;
        let work: &'static mut Work = Box::leak(Box::new(Box::new(work)));
        // SAFETY: the type is that of the function in driver.cpp; `work` lives for ever.
        let code = unsafe {
            let ask = self.library.get::<Ask>(b"simulator_ask").expect("exported");
            ask(stream as *mut c_void, run, std::ptr::from_mut(work).cast())
        };
        assert_eq!(code, 0, "{stream:#x}: expected a stream of the simulator");
    }
}

/// Work of a test's own.
type Work = Box<dyn Fn() + Send + Sync>;

unsafe extern "C" fn run(work: *mut c_void) {
    // SAFETY: `ask` passes the address of a `Work` that is never freed.
    unsafe { (*work.cast::<Work>())() };
}

/// `source` compiled, beside the test programs, under a name that changes with all its `sources`.
/// The loader knows it as `name`.
fn compiled(source: &str, sources: &[&str], name: &str) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    (sources, FLAGS, name).hash(&mut hasher);
    let program = std::env::current_exe().expect("a running test has a file");
    let folder = program.with_file_name(format!("cuda-simulator-{:016x}", hasher.finish()));
    let file = folder.join(name);
    fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    // Tests are processes of their own: one compiles, the others wait for it.
    let lock = File::create(folder.join("lock")).expect("a file in our own folder");
    lock.lock().expect("a lock on our own file");
    if !file.exists() {
        compile(source, name, &folder.join("unfinished.so"));
        fs::rename(folder.join("unfinished.so"), &file).expect("a name in our own folder");
    }
    file
}

fn compile(source: &str, name: &str, to: &Path) {
    let compiler = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let soname = format!("-Wl,-soname,{name}");
    let output =
        Command::new(&compiler).args(FLAGS).arg(soname).arg("-o").arg(to).arg(&source).output();
    let output = output.unwrap_or_else(|error| {
        panic!(
            "{}: expected a C++ compiler, found: {error} (install one, or set CXX)",
            compiler.display()
        )
    });
    assert!(
        output.status.success(),
        "{}: {}",
        source.display(),
        String::from_utf8_lossy(&output.stderr)
    );
}
