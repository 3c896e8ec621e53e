//! Running an engine. CUDA's streams and addresses come as integers: this crate allocates nothing
//! on a GPU.

use super::config::{c_name, dimensions};
use super::owned::Owned;
use super::{Error, Library};
use crate::result;

/// The state of one run at a time. Stays on its thread, as everything but the library does.
#[derive(Debug)]
pub struct ExecutionContext<'e> {
    object: Owned<'e>,
    library: &'e Library,
    names: Vec<String>,
}

impl<'e> ExecutionContext<'e> {
    pub(super) fn new(library: &'e Library, object: Owned<'e>, names: Vec<String>) -> Self {
        Self { object, library, names }
    }

    /// Chooses an optimization profile. Shapes have to be set anew.
    ///
    /// # Safety
    /// `stream` is a CUDA stream of the current device, or 0 for the default stream; nothing
    /// enqueued by this context is running.
    pub unsafe fn set_profile(&mut self, profile: u32, stream: u64) -> Result<(), Error> {
        let context = self.object.handle();
        // SAFETY: the context is alive and borrowed by us alone; the stream is the caller's word.
        self.library
            .call(|| unsafe { result::context::set_profile(context, profile as i32, stream) })
    }

    /// Decides an input's open sizes.
    pub fn set_input_shape(&mut self, input: &str, shape: &[i64]) -> Result<(), Error> {
        self.check_name(input)?;
        let (name, shape) = (c_name(input)?, dimensions(input, shape)?);
        // SAFETY: the context is alive and borrowed by us alone.
        self.library.call(|| unsafe {
            result::context::set_input_shape(self.object.handle(), &name, &shape)
        })
    }

    /// Sizes of a tensor, after the shapes of the inputs; -1 is open still.
    pub fn shape(&self, tensor: &str) -> Result<Vec<i64>, Error> {
        self.check_name(tensor)?;
        let name = c_name(tensor)?;
        // SAFETY: the context is alive and on one thread.
        let dimensions = unsafe { result::context::tensor_dimensions(self.object.handle(), &name) };
        dimensions.shape().map(<[i64]>::to_vec).ok_or_else(|| self.unknown(tensor))
    }

    /// Says which inputs still need a shape before a run.
    pub fn infer_shapes(&mut self) -> Result<(), Error> {
        let (context, limit) = (self.object.handle(), self.names.len());
        // SAFETY: the context is alive and borrowed by us alone.
        let open =
            self.library.call(|| unsafe { result::context::infer_shapes(context, limit) })?;
        if open.is_empty() { Ok(()) } else { Err(Error::OpenShapes(open)) }
    }

    /// Where a tensor is read or written.
    ///
    /// # Safety
    /// `address` points at device memory of at least the tensor's size at its largest set shape,
    /// aligned to 256 bytes, which stays until every run that was enqueued with it is over.
    pub unsafe fn set_address(&mut self, tensor: &str, address: u64) -> Result<(), Error> {
        self.check_name(tensor)?;
        let name = c_name(tensor)?;
        let context = self.object.handle();
        // SAFETY: the context is alive and borrowed by us alone; the address is the caller's word.
        self.library
            .call(|| unsafe { result::context::set_tensor_address(context, &name, address) })
    }

    /// Enqueues one run. Returns before it has run.
    ///
    /// # Safety
    /// `stream` is a CUDA stream of the current device; every tensor has an address that
    /// [`set_address`](Self::set_address) allows; the context is neither dropped nor enqueued again
    /// on another stream before the run is over.
    pub unsafe fn enqueue(&mut self, stream: u64) -> Result<(), Error> {
        // SAFETY: the context is alive and borrowed by us alone; the rest is the caller's word.
        self.library.call(|| unsafe { result::context::enqueue(self.object.handle(), stream) })
    }

    /// The library answers an unknown name with silence or worse.
    fn check_name(&self, tensor: &str) -> Result<(), Error> {
        if self.names.iter().any(|name| name == tensor) {
            Ok(())
        } else {
            Err(self.unknown(tensor))
        }
    }

    fn unknown(&self, tensor: &str) -> Error {
        Error::UnknownTensor { name: tensor.to_owned(), known: self.names.clone() }
    }
}
