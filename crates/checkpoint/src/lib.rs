//! Weights on disk: one safetensors file of `f32` tensors by parameter name.
//!
//! Its metadata is what made the weights ([`Origin`]), a SHA-256 over all names and values
//! (`sha256`), and one for each tensor (`values`), so that damage is named. Files of earlier
//! versions lack `data`, `values` or `sha256`; they are read without that check.

mod difference;
mod digest;
mod error;
mod origin;
mod read;
mod write;

use std::collections::BTreeMap;

pub use difference::{Difference, Shapes};
pub use digest::sha256;
pub use error::CheckpointError;
pub use origin::Origin;
use rszs_graph::Tensor;
pub use write::Writer;

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// What made it.
    pub origin: Origin,
    /// Tensors by parameter name.
    pub tensors: BTreeMap<String, Tensor>,
}

#[cfg(test)]
mod tests;
