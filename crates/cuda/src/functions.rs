//! The functions of the driver that this crate calls, with a number as their answer.
//!
//! cudarc declares them to return an enum of the codes of one version of CUDA. A driver may be of a
//! later version and answer with a code that the enum lacks, which Rust does not allow to exist; so
//! they are loaded here once more with another type. Everything else about them is cudarc's: the
//! compiler compares each with cudarc's declaration.
#![allow(non_snake_case, clippy::too_many_arguments, reason = "as NVIDIA has them")]

use std::ffi::{c_char, c_int, c_uint, c_ulonglong, c_void};
use std::sync::OnceLock;

use cudarc::driver::sys::{
    self, CUcontext, CUdevice, CUdevice_attribute, CUdeviceptr, CUevent, CUfunction, CUgraph,
    CUgraphExec, CUmodule, CUresult, CUstream, CUstreamCaptureMode, CUuuid,
};

use crate::error::Error;

/// What a function of the driver answers, of whatever version it is.
pub(crate) type Code = u32;

pub(crate) const SUCCESS: Code = CUresult::CUDA_SUCCESS as Code;
pub(crate) const OUT_OF_MEMORY: Code = CUresult::CUDA_ERROR_OUT_OF_MEMORY as Code;
pub(crate) const NO_DEVICE: Code = CUresult::CUDA_ERROR_NO_DEVICE as Code;
pub(crate) const NOT_READY: Code = CUresult::CUDA_ERROR_NOT_READY as Code;
const NOT_INITIALIZED: Code = CUresult::CUDA_ERROR_NOT_INITIALIZED as Code;

const _: () =
    assert!(size_of::<Code>() == size_of::<CUresult>(), "the driver's answer is a C enum");

macro_rules! functions {
    (
        as in cudarc: { $(fn $name:ident($($argument:ident: $kind:ty),*);)* }
        with a code as an argument: {
            $(fn $other:ident($($other_argument:ident: $other_kind:ty),*);)*
        }
    ) => {
        struct Functions {
            $($name: unsafe extern "C" fn($($kind),*) -> Code,)*
            $($other: unsafe extern "C" fn($($other_kind),*) -> Code,)*
        }

        // The arguments are those that cudarc has generated from NVIDIA's header.
        $(const _: unsafe fn($($kind),*) -> CUresult = sys::$name;)*

        /// Finds every function in the driver's library, once a process.
        ///
        /// # Safety
        /// The library is there: cudarc panics where it is not.
        pub(crate) unsafe fn load() -> Result<(), Error> {
            // SAFETY: the caller's word.
            let library = unsafe { sys::culib() };
            let functions = Functions {
                // SAFETY: the types are those of NVIDIA's header, but for the number in place of
                // the enum.
                $($name: *unsafe { library.get(concat!(stringify!($name), "\0").as_bytes()) }
                    .map_err(|_| Error::MissingFunction { function: stringify!($name) })?,)*
                // SAFETY: as above.
                $($other: *unsafe { library.get(concat!(stringify!($other), "\0").as_bytes()) }
                    .map_err(|_| Error::MissingFunction { function: stringify!($other) })?,)*
            };
            let _ = LOADED.set(functions);
            Ok(())
        }

        functions!(@calls
            $(fn $name($($argument: $kind),*);)*
            $(fn $other($($other_argument: $other_kind),*);)*
        );
    };
    (@calls $(fn $name:ident($($argument:ident: $kind:ty),*);)*) => {
        $(
            /// # Safety
            /// As NVIDIA's documentation of the function says.
            pub(crate) unsafe fn $name($($argument: $kind),*) -> Code {
                // SAFETY: the caller's word.
                LOADED.get().map_or(NOT_INITIALIZED, |functions| unsafe {
                    (functions.$name)($($argument),*)
                })
            }
        )*
    };
}

static LOADED: OnceLock<Functions> = OnceLock::new();

