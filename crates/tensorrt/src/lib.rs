//! Header-free access to TensorRT and TensorRT-RTX.
//!
//! What is here: the loader, which finds an installed library, reads its version and refuses families it does not know.
//! The runtime uses it to say what it found. What is not here yet: builder, parser and engine; no engine of the runtime
//! runs on TensorRT. The crates.io package `tensorrt-rs` targets TensorRT 5 and 7 and no longer builds, hence a crate
//! of our own. All foreign calls of the workspace are in this crate.

mod load;
mod version;

pub use load::{Library, LoadError, find};
pub use version::{Family, Version};
