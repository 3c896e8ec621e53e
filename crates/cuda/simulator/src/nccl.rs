//! Stands in for NCCL in tests: its functions between processes of one machine, on the simulated
//! driver's streams.
//!
//! It is as late as NCCL may be: a group is made and a sum reaches its stream only while somebody
//! asks for the group's state. As NCCL within a machine it waits for a process that died for ever,
//! until the group is aborted. Sums are in the order of ranks.

use std::ffi::{CString, c_char, c_int};
use std::sync::OnceLock;

use libloading::Library;

use crate::compiled;

/// The stand-in, loaded in NCCL's place.
#[derive(Debug)]
pub struct Nccl {
    library: Library,
}

/// Compiles the stand-in, if no test has before, and loads it as `libnccl.so.2`. It works on the
/// streams of the simulator: load that first.
///
/// Panics as [`load`](crate::load) does.
pub fn load_nccl() -> &'static Nccl {
    static LOADED: OnceLock<Nccl> = OnceLock::new();
    LOADED.get_or_init(|| {
        let file = compiled("nccl.cpp", &[include_str!("../nccl.cpp")], "libnccl.so.2");
        // SAFETY: the library is our own and initialises nothing when it is loaded.
        let library = unsafe { Library::new(&file) }
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        Nccl { library }
    })
}

impl Nccl {
    /// Lets every call of NCCL's function `function` return `code` from now on. `asynchronous` is a
    /// group that breaks: its state is `code`.
    pub fn fail(&self, function: &str, code: i32) {
        type Fail = unsafe extern "C" fn(*const c_char, c_int);
        let name = CString::new(function).expect("names of functions hold no zero");
        // SAFETY: the type is that of the function in nccl.cpp, which copies the string.
        unsafe {
            self.library.get::<Fail>(b"nccl_simulator_fail").expect("exported")(
                name.as_ptr(),
                code,
            );
        };
    }

    /// Says another version, as NCCL writes them: 22203 is 2.22.3.
    pub fn set_version(&self, version: i32) {
        type SetVersion = unsafe extern "C" fn(c_int);
        // SAFETY: the type is that of the function in nccl.cpp.
        unsafe {
            self.library.get::<SetVersion>(b"nccl_simulator_set_version").expect("exported")(
                version,
            );
        };
    }
}
