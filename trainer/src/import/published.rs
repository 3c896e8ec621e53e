//! A file of published weights, under its own names.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use safetensors::tensor::Dtype;
use safetensors::{SafeTensorError, SafeTensors};
use tch::{Kind, Tensor};

use super::{ImportError, archive};
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
        file.take(4).read_to_end(&mut start).map_err(TrainError::file(path))?;
        let (tensors, part) = match &start[..] {
            b"PK\x03\x04" if allow_pickle => archive::read(path)?,
            b"PK\x03\x04" => return Err(ImportError::PickleNotAllowed { path: path.to_owned() }.into()),
            [0x80, ..] => {
                let expected = "safetensors or a PyTorch archive";
                let hint = "save it again with PyTorch 1.6 or later";
                return Err(
                    ImportError::format(path, expected, "a bare pickle, as PyTorch wrote before 1.6", hint).into()
                );
            }
            _ => (read_safetensors(path)?, None),
        };
        let mut unwrapped = BTreeMap::new();
        for (name, tensor) in tensors {
            let bare = without_wrappers(&name);
            if unwrapped.insert(bare.to_owned(), tensor).is_some() {
                let (expected, found) = (format!("one tensor {bare}"), format!("{name} and another"));
                return Err(ImportError::format(path, expected, found, "two models in one file?").into());
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
                let (expected, found) = (format!("{name} in F16, BF16, F32, F64, I32 or I64"), format!("{other:?}"));
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
    fn wrappers_are_taken_off_in_every_order_and_only_in_front() {
        for name in ["cls_token", "module.cls_token", "backbone.cls_token", "module.backbone.cls_token"] {
            assert_eq!(without_wrappers(name), "cls_token");
        }
        assert_eq!(without_wrappers("backbone.module.module.norm.weight"), "norm.weight");
        assert_eq!(without_wrappers("head.module.weight"), "head.module.weight");
    }
}
