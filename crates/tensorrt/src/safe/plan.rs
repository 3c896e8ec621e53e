//! A serialized engine.

use super::owned::Owned;
use super::{Error, Library};
use crate::result;

/// The bytes of a plan. They are for one version of one library on one kind of GPU: keep that with
/// them.
#[derive(Debug)]
pub struct Plan<'l> {
    bytes: &'l [u8],
    _memory: Owned<'l>,
}

impl<'l> Plan<'l> {
    /// Takes an `IHostMemory`.
    pub(super) fn new(library: &'l Library, memory: Owned<'l>) -> Result<Self, Error> {
        // SAFETY: the memory is alive as long as the bytes are reachable, which is as long as
        // `self` is.
        let bytes = library.call(|| unsafe { result::memory::bytes(memory.handle()) })?;
        Ok(Self { bytes, _memory: memory })
    }

    /// What to write to a file.
    pub fn bytes(&self) -> &[u8] {
        self.bytes
    }
}
