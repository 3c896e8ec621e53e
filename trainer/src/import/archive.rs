//! PyTorch's archives: a zip with a pickle `NAME/data.pkl` and the numbers of each storage in
//! `NAME/data/KEY`.
//!
//! `torch.save` writes them since 1.6 (before: `legacy.rs`), `torch.jit.save` always has. A
//! `TorchScript` archive also holds the model's source; it is not looked at. Source: PyTorch
//! `caffe2/serialize/inline_container.h`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use tch::Tensor;
use zip::ZipArchive;

use super::ImportError;
use super::pickle::{self, Storage};
use super::state_dict::{Mismatch, PICKLE_BYTES, StateDict, Tensors, byte_length, view};
use crate::TrainError;

/// Tensors by name as the file has them, in their own kinds, and the part of the file that they are
/// from, if not the whole.
pub(super) fn read(path: &Path) -> Result<Tensors, TrainError> {
    let mut archive = Archive::open(path)?;
    let member = archive.member("data.pkl");
    let bytes = archive.bytes("data.pkl", PICKLE_BYTES)?;
    let malformed =
        |source| ImportError::Pickle { path: path.to_owned(), member: member.clone(), source };
    let (tree, _) = pickle::read(&bytes).map_err(malformed)?;
    let StateDict { part, tensors } =
        StateDict::of(&tree).map_err(|mismatch| archive.mismatch(mismatch))?;

    let mut storages = BTreeMap::new();
    let mut named = BTreeMap::new();
    for (name, stored) in tensors {
        let storage = &stored.storage;
        if !storages.contains_key(&storage.key) {
            storages.insert(storage.key.clone(), archive.storage(storage)?);
        }
        let tensor =
            view(&name, &stored, &storages[&storage.key], |mismatch| archive.mismatch(mismatch))?;
        named.insert(name, tensor);
    }
    Ok((named, part))
}

struct Archive<'a> {
    path: &'a Path,
    /// The folder that everything is in.
    root: String,
    zip: ZipArchive<BufReader<File>>,
}

impl<'a> Archive<'a> {
    fn open(path: &'a Path) -> Result<Self, TrainError> {
        let file = File::open(path).map_err(TrainError::file(path))?;
        let error = |found: String| {
            ImportError::format(path, "a PyTorch archive", found, "the file is damaged or cut")
        };
        let zip =
            ZipArchive::new(BufReader::new(file)).map_err(|reason| error(reason.to_string()))?;
        let root = zip
            .file_names()
            .flatten()
            .find_map(|name| Some(name.strip_suffix("/data.pkl")?.to_owned()));
        let root = root.ok_or_else(|| error("a zip without data.pkl".to_owned()))?;
        let mut archive = Self { path, root, zip };
        // Files without this member are older than the question.
        if archive.zip.index_for_name(&archive.member("byteorder")).is_some() {
            let order = archive.bytes("byteorder", 16)?;
            if order != b"little" {
                return Err(archive
                    .error("numbers with the low byte first", String::from_utf8_lossy(&order)));
            }
        }
        Ok(archive)
    }

    fn member(&self, name: &str) -> String {
        format!("{}/{name}", self.root)
    }

    fn error(&self, expected: impl Into<String>, found: impl Into<String>) -> TrainError {
        self.mismatch(Mismatch::new(expected, found))
    }

    fn mismatch(&self, Mismatch { expected, found }: Mismatch) -> TrainError {
        ImportError::format(self.path, expected, found, "the file is damaged or not one of weights")
            .into()
    }

    /// A member that has at most `limit` bytes, whatever its header says.
    fn bytes(&mut self, name: &str, limit: u64) -> Result<Vec<u8>, TrainError> {
        let member = self.member(name);
        let expected = format!("{member} of at most {limit} bytes");
        let mut bytes = Vec::new();
        let read = match self.zip.by_name(&member) {
            Ok(file) => {
                file.take(limit + 1).read_to_end(&mut bytes).map_err(|reason| reason.to_string())
            }
            Err(reason) => Err(reason.to_string()),
        };
        match read {
            Ok(length) if length as u64 <= limit => Ok(bytes),
            Ok(_) => Err(self.error(expected, "more")),
            Err(found) => Err(self.error(expected, found)),
        }
    }

    /// All numbers of a storage, `[length]`.
    fn storage(&mut self, storage: &Storage) -> Result<Tensor, TrainError> {
        let name = format!("data/{}", storage.key);
        let length = byte_length(storage.length, storage.kind);
        let length =
            length.ok_or_else(|| self.error(format!("{name} of less than 1 TiB"), "more"))?;
        let bytes = self.bytes(&name, length as u64)?;
        if bytes.len() != length {
            return Err(self.error(format!("{name} of {length} bytes"), bytes.len().to_string()));
        }
        Ok(Tensor::f_from_data_size(&bytes, &[storage.length as i64], storage.kind)?)
    }
}
