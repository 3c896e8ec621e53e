//! First floor: the foreign ABI. Objects, slots, exported functions, and the interfaces that we
//! implement for the library to call.
#![allow(unsafe_code, reason = "foreign functions and their types")]

pub(crate) mod abi;
pub(crate) mod driver;
pub(crate) mod exports;
pub(crate) mod loader;
pub(crate) mod logger;
pub(crate) mod progress;
pub(crate) mod slots;
