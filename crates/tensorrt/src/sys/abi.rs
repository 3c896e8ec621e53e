//! Foreign objects and how one of their methods is called: the Itanium C++ ABI of Linux on `x86_64`
//! and `aarch64`.

use std::ffi::c_void;
use std::ptr::NonNull;

use super::slots::{Layout, Method, Receiver};

/// Any object of the library: every public class is these two words (interfaces have the first
/// alone).
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Object {
    table: *const *const c_void,
    implementation: *mut Object,
}

/// An object and the family whose slots it has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Handle {
    object: NonNull<Object>,
    layout: Layout,
}

/// Where no object can be. Create functions without a CUDA device have answered 0x228, 0x230 and
/// 0x260, the offset of a member in an object that was never made; Linux maps nothing below 64 KiB.
const LOWEST_OBJECT: usize = 0x1_0000;

impl Handle {
    /// What a foreign function returned; nothing for null and for pointers that cannot be one.
    pub(crate) fn new(pointer: *mut c_void, layout: Layout) -> Option<Self> {
        let object = NonNull::new(pointer.cast::<Object>())
            .filter(|object| object.addr().get() >= LOWEST_OBJECT)?;
        Some(Self { object, layout })
    }

    pub(crate) fn as_ptr(self) -> *mut c_void {
        self.object.as_ptr().cast()
    }

    pub(crate) fn layout(self) -> Layout {
        self.layout
    }

    /// The `this` and the code of a method. [`call!`] is the one user.
    ///
    /// # Safety
    /// The object is alive and of the method's class.
    pub(crate) unsafe fn method(self, method: Method) -> (*mut Object, *const c_void) {
        let object = self.object.as_ptr();
        // SAFETY: a living object starts with the address of its table; one that is not a bare
        // interface has its implementation, which is such an object again, in the second word. The
        // caller vouches for both. The table holds the slot, because the layout was chosen by the
        // library's own version and NVIDIA only appends within it.
        unsafe {
            let this = match method.receiver {
                Receiver::Object => object,
                Receiver::Implementation => (*object).implementation,
            };
            (this, *(*this).table.add(method.slot(self.layout)))
        }
    }
}

/// `call!(handle, METHOD(argument => type, …) -> type)`: calls the foreign method. Unsafe: the
/// object must be alive and of the method's class, and the types those of the method's declaration.
macro_rules! call {
    ($handle:expr, $method:ident($($argument:expr => $type:ty),*) $(-> $returned:ty)?) => {{
        let (this, code) = $handle.method($crate::sys::slots::$method);
        let function: unsafe extern "C" fn(
            *mut $crate::sys::abi::Object $(, $type)*
        ) $(-> $returned)? = std::mem::transmute(code);
        function(this $(, $argument)*)
    }};
}
pub(crate) use call;

/// `nvinfer1::Dims64`: a shape. A size of -1 is decided later; a rank of -1 means that there is no
/// such tensor.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dimensions {
    rank: i32,
    sizes: [i64; Self::MAXIMUM_RANK],
}

impl Dimensions {
    pub(crate) const MAXIMUM_RANK: usize = 8;

    /// Nothing for more than eight sizes.
    pub(crate) fn new(shape: &[i64]) -> Option<Self> {
        let mut sizes = [0; Self::MAXIMUM_RANK];
        sizes.get_mut(..shape.len())?.copy_from_slice(shape);
        Some(Self { rank: shape.len() as i32, sizes })
    }

    /// Nothing for an unknown tensor.
    pub(crate) fn shape(&self) -> Option<&[i64]> {
        self.sizes.get(..usize::try_from(self.rank).ok()?)
    }
}

/// `nvinfer1::InterfaceInfo`, by which the library recognises an interface that we implement.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct InterfaceInfo {
    pub(crate) kind: *const std::ffi::c_char,
    pub(crate) major: i32,
    pub(crate) minor: i32,
}

/// The table of an interface that we implement. Objects point at `slots`; the two words before it
/// are read by code that asks an object for its dynamic type, which has none here.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Table<const SLOTS: usize> {
    offset_to_top: isize,
    type_information: *const c_void,
    slots: [*const c_void; SLOTS],
}

// SAFETY: the pointers are to functions and to nothing; no one writes through them.
unsafe impl<const SLOTS: usize> Sync for Table<SLOTS> {}

impl<const SLOTS: usize> Table<SLOTS> {
    pub(crate) const fn new(slots: [*const c_void; SLOTS]) -> Self {
        Self { offset_to_top: 0, type_information: std::ptr::null(), slots }
    }

    /// What an object's first word is.
    pub(crate) const fn address(&'static self) -> *const *const c_void {
        self.slots.as_ptr()
    }
}

/// Both destructors of an interface that we implement: the library never owns ours, so there is
/// nothing to do.
pub(crate) unsafe extern "C" fn keep(_this: *mut c_void) {}

/// `IVersionedInterface::getAPILanguage`: `kCPP`, because Rust is not among the answers.
pub(crate) unsafe extern "C" fn api_language(_this: *mut c_void) -> i32 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_that_cannot_be_an_object_is_none() {
        for address in [0usize, 0x228, 0x230, 0x260, 0xffff] {
            let pointer = std::ptr::without_provenance_mut(address);
            assert!(Handle::new(pointer, Layout::TensorRt10).is_none(), "{address:#x}");
        }
        let mut word = [0usize; 2];
        assert!(Handle::new(word.as_mut_ptr().cast(), Layout::TensorRt10).is_some());
    }

    #[test]
    fn foreign_structs_have_their_size() {
        assert_eq!(size_of::<Dimensions>(), 72);
        assert_eq!(size_of::<InterfaceInfo>(), 16);
    }

    #[test]
    fn nine_sizes_are_no_shape() {
        assert_eq!(Dimensions::new(&[1; 9]), None);
        assert_eq!(Dimensions::new(&[2, -1]).unwrap().shape(), Some(&[2, -1][..]));
    }
}
