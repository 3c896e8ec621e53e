//! Reading a file.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use rszs_graph::Tensor;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use crate::digest::{self, Bytes};
use crate::write::{SHA256, VALUES};
use crate::{Checkpoint, CheckpointError, Origin};

impl Checkpoint {
    /// Reads a whole file. Refuses values that are not those that were written. Whether the tensors
    /// are those of a network is for [`Difference::expect_none`](crate::Difference::expect_none) to
    /// say.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        let bytes = fs::read(path)
            .map_err(|source| CheckpointError::Read { path: path.to_owned(), source })?;
        let format = |source| CheckpointError::Format { path: path.to_owned(), source };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(format)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let origin = Origin::from_metadata(path, &metadata)?;
        let file = SafeTensors::deserialize(&bytes).map_err(format)?;
        let views: BTreeMap<&str, TensorView> = file.iter().collect();
        check_hash(
            path,
            &metadata,
            &views.iter().map(|(name, view)| (*name, view.data())).collect(),
        )?;
        let tensors =
            views.iter().map(|(name, view)| Ok(((*name).to_owned(), tensor(path, name, view)?)));
        Ok(Self { origin, tensors: tensors.collect::<Result<_, CheckpointError>>()? })
    }

    /// Accepts finite values alone. `path` is for the error.
    pub fn expect_finite(&self, path: &Path) -> Result<(), CheckpointError> {
        for (name, tensor) in &self.tensors {
            if let Some(index) = tensor.values.iter().position(|value| !value.is_finite()) {
                let (path, tensor_name, found) =
                    (path.to_owned(), name.clone(), tensor.values[index]);
                return Err(CheckpointError::NotFinite { path, tensor: tensor_name, found, index });
            }
        }
        Ok(())
    }
}

fn check_hash(
    path: &Path,
    metadata: &HashMap<String, String>,
    tensors: &Bytes,
) -> Result<(), CheckpointError> {
    let Some(expected) = metadata.get(SHA256) else { return Ok(()) };
    let found = digest::of_all(tensors);
    if *expected == found {
        return Ok(());
    }
    let tensor = metadata.get(VALUES).and_then(|digests| digest::damaged(digests, tensors));
    Err(CheckpointError::Damaged {
        path: path.to_owned(),
        tensor,
        expected: expected.clone(),
        found,
    })
}

fn tensor(path: &Path, name: &str, view: &TensorView<'_>) -> Result<Tensor, CheckpointError> {
    if view.dtype() != Dtype::F32 {
        let found = format!("{:?}", view.dtype());
        return Err(CheckpointError::ElementType {
            path: path.to_owned(),
            tensor: name.to_owned(),
            found,
        });
    }
    let values = view.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    Ok(Tensor::new(view.shape(), values))
}
