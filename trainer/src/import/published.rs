//! A file of published weights, under its own names.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use safetensors::tensor::Dtype;
use safetensors::{SafeTensorError, SafeTensors};
use tch::{Kind, Tensor};

use super::{ImportError, archive, legacy};
use crate::TrainError;

/// What wrappers put before every name: parallel training, DINO's multi-crop.
const WRAPPERS: [&str; 2] = ["module.", "backbone."];

/// Tensors under the names of whoever published them.
#[derive(Debug)]
pub struct Published {
    /// The file.
    pub path: PathBuf,
    /// The dictionary in the file that was read, where it holds several.
    pub part: Option<&'static str>,
    /// On the CPU, in the file's kinds, by name without wrappers.
    pub tensors: BTreeMap<String, Tensor>,
}

impl Published {
    /// Reads a whole file: safetensors, or a PyTorch archive if `allow_pickle`.
    pub fn read(path: &Path, allow_pickle: bool) -> Result<Self, TrainError> {
        let mut start = Vec::new();
        let file = File::open(path).map_err(TrainError::file(path))?;
        file.take(9).read_to_end(&mut start).map_err(TrainError::file(path))?;
        let (tensors, part) = match &start[..] {
            // The length of a safetensors file's header can begin like any file; the header itself
            // follows it.
            [_, _, _, _, _, _, _, _, b'{'] => (read_safetensors(path)?, None),
            [b'P', b'K', 3, 4, ..] | [0x80, ..] if !allow_pickle => {
                return Err(ImportError::PickleNotAllowed { path: path.to_owned() }.into());
            }
            [b'P', b'K', 3, 4, ..] => archive::read(path)?,
            [0x80, ..] => legacy::read(path)?,
            _ => (read_safetensors(path)?, None),
        };
        let mut unwrapped = BTreeMap::new();
        for (name, tensor) in tensors {
            let bare = without_wrappers(&name);
            if unwrapped.insert(bare.to_owned(), tensor).is_some() {
                let (expected, found) =
                    (format!("one tensor {bare}"), format!("{name} and another"));
                return Err(
                    ImportError::format(path, expected, found, "two models in one file?").into()
                );
            }
        }
        Ok(Self { path: path.to_owned(), part, tensors: unwrapped })
    }
}

fn without_wrappers(name: &str) -> &str {
    let inner = WRAPPERS.iter().find_map(|wrapper| name.strip_prefix(wrapper));
    inner.map_or(name, without_wrappers)
}

fn read_safetensors(path: &Path) -> Result<BTreeMap<String, Tensor>, TrainError> {
    let bytes = fs::read(path).map_err(TrainError::file(path))?;
    let malformed = |error: SafeTensorError| {
        let hint = "the file is damaged or of another kind";
        ImportError::format(path, "safetensors or a PyTorch archive", error.to_string(), hint)
    };
    let mut tensors = BTreeMap::new();
    for (name, view) in SafeTensors::deserialize(&bytes).map_err(malformed)?.iter() {
        let kind = match view.dtype() {
            Dtype::F64 => Kind::Double,
            Dtype::F32 => Kind::Float,
            Dtype::F16 => Kind::Half,
            Dtype::BF16 => Kind::BFloat16,
            Dtype::I64 => Kind::Int64,
            Dtype::I32 => Kind::Int,
            other => {
                let (expected, found) =
                    (format!("{name} in F16, BF16, F32, F64, I32 or I64"), format!("{other:?}"));
                return Err(ImportError::format(path, expected, found, "a quantised file?").into());
            }
        };
        let size: Vec<i64> = view.shape().iter().map(|&length| length as i64).collect();
        tensors.insert(name.to_owned(), Tensor::f_from_data_size(view.data(), &size, kind)?);
    }
    Ok(tensors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn safetensors_whose_header_begins_like_a_pickle_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        let header = r#"{"scale":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
        let mut bytes = 0x80_u64.to_le_bytes().to_vec();
        bytes.extend(format!("{header:128}").as_bytes());
        bytes.extend(2.5_f32.to_le_bytes());
        fs::write(&path, bytes).unwrap();
        let tensors = Published::read(&path, false).unwrap().tensors;
        assert!(tensors["scale"] == Tensor::from_slice(&[2.5_f32]));
    }

    #[test]
    fn wrappers_are_taken_off_in_every_order_and_only_in_front() {
        for name in
            ["cls_token", "module.cls_token", "backbone.cls_token", "module.backbone.cls_token"]
        {
            assert_eq!(without_wrappers(name), "cls_token");
        }
        assert_eq!(without_wrappers("backbone.module.module.norm.weight"), "norm.weight");
        assert_eq!(without_wrappers("head.module.weight"), "head.module.weight");
    }
}
