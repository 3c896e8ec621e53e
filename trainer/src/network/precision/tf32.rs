//! Whether float32 products on a GPU may round their factors to TF32.
//!
//! torch-sys has no function for it, and an environment variable
//! (`TORCH_ALLOW_TF32_CUBLAS_OVERRIDE`) would be no part of a run's description. So these are the
//! C++ functions of libtorch (`ATen/Context.h`) by their names in the Itanium ABI: a reference is a
//! pointer, `this` is the first argument. A libtorch without them does not link.
#![allow(unsafe_code, reason = "foreign functions")]

use std::ffi::c_void;

unsafe extern "C" {
    /// `at::Context& at::globalContext()`
    #[link_name = "_ZN2at13globalContextEv"]
    fn global_context() -> *mut c_void;
    /// `void at::Context::setAllowTF32CuBLAS(bool)`: matrix products.
    #[link_name = "_ZN2at7Context18setAllowTF32CuBLASEb"]
    fn set_allow_tf32_of_products(context: *mut c_void, allow: bool);
    /// `void at::Context::setAllowTF32CuDNN(bool)`: convolutions.
    #[link_name = "_ZN2at7Context17setAllowTF32CuDNNEb"]
    fn set_allow_tf32_of_convolutions(context: *mut c_void, allow: bool);
    /// `bool at::Context::allowTF32CuBLAS() const`
    #[link_name = "_ZNK2at7Context15allowTF32CuBLASEv"]
    fn allows_tf32_of_products(context: *const c_void) -> bool;
}

/// Allows or forbids TF32 for the whole process. libtorch by itself forbids it for products and
/// allows it for convolutions.
pub(super) fn allow(allow: bool) {
    // SAFETY: libtorch guarantees that its context lives as long as the process; both functions
    // only set flags of it.
    unsafe {
        let context = global_context();
        set_allow_tf32_of_products(context, allow);
        set_allow_tf32_of_convolutions(context, allow);
    }
}

/// No TF32 as long as this lives; afterwards what [`allow`] said before.
pub(crate) struct Forbidden {
    before: bool,
}

impl Forbidden {
    pub(crate) fn new() -> Self {
        // SAFETY: as in `allow`; this one reads a flag.
        let before = unsafe { allows_tf32_of_products(global_context()) };
        allow(false);
        Self { before }
    }
}

impl Drop for Forbidden {
    fn drop(&mut self) {
        allow(self.before);
    }
}
