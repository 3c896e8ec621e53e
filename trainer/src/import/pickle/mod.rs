//! Reads the pickles that PyTorch writes around tensors. Nothing is looked up, called or run.
//!
//! A pickle is a program for a machine with a stack: Python's own reader imports and calls what the
//! program names. This one knows the opcodes of protocol 2 that `torch.save` and `torch.jit.save`
//! use and the names in `global.rs`; whatever else a file holds is an error. Source: `CPython`
//! `Lib/pickletools.py`; PyTorch `torch/serialization.py`,
//! `torch/csrc/jit/serialization/pickler.cpp`.

mod global;
mod machine;
#[cfg(test)]
mod tests;
mod tree;

pub(super) use machine::read;
pub(super) use tree::{Storage, StoredTensor, Tree};

/// Where reading stopped, and why.
#[derive(Debug, thiserror::Error)]
#[error("byte {at}: expected {expected}, found {found}")]
pub struct PickleError {
    /// Offset in the pickle.
    pub at: usize,
    /// What could have been there.
    pub expected: String,
    /// What was there.
    pub found: String,
}
