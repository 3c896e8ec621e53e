//! Work that is recorded once and asked for again in one call.

use std::panic::{self, AssertUnwindSafe};

use cudarc::driver::sys;

use crate::error::{Error, check};
use crate::{Device, Stream, functions};

/// What a stream was asked for while it was captured. Addresses are baked in: what changes from
/// launch to launch must stand in the memory that they point to, and that memory must outlive this.
#[derive(Debug)]
pub struct Graph {
    recorded: sys::CUgraph,
    executable: sys::CUgraphExec,
    device: Device,
}

// SAFETY: the driver lets any thread use a graph, one at a time; every use here takes `&mut`.
unsafe impl Send for Graph {}

impl Stream {
    /// Records what `ask` asks of this stream instead of doing it. Nothing in `ask` may wait for
    /// the device or allocate on it.
    ///
    /// An error of `ask` is returned after the capture was ended, and so is one of the capture. A
    /// panic of `ask` goes on after it.
    pub fn capture<E: From<Error>>(
        &self,
        ask: impl FnOnce(&Self) -> Result<(), E>,
    ) -> Result<Graph, E> {
        self.device().make_current()?;
        // Other threads go on allocating and copying while this one captures.
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        // SAFETY: the handle is alive; the capture is ended below on this thread, as this mode
        // wants, whatever becomes of `ask`.
        check("cuStreamBeginCapture", unsafe {
            functions::cuStreamBeginCapture_v2(self.raw(), mode)
        })?;
        let asked = panic::catch_unwind(AssertUnwindSafe(|| ask(self)));
        let mut graph = Graph {
            recorded: std::ptr::null_mut(),
            executable: std::ptr::null_mut(),
            device: self.device().clone(),
        };
        // SAFETY: the driver writes one handle, destroyed with `graph`.
        let ended = unsafe { functions::cuStreamEndCapture(self.raw(), &raw mut graph.recorded) };
        asked.unwrap_or_else(|panic| panic::resume_unwind(panic))?;
        check("cuStreamEndCapture", ended)?;
        // SAFETY: the driver writes one handle, destroyed with `graph`.
        let code = unsafe {
            functions::cuGraphInstantiateWithFlags(&raw mut graph.executable, graph.recorded, 0)
        };
        check("cuGraphInstantiate", code)?;
        Ok(graph)
    }
}

impl Graph {
    /// Asks `stream` for all of it. Launches of one graph follow each other, whatever streams they
    /// are asked of.
    ///
    /// # Safety
    /// Everything that the captured work reads, writes or runs in is alive until the launch is
    /// done: device memory, code, a library's objects. Memory of the host, if there is any, is left
    /// alone until then.
    pub unsafe fn launch(&mut self, stream: &Stream) -> Result<(), Error> {
        self.device.make_current()?;
        // SAFETY: both handles are alive; the rest is the caller's word.
        check("cuGraphLaunch", unsafe { functions::cuGraphLaunch(self.executable, stream.raw()) })
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        if self.device.make_current().is_err() {
            return;
        }
        if !self.executable.is_null() {
            // SAFETY: instantiated in `capture`, destroyed once; the driver finishes a launch that
            // is under way.
            let _ = unsafe { functions::cuGraphExecDestroy(self.executable) };
        }
        if !self.recorded.is_null() {
            // SAFETY: captured in `capture`, destroyed once.
            let _ = unsafe { functions::cuGraphDestroy(self.recorded) };
        }
    }
}
