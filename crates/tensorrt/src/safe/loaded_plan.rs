//! A plan that is ready to run, for owners that outlive a function.

use super::{Engine, EngineTensor, Error, ExecutionContext, Library, Runtime};

/// Runtime, engine and context of one plan. [`Runtime`], [`Engine`] and [`ExecutionContext`] borrow from each other, which no structure
/// that is stored can do; this one keeps the three together and deletes them in the right order.
///
/// It may move to another thread: NVIDIA's objects take calls from any thread, one at a time (TensorRT Developer Guide, "Threading"). The
/// CUDA device that was current when it was made has to be current on the calling thread.
#[derive(Debug)]
pub struct LoadedPlan {
    // Fields are dropped in this order: each was made from the next.
    context: ExecutionContext<'static>,
    engine: Engine<'static>,
    _runtime: Runtime<'static>,
}

// SAFETY: no object here is bound to a thread, see above; `&mut` keeps calls one at a time, and what `&self` reaches reads tables that
// nothing changes after the plan was loaded.
unsafe impl Send for LoadedPlan {}

impl LoadedPlan {
    /// Deserializes `plan` and creates a context for it. Plans are code: take them from nobody you do not trust.
    pub fn new(library: &'static Library, plan: &[u8]) -> Result<Self, Error> {
        let runtime = Runtime::new(library)?;
        let engine = runtime.deserialize(plan)?;
        // SAFETY: the lifetime says that an engine is deleted before its runtime, which the order of the fields sees to. It is no
        // reference into the runtime, so both may move.
        let engine = unsafe { std::mem::transmute::<Engine<'_>, Engine<'static>>(engine) };
        let context = engine.create_context()?;
        // SAFETY: as above, for the context and its engine. Nothing below hands either of them out.
        let context = unsafe { std::mem::transmute::<ExecutionContext<'_>, ExecutionContext<'static>>(context) };
        Ok(Self { context, engine, _runtime: runtime })
    }

    /// Inputs and outputs.
    pub fn tensors(&self) -> Result<Vec<EngineTensor>, Error> {
        self.engine.tensors()
    }

    /// See [`ExecutionContext::set_input_shape`].
    pub fn set_input_shape(&mut self, input: &str, shape: &[i64]) -> Result<(), Error> {
        self.context.set_input_shape(input, shape)
    }

    /// See [`ExecutionContext::shape`].
    pub fn shape(&self, tensor: &str) -> Result<Vec<i64>, Error> {
        self.context.shape(tensor)
    }

    /// See [`ExecutionContext::set_address`].
    ///
    /// # Safety
    /// As there.
    pub unsafe fn set_address(&mut self, tensor: &str, address: u64) -> Result<(), Error> {
        // SAFETY: the caller's word.
        unsafe { self.context.set_address(tensor, address) }
    }

    /// See [`ExecutionContext::enqueue`].
    ///
    /// # Safety
    /// As there.
    pub unsafe fn enqueue(&mut self, stream: u64) -> Result<(), Error> {
        // SAFETY: the caller's word.
        unsafe { self.context.enqueue(stream) }
    }
}
