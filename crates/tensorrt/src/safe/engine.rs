//! A network on a GPU.

use std::ffi::CString;

use super::config::c_name;
use super::owned::Owned;
use super::{DataType, Direction, EngineTensor, Error, ExecutionContext, Library, TensorInfo};
use crate::result;

/// `TensorIOMode::kINPUT`.
const INPUT: i32 = 1;

/// A deserialized plan: weights and kernels, without the memory of a run.
#[derive(Debug)]
pub struct Engine<'r> {
    object: Owned<'r>,
    library: &'r Library,
}

impl<'r> Engine<'r> {
    pub(super) fn new(library: &'r Library, object: Owned<'r>) -> Self {
        Self { object, library }
    }

    /// Bytes of GPU memory that a context needs to run in, whatever its shapes.
    pub fn memory_bytes(&self) -> Result<usize, Error> {
        let form = self.library.memory_form();
        // SAFETY: the engine is alive.
        self.library.call(|| unsafe { result::engine::memory_bytes(self.object.handle(), form) })
    }

    /// A context that runs in the GPU memory at `address`. Contexts that never run at the same time
    /// may share it.
    ///
    /// # Safety
    /// [`memory_bytes`](Self::memory_bytes) bytes of the current device are there, aligned to 256
    /// bytes, until the context is gone and its runs are over. While one of its runs is under way,
    /// nothing else uses them.
    pub unsafe fn create_context(&self, address: u64) -> Result<ExecutionContext<'_>, Error> {
        let (bytes, form) = (self.memory_bytes()?, self.library.memory_form());
        // SAFETY: the engine is alive.
        let handle = self
            .library
            .call(|| unsafe { result::engine::create_context(self.object.handle()) })?;
        // SAFETY: the context was just made; the memory is the caller's word.
        unsafe { result::context::set_memory(handle, address, bytes, form) };
        Ok(ExecutionContext::new(self.library, Owned::object(handle), self.names()?))
    }

    /// How many optimization profiles were built in.
    pub fn profiles(&self) -> u32 {
        // SAFETY: the engine is alive.
        unsafe { result::engine::profiles(self.object.handle()) }.unsigned_abs()
    }

    /// Inputs and outputs.
    pub fn tensors(&self) -> Result<Vec<EngineTensor>, Error> {
        let engine = self.object.handle();
        let info = |name: String| {
            let c_name = c_name(&name)?;
            // SAFETY: the engine is alive.
            let (mode, code, dimensions) = unsafe {
                (
                    result::engine::tensor_mode(engine, &c_name),
                    result::engine::tensor_type(engine, &c_name),
                    result::engine::tensor_dimensions(engine, &c_name),
                )
            };
            let direction = if mode == INPUT { Direction::Input } else { Direction::Output };
            let shape = dimensions.shape().unwrap_or_default().to_vec();
            Ok(EngineTensor {
                direction,
                tensor: TensorInfo { name, data_type: DataType::from_code(code), shape },
            })
        };
        self.names()?.into_iter().map(info).collect()
    }

    /// Smallest, most frequent and largest shape of an input in a profile.
    pub fn profile_shapes(&self, input: &str, profile: u32) -> Result<[Vec<i64>; 3], Error> {
        let name: CString = c_name(input)?;
        let shape = |selector| {
            // SAFETY: the engine is alive; it answers an unknown name or profile with a rank of -1.
            let found = unsafe {
                result::engine::profile_dimensions(
                    self.object.handle(),
                    &name,
                    profile as i32,
                    selector,
                )
            };
            match found.shape() {
                Some(shape) => Ok(shape.to_vec()),
                None => Err(Error::UnknownTensor { name: input.to_owned(), known: self.names()? }),
            }
        };
        Ok([shape(0)?, shape(1)?, shape(2)?])
    }

    fn names(&self) -> Result<Vec<String>, Error> {
        // SAFETY: the engine is alive.
        self.library.call(|| unsafe { result::engine::tensor_names(self.object.handle()) })
    }
}
