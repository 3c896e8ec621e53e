//! A plan that is ready to run, for owners that outlive a function.

use super::{Engine, EngineTensor, Error, ExecutionContext, Library, Runtime};

/// Runtime, engine and contexts of one plan. [`Runtime`], [`Engine`] and [`ExecutionContext`]
/// borrow from each other, which no structure that is stored can do; this one keeps them together
/// and deletes them in the right order.
///
/// It may move to another thread: NVIDIA's objects take calls from any thread, one at a time
/// (TensorRT Developer Guide, "Threading"). The CUDA device that was current when it was made has
/// to be current on the calling thread.
#[derive(Debug)]
pub struct LoadedPlan {
    // Fields are dropped in this order: each was made from the next.
    contexts: Vec<ExecutionContext<'static>>,
    engine: Engine<'static>,
    _runtime: Runtime<'static>,
}

/// One of the contexts of a [`LoadedPlan`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextId(usize);

// SAFETY: no object here is bound to a thread, see above; `&mut` keeps calls one at a time, and
// what `&self` reaches reads tables that nothing changes after the plan was loaded.
unsafe impl Send for LoadedPlan {}

impl LoadedPlan {
    /// Deserializes `plan`. Plans are code: take them from nobody you do not trust.
    pub fn new(library: &'static Library, plan: &[u8]) -> Result<Self, Error> {
        let runtime = Runtime::new(library)?;
        let engine = runtime.deserialize(plan)?;
        // SAFETY: the lifetime says that an engine is deleted before its runtime, which the order
        // of the fields sees to. It is no reference into the runtime, so both may move. Nothing
        // below hands it out.
        let engine = unsafe { std::mem::transmute::<Engine<'_>, Engine<'static>>(engine) };
        Ok(Self { contexts: Vec::new(), engine, _runtime: runtime })
    }

    /// See [`Engine::memory_bytes`].
    pub fn memory_bytes(&self) -> Result<usize, Error> {
        self.engine.memory_bytes()
    }

    /// Makes one more context, which lives as long as the plan. See [`Engine::create_context`].
    ///
    /// # Safety
    /// As there.
    pub unsafe fn add_context(&mut self, address: u64) -> Result<ContextId, Error> {
        // SAFETY: the caller's word.
        let context = unsafe { self.engine.create_context(address) }?;
        // SAFETY: as for the engine, which contexts are deleted before.
        let context = unsafe {
            std::mem::transmute::<ExecutionContext<'_>, ExecutionContext<'static>>(context)
        };
        self.contexts.push(context);
        Ok(ContextId(self.contexts.len() - 1))
    }

    /// Inputs and outputs.
    pub fn tensors(&self) -> Result<Vec<EngineTensor>, Error> {
        self.engine.tensors()
    }

    /// See [`ExecutionContext::set_input_shape`].
    pub fn set_input_shape(
        &mut self,
        context: ContextId,
        input: &str,
        shape: &[i64],
    ) -> Result<(), Error> {
        self.contexts[context.0].set_input_shape(input, shape)
    }

    /// See [`ExecutionContext::infer_shapes`].
    pub fn infer_shapes(&mut self, context: ContextId) -> Result<(), Error> {
        self.contexts[context.0].infer_shapes()
    }

    /// See [`ExecutionContext::shape`].
    pub fn shape(&self, context: ContextId, tensor: &str) -> Result<Vec<i64>, Error> {
        self.contexts[context.0].shape(tensor)
    }

    /// See [`ExecutionContext::set_address`].
    ///
    /// # Safety
    /// As there.
    pub unsafe fn set_address(
        &mut self,
        context: ContextId,
        tensor: &str,
        address: u64,
    ) -> Result<(), Error> {
        // SAFETY: the caller's word.
        unsafe { self.contexts[context.0].set_address(tensor, address) }
    }

    /// See [`ExecutionContext::enqueue`].
    ///
    /// # Safety
    /// As there.
    pub unsafe fn enqueue(&mut self, context: ContextId, stream: u64) -> Result<(), Error> {
        // SAFETY: the caller's word.
        unsafe { self.contexts[context.0].enqueue(stream) }
    }
}
