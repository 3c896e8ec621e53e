//! What turns plans into engines.

use super::owned::Owned;
use super::{Engine, Error, Library};
use crate::result;

/// Deserializes plans. Stays on its thread; engines are for the CUDA device that was current when
/// it was made.
#[derive(Debug)]
pub struct Runtime<'l> {
    object: Owned<'l>,
    library: &'l Library,
}

impl<'l> Runtime<'l> {
    /// A runtime of `library`.
    pub fn new(library: &'l Library) -> Result<Self, Error> {
        let create = library.exports().create_runtime.ok_or_else(|| Error::NoFunction {
            file: library.file().to_owned(),
            function: "createInferRuntime_INTERNAL",
            advice: "another library?",
        })?;
        library.check_device()?;
        let (logger, version, layout) = library.creation();
        // SAFETY: the logger is leaked, the function is this library's, and a device is there where
        // one is needed.
        let handle =
            library.call(|| unsafe { result::runtime::create(create, logger, version, layout) })?;
        Ok(Self { object: Owned::object(handle), library })
    }

    /// An engine from a plan of this very library on this kind of GPU. Plans are code: take them
    /// from nobody you do not trust.
    pub fn deserialize(&self, plan: &[u8]) -> Result<Engine<'_>, Error> {
        // SAFETY: the runtime is alive and stays on this thread; the plan is read during the call
        // alone.
        let handle = self
            .library
            .call(|| unsafe { result::runtime::deserialize(self.object.handle(), plan) })?;
        Ok(Engine::new(self.library, Owned::object(handle)))
    }
}
