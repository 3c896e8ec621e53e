//! What builds plans.

use super::owned::Owned;
use super::{Error, Library};
use crate::result;

/// Builds plans with a library. Stays on its thread.
///
/// A build takes from seconds to many minutes and all of one GPU; on TensorRT the CUDA device that
/// is current when the builder is made is the one that plans are for.
#[derive(Debug)]
pub struct Builder<'l> {
    object: Owned<'l>,
    library: &'l Library,
}

impl<'l> Builder<'l> {
    /// A builder of `library`.
    pub fn new(library: &'l Library) -> Result<Self, Error> {
        let create = library.exports().create_builder.ok_or_else(|| Error::NoFunction {
            file: library.file().to_owned(),
            function: "createInferBuilder_INTERNAL",
            advice: "a lean or dispatch library runs plans and builds none",
        })?;
        library.check_device()?;
        let (logger, version, layout) = library.creation();
        // SAFETY: the logger is leaked, the function is this library's, and a device is there where
        // one is needed.
        let handle =
            library.call(|| unsafe { result::builder::create(create, logger, version, layout) })?;
        Ok(Self { object: Owned::object(handle), library })
    }

    pub(super) fn library(&self) -> &'l Library {
        self.library
    }

    pub(super) fn object(&self) -> &Owned<'l> {
        &self.object
    }
}
