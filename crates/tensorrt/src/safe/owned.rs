//! A foreign object that is deleted when dropped, and never after its parent.

use std::marker::PhantomData;

use crate::result;
use crate::sys::abi::Handle;

/// A foreign object. Because this has a destructor, the compiler lets `'parent` end only after it
/// ran. A bare reference would not do: it may dangle while its holder is dropped. Leaked
/// (`mem::forget`), it does outlive its parent, which the library complains about; nothing here can
/// reach it then.
#[derive(Debug)]
pub(super) struct Owned<'parent> {
    handle: Handle,
    delete: unsafe fn(Handle),
    parent: PhantomData<&'parent ()>,
}

impl Owned<'_> {
    /// Takes an object of any class but the parser.
    pub(super) fn object(handle: Handle) -> Self {
        Self { handle, delete: result::delete, parent: PhantomData }
    }

    pub(super) fn parser(handle: Handle) -> Self {
        Self { handle, delete: result::parser::delete, parent: PhantomData }
    }

    pub(super) fn handle(&self) -> Handle {
        self.handle
    }
}

impl Drop for Owned<'_> {
    fn drop(&mut self) {
        // SAFETY: the object is ours alone, its parent is alive, and whatever was made from it
        // borrowed from its holder and is gone.
        unsafe { (self.delete)(self.handle) }
    }
}
