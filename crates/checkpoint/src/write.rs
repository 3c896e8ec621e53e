//! Writing a file.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};

use crate::digest;
use crate::{CheckpointError, Origin};

/// Metadata: SHA-256 of all names and values.
pub(crate) const SHA256: &str = "sha256";

/// Metadata: a short SHA-256 of each tensor's values.
pub(crate) const VALUES: &str = "values";

/// Collects tensors and writes them.
#[derive(Debug)]
pub struct Writer<'a> {
    origin: &'a Origin,
    tensors: BTreeMap<&'a str, (Vec<usize>, Vec<u8>)>,
}

impl<'a> Writer<'a> {
    /// Starts a file of weights that `origin` made.
    pub fn new(origin: &'a Origin) -> Self {
        Self { origin, tensors: BTreeMap::new() }
    }

    /// Adds or replaces the tensor `name`.
    pub fn add(&mut self, name: &'a str, shape: Vec<usize>, values: &[f32]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensors.insert(name, (shape, bytes));
    }

    /// Writes the file; a crash leaves the old one or the new one.
    pub fn write(self, path: &Path) -> Result<(), CheckpointError> {
        let format = |source| CheckpointError::Format { path: path.to_owned(), source };
        let bytes =
            self.tensors.iter().map(|(name, (_, bytes))| (*name, bytes.as_slice())).collect();
        let mut metadata = self.origin.to_metadata();
        metadata.insert(SHA256.to_owned(), digest::of_all(&bytes));
        metadata.insert(VALUES.to_owned(), digest::of_each(&bytes));
        let mut views = Vec::with_capacity(self.tensors.len());
        for (name, (shape, bytes)) in &self.tensors {
            views.push((*name, TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(format)?));
        }
        let file = safetensors::serialize(views, Some(metadata)).map_err(format)?;
        rszs_durable::replace(path, &file)
            .map_err(|source| CheckpointError::Write { path: path.to_owned(), source })
    }
}
