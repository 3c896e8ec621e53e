//! Loading the driver without a panic.
//!
//! cudarc panics when it finds no library and when a function is missing in it. Both are looked for here before it is asked.

use std::sync::OnceLock;

use cudarc::driver::sys;

use crate::error::{Error, check};

// The first driver of the 12 series takes the PTX in this crate. JetPack 6 has 12.2 to 12.6.
const LEAST_VERSION: (u32, u32) = (12, 0);

/// Every function of the driver that this crate calls.
const FUNCTIONS: &[&str] = &[
    "cuCtxSetCurrent",
    "cuCtxSynchronize",
    "cuDeviceGet",
    "cuDeviceGetAttribute",
    "cuDeviceGetCount",
    "cuDeviceGetName",
    "cuDeviceGetUuid",
    "cuDevicePrimaryCtxRelease_v2",
    "cuDevicePrimaryCtxRetain",
    "cuDeviceTotalMem_v2",
    "cuDriverGetVersion",
    "cuEventCreate",
    "cuEventDestroy_v2",
    "cuEventElapsedTime",
    "cuEventQuery",
    "cuEventRecord",
    "cuEventSynchronize",
    "cuGetErrorString",
    "cuGraphDestroy",
    "cuGraphExecDestroy",
    "cuGraphInstantiateWithFlags",
    "cuGraphLaunch",
    "cuInit",
    "cuLaunchKernel",
    "cuMemAlloc_v2",
    "cuMemFreeHost",
    "cuMemFree_v2",
    "cuMemGetInfo_v2",
    "cuMemHostAlloc",
    "cuMemHostGetDevicePointer_v2",
    "cuMemcpyDtoDAsync_v2",
    "cuMemcpyDtoHAsync_v2",
    "cuMemcpyHtoDAsync_v2",
    "cuMemsetD8Async",
    "cuModuleGetFunction",
    "cuModuleLoadData",
    "cuModuleUnload",
    "cuStreamBeginCapture_v2",
    "cuStreamCreate",
    "cuStreamDestroy_v2",
    "cuStreamEndCapture",
    "cuStreamSynchronize",
    "cuStreamWaitEvent",
];

/// Loads the driver and starts it, once a process. Returns its version.
pub(crate) fn start() -> Result<(u32, u32), Error> {
    static STARTED: OnceLock<Result<(u32, u32), Error>> = OnceLock::new();
    STARTED.get_or_init(try_start).clone()
}

fn try_start() -> Result<(u32, u32), Error> {
    // SAFETY: loading runs the initialisers of NVIDIA's library, as any use of a GPU does.
    if !unsafe { sys::is_culib_present() } {
        return Err(Error::NoDriver);
    }
    // SAFETY: as above; the library is there, so this does not panic.
    let library = unsafe { sys::culib() };
    let is_missing = |name: &&str| {
        // SAFETY: the symbol is looked for and not called.
        unsafe { library.get::<unsafe extern "C" fn()>(name.as_bytes()) }.is_err()
    };
    if let Some(function) = FUNCTIONS.iter().copied().find(is_missing) {
        return Err(Error::MissingFunction { function });
    }
    let mut number = 0;
    // SAFETY: the driver writes one integer. This function may be called before `cuInit`.
    check("cuDriverGetVersion", unsafe { sys::cuDriverGetVersion(&raw mut number) })?;
    let version = version(number);
    if version < LEAST_VERSION {
        return Err(Error::OldDriver { expected: LEAST_VERSION, found: version });
    }
    // SAFETY: no precondition; the flags must be 0.
    match unsafe { sys::cuInit(0) } {
        sys::CUresult::CUDA_ERROR_NO_DEVICE => Err(Error::NoDevice { ordinal: 0, count: 0 }),
        code => check("cuInit", code).map(|()| version),
    }
}

/// NVIDIA writes 12.6 as 12060.
fn version(number: i32) -> (u32, u32) {
    let number = number.unsigned_abs();
    (number / 1000, number % 1000 / 10)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Names in `sys::cu…(` of every source file in `folder`.
    fn called(folder: &Path, names: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                called(&path, names);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let calls = text.split("sys::").skip(1).filter_map(|after| after.split_once('('));
            let is_name = |name: &&str| name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
            let functions = calls.map(|(name, _)| name).filter(is_name);
            names.extend(functions.filter(|name| name.starts_with("cu") && *name != "culib").map(str::to_owned));
        }
    }

    #[test]
    fn every_function_that_is_called_is_looked_for_first() {
        let mut names = BTreeSet::new();
        called(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut names);
        let looked_for: BTreeSet<String> = FUNCTIONS.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(names, looked_for, "cudarc panics where one is missing");
    }

    #[test]
    fn versions_are_read_as_nvidia_writes_them() {
        assert_eq!((version(12060), version(13000)), ((12, 6), (13, 0)));
    }
}