functions! {
    as in cudarc: {
        fn cuCtxSetCurrent(context: CUcontext);
        fn cuCtxSynchronize();
        fn cuDeviceGet(device: *mut CUdevice, ordinal: c_int);
        fn cuDeviceGetAttribute(value: *mut c_int, attribute: CUdevice_attribute, device: CUdevice);
        fn cuDeviceGetCount(count: *mut c_int);
        fn cuDeviceGetName(name: *mut c_char, length: c_int, device: CUdevice);
        fn cuDeviceGetUuid(uuid: *mut CUuuid, device: CUdevice);
        fn cuDevicePrimaryCtxRelease_v2(device: CUdevice);
        fn cuDevicePrimaryCtxRetain(context: *mut CUcontext, device: CUdevice);
        fn cuDeviceTotalMem_v2(bytes: *mut usize, device: CUdevice);
        fn cuDriverGetVersion(version: *mut c_int);
        fn cuEventCreate(event: *mut CUevent, flags: c_uint);
        fn cuEventDestroy_v2(event: CUevent);
        fn cuEventElapsedTime(milliseconds: *mut f32, start: CUevent, end: CUevent);
        fn cuEventQuery(event: CUevent);
        fn cuEventRecord(event: CUevent, stream: CUstream);
        fn cuEventSynchronize(event: CUevent);
        fn cuGraphDestroy(graph: CUgraph);
        fn cuGraphExecDestroy(executable: CUgraphExec);
        fn cuGraphInstantiateWithFlags(
            executable: *mut CUgraphExec, graph: CUgraph, flags: c_ulonglong
        );
        fn cuGraphLaunch(executable: CUgraphExec, stream: CUstream);
        fn cuInit(flags: c_uint);
        fn cuLaunchKernel(
            function: CUfunction,
            grid_x: c_uint, grid_y: c_uint, grid_z: c_uint,
            block_x: c_uint, block_y: c_uint, block_z: c_uint,
            shared_bytes: c_uint, stream: CUstream,
            arguments: *mut *mut c_void, extra: *mut *mut c_void
        );
        fn cuMemAlloc_v2(address: *mut CUdeviceptr, bytes: usize);
        fn cuMemFreeHost(start: *mut c_void);
        fn cuMemFree_v2(address: CUdeviceptr);
        fn cuMemGetInfo_v2(free: *mut usize, total: *mut usize);
        fn cuMemHostAlloc(start: *mut *mut c_void, bytes: usize, flags: c_uint);
        fn cuMemHostGetDevicePointer_v2(
            address: *mut CUdeviceptr, start: *mut c_void, flags: c_uint
        );
        fn cuMemcpyDtoDAsync_v2(to: CUdeviceptr, from: CUdeviceptr, bytes: usize, stream: CUstream);
        fn cuMemcpyDtoHAsync_v2(to: *mut c_void, from: CUdeviceptr, bytes: usize, stream: CUstream);
        fn cuMemcpyHtoDAsync_v2(
            to: CUdeviceptr, from: *const c_void, bytes: usize, stream: CUstream
        );
        fn cuMemsetD8Async(to: CUdeviceptr, value: u8, bytes: usize, stream: CUstream);
        fn cuModuleGetFunction(function: *mut CUfunction, module: CUmodule, name: *const c_char);
        fn cuModuleLoadData(module: *mut CUmodule, image: *const c_void);
        fn cuModuleUnload(module: CUmodule);
        fn cuStreamBeginCapture_v2(stream: CUstream, mode: CUstreamCaptureMode);
        fn cuStreamCreate(stream: *mut CUstream, flags: c_uint);
        fn cuStreamDestroy_v2(stream: CUstream);
        fn cuStreamEndCapture(stream: CUstream, graph: *mut CUgraph);
        fn cuStreamSynchronize(stream: CUstream);
        fn cuStreamWaitEvent(stream: CUstream, event: CUevent, flags: c_uint);
    }
    with a code as an argument: {
        fn cuGetErrorName(code: Code, text: *mut *const c_char);
        fn cuGetErrorString(code: Code, text: *mut *const c_char);
    }
}
