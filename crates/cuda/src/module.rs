//! Code on a device.

use std::ffi::{CStr, c_void};

use cudarc::driver::sys;

use crate::error::{Error, check};
use crate::{Device, Stream, functions};

/// Threads of a block: enough to hide the latency of memory on every architecture, few enough for
/// any of them.
const BLOCK_THREADS: u64 = 256;

/// Most blocks of a launch along x.
const MOST_BLOCKS: u64 = (1 << 31) - 1;

/// Loaded code. What comes from it is valid while it lives.
#[derive(Debug)]
pub(crate) struct Module {
    handle: sys::CUmodule,
    device: Device,
}

/// A kernel of a module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Function(sys::CUfunction);

// SAFETY: the driver lets any thread use a module; it locks for itself.
unsafe impl Send for Module {}
// SAFETY: as above.
unsafe impl Send for Function {}

impl Module {
    /// Loads PTX, which the driver assembles for the device: some tens of milliseconds, or nothing
    /// where its cache has it.
    pub(crate) fn load(device: &Device, ptx: &CStr) -> Result<Self, Error> {
        device.make_current()?;
        let mut handle = std::ptr::null_mut();
        // SAFETY: the driver reads text up to its zero and writes one handle, unloaded in `drop`.
        check("cuModuleLoadData", unsafe {
            functions::cuModuleLoadData(&raw mut handle, ptx.as_ptr().cast())
        })?;
        Ok(Self { handle, device: device.clone() })
    }

    pub(crate) fn function(&self, name: &CStr) -> Result<Function, Error> {
        self.device.make_current()?;
        let mut function = std::ptr::null_mut();
        // SAFETY: the driver reads a string and writes one handle; the module is alive.
        let code = unsafe {
            functions::cuModuleGetFunction(&raw mut function, self.handle, name.as_ptr())
        };
        check("cuModuleGetFunction", code).map(|()| Function(function))
    }
}

impl Function {
    /// Asks `stream` for at least `threads` threads, with the arguments that `arguments` point to.
    ///
    /// # Safety
    /// The arguments have the types of the kernel's parameters, in order, and the kernel stays
    /// inside the memory that they name. That memory and the module outlive the work.
    pub(crate) unsafe fn launch(
        self,
        threads: u64,
        stream: &Stream,
        arguments: &mut [*mut c_void],
    ) -> Result<(), Error> {
        let blocks = threads.div_ceil(BLOCK_THREADS).max(1);
        if blocks > MOST_BLOCKS {
            let (expected, found) = (blocks as usize, MOST_BLOCKS as usize);
            return Err(Error::Length { buffer: "blocks of a launch", expected, found });
        }
        // SAFETY: the caller's word.
        unsafe { self.launch_blocks(blocks as u32, BLOCK_THREADS as u32, stream, arguments) }
    }

    /// Asks `stream` for one thread.
    ///
    /// # Safety
    /// As for [`launch`](Self::launch).
    pub(crate) unsafe fn launch_one(
        self,
        stream: &Stream,
        arguments: &mut [*mut c_void],
    ) -> Result<(), Error> {
        // SAFETY: the caller's word.
        unsafe { self.launch_blocks(1, 1, stream, arguments) }
    }

    /// # Safety
    /// As for [`launch`](Self::launch).
    unsafe fn launch_blocks(
        self,
        blocks: u32,
        threads: u32,
        stream: &Stream,
        arguments: &mut [*mut c_void],
    ) -> Result<(), Error> {
        stream.device().make_current()?;
        let (raw, arguments, extra) = (stream.raw(), arguments.as_mut_ptr(), std::ptr::null_mut());
        // SAFETY: the caller's word; the driver copies the arguments before it returns.
        check("cuLaunchKernel", unsafe {
            functions::cuLaunchKernel(self.0, blocks, 1, 1, threads, 1, 1, 0, raw, arguments, extra)
        })
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        if self.device.synchronize().is_ok() {
            // SAFETY: loaded in `load`, unloaded once, and nothing runs in it any more.
            let _ = unsafe { functions::cuModuleUnload(self.handle) };
        }
    }
}
