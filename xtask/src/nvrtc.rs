//! NVIDIA's run-time compiler, loaded from a file.
#![allow(unsafe_code, reason = "NVRTC is a foreign library")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;

use libloading::Library;

use crate::error::Error;

type Program = *mut c_void;
type Create = unsafe extern "C" fn(
    *mut Program,
    *const c_char,
    *const c_char,
    c_int,
    *const *const c_char,
    *const *const c_char,
) -> c_int;
type Compile = unsafe extern "C" fn(Program, c_int, *const *const c_char) -> c_int;
type Size = unsafe extern "C" fn(Program, *mut usize) -> c_int;
type Bytes = unsafe extern "C" fn(Program, *mut c_char) -> c_int;
type Destroy = unsafe extern "C" fn(*mut Program) -> c_int;

/// A loaded compiler.
pub(crate) struct Nvrtc {
    library: Library,
}

/// What a compilation is to give.
#[derive(Clone, Copy)]
pub(crate) enum Output {
    /// Text for any device from an architecture on.
    Ptx,
    /// Code for one architecture.
    Cubin,
}

impl Nvrtc {
    /// Loads `libnvrtc.so.12`; the file with its built-in headers is to lie beside it.
    pub(crate) fn load(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::NoNvrtc { library: path.to_owned(), source };
        // SAFETY: loading runs the initialisers of NVIDIA's library, whose hash was checked when it
        // was fetched.
        unsafe { Library::new(path) }.map(|library| Self { library }).map_err(failed)
    }

    /// Compiles `source` under the name `name` with `options`. The error is the compiler's log.
    pub(crate) fn compile(
        &self,
        source: &str,
        name: &str,
        options: &[String],
        output: Output,
    ) -> Result<Vec<u8>, String> {
        let text = |text: &str| CString::new(text).map_err(|error| error.to_string());
        let (source, name) = (text(source)?, text(name)?);
        let options = options.iter().map(|option| text(option)).collect::<Result<Vec<_>, _>>()?;
        let options: Vec<_> = options.iter().map(|option| option.as_ptr()).collect();
        let mut program: Program = std::ptr::null_mut();
        // SAFETY: the types are those of nvrtc.h; all strings outlive the calls, and the program is
        // destroyed at the end.
        unsafe {
            let create = self.function::<Create>("nvrtcCreateProgram")?;
            let (no_headers, no_names) = (std::ptr::null(), std::ptr::null());
            if create(&raw mut program, source.as_ptr(), name.as_ptr(), 0, no_headers, no_names)
                != 0
            {
                return Err("nvrtcCreateProgram refused the source".to_owned());
            }
            let compile = self.function::<Compile>("nvrtcCompileProgram")?;
            let code = compile(program, options.len() as c_int, options.as_ptr());
            let (size, bytes) = match output {
                _ if code != 0 => ("nvrtcGetProgramLogSize", "nvrtcGetProgramLog"),
                Output::Ptx => ("nvrtcGetPTXSize", "nvrtcGetPTX"),
                Output::Cubin => ("nvrtcGetCUBINSize", "nvrtcGetCUBIN"),
            };
            let bytes = self.bytes(program, size, bytes)?;
            self.function::<Destroy>("nvrtcDestroyProgram")?(&raw mut program);
            let log = || {
                CStr::from_bytes_until_nul(&bytes)
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned()
            };
            if code == 0 { Ok(bytes) } else { Err(log()) }
        }
    }

    /// # Safety
    /// `program` was created and is not destroyed.
    unsafe fn bytes(&self, program: Program, size: &str, bytes: &str) -> Result<Vec<u8>, String> {
        let mut length = 0;
        // SAFETY: the caller's word; the second function writes as many bytes as the first one
        // says.
        unsafe {
            let code = self.function::<Size>(size)?(program, &raw mut length);
            let mut buffer = vec![0_u8; length];
            let code =
                code.max(self.function::<Bytes>(bytes)?(program, buffer.as_mut_ptr().cast()));
            if code == 0 { Ok(buffer) } else { Err(format!("{bytes} gave the code {code}")) }
        }
    }

    /// # Safety
    /// `F` is the type of the function `name` in nvrtc.h.
    unsafe fn function<F: Copy>(&self, name: &str) -> Result<F, String> {
        // SAFETY: the caller's word; the library lives as long as `self`, and the function is
        // called no later.
        unsafe { self.library.get::<F>(name.as_bytes()) }
            .map(|symbol| *symbol)
            .map_err(|error| error.to_string())
    }
}
