//! PyTorch's archives: a zip with a pickle `NAME/data.pkl` and the numbers of each storage in `NAME/data/KEY`.
//!
//! `torch.save` writes them since 1.6, `torch.jit.save` always has. A `TorchScript` archive also holds the model's source; it is not
//! looked at. Source: PyTorch `caffe2/serialize/inline_container.h`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use tch::{Kind, Tensor};
use zip::ZipArchive;

use super::ImportError;
use super::pickle::{self, Storage, StoredTensor};
use crate::TrainError;

/// Dictionaries that hold the wanted weights among other things: DINO's checkpoints, `open_clip`'s.
const PARTS: [&str; 2] = ["teacher", "state_dict"];

/// The largest pickle. One of 1,000 tensors has 100 kB.
const PICKLE_BYTES: u64 = 16 << 20;

/// Tensors by name as the file has them, in their own kinds, and the part of the file that they are from, if not the whole.
pub(super) fn read(path: &Path) -> Result<(BTreeMap<String, Tensor>, Option<&'static str>), TrainError> {
    let mut archive = Archive::open(path)?;
    let member = archive.member("data.pkl");
    let bytes = archive.bytes("data.pkl", PICKLE_BYTES)?;
    let malformed = |source| ImportError::Pickle { path: path.to_owned(), member: member.clone(), source };
    let tree = pickle::read(&bytes).map_err(malformed)?;
    let part = PARTS.into_iter().find_map(|part| Some((part, tree.dictionary(tree.root(), part)?)));
    let (part, root) = part.map_or((None, tree.root()), |(part, id)| (Some(part), id));
    let tensors = tree.tensors(root).map_err(|found| archive.error("a state dict or a TorchScript module", found))?;

    let mut storages = BTreeMap::new();
    let mut named = BTreeMap::new();
    for (name, stored) in tensors {
        let tensor = archive.tensor(&name, &stored, &mut storages)?;
        if named.insert(name.clone(), tensor).is_some() {
            return Err(archive.error(format!("one tensor {name}"), "two"));
        }
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
        let error = |found: String| ImportError::format(path, "a PyTorch archive", found, "the file is damaged or cut");
        let zip = ZipArchive::new(BufReader::new(file)).map_err(|reason| error(reason.to_string()))?;
        let root = zip.file_names().flatten().find_map(|name| Some(name.strip_suffix("/data.pkl")?.to_owned()));
        let root = root.ok_or_else(|| error("a zip without data.pkl".to_owned()))?;
        let mut archive = Self { path, root, zip };
        // Files without this member are older than the question.
        if archive.zip.index_for_name(&archive.member("byteorder")).is_some() {
            let order = archive.bytes("byteorder", 16)?;
            if order != b"little" {
                return Err(archive.error("numbers with the low byte first", String::from_utf8_lossy(&order)));
            }
        }
        Ok(archive)
    }

    fn member(&self, name: &str) -> String {
        format!("{}/{name}", self.root)
    }

    fn error(&self, expected: impl Into<String>, found: impl Into<String>) -> TrainError {
        ImportError::format(self.path, expected, found, "the file is damaged or not one of weights").into()
    }

    /// A member that has at most `limit` bytes, whatever its header says.
    fn bytes(&mut self, name: &str, limit: u64) -> Result<Vec<u8>, TrainError> {
        let member = self.member(name);
        let expected = format!("{member} of at most {limit} bytes");
        let mut bytes = Vec::new();
        let read = match self.zip.by_name(&member) {
            Ok(file) => file.take(limit + 1).read_to_end(&mut bytes).map_err(|reason| reason.to_string()),
            Err(reason) => Err(reason.to_string()),
        };
        match read {
            Ok(length) if length as u64 <= limit => Ok(bytes),
            Ok(_) => Err(self.error(expected, "more")),
            Err(found) => Err(self.error(expected, found)),
        }
    }

    fn tensor(
        &mut self,
        name: &str,
        stored: &StoredTensor,
        storages: &mut BTreeMap<String, (Kind, Tensor)>,
    ) -> Result<Tensor, TrainError> {
        let Storage { key, kind, length } = &stored.storage;
        if !storages.contains_key(key) {
            storages.insert(key.clone(), (*kind, self.storage(&stored.storage)?));
        }
        let (known_kind, numbers) = &storages[key];
        if known_kind != kind || !fits(stored, numbers.numel()) {
            let expected = format!("{name} inside data/{key} with its {length} numbers of {known_kind:?}");
            let found =
                format!("size {:?}, strides {:?} from {} on as {kind:?}", stored.size, stored.stride, stored.offset);
            return Err(self.error(expected, found));
        }
        Ok(numbers.f_as_strided(&stored.size, &stored.stride, stored.offset)?)
    }

    /// All numbers of a storage, `[length]`.
    fn storage(&mut self, storage: &Storage) -> Result<Tensor, TrainError> {
        let name = format!("data/{}", storage.key);
        let length = storage.length.checked_mul(storage.kind.elt_size_in_bytes()).filter(|&bytes| bytes < 1 << 40);
        let length = length.ok_or_else(|| self.error(format!("{name} of less than 1 TiB"), "more"))?;
        let bytes = self.bytes(&name, length as u64)?;
        if bytes.len() != length {
            return Err(self.error(format!("{name} of {length} bytes"), bytes.len().to_string()));
        }
        Ok(Tensor::f_from_data_size(&bytes, &[storage.length as i64], storage.kind)?)
    }
}

/// Whether every number of a view lies in a storage of `length` numbers.
fn fits(stored: &StoredTensor, length: usize) -> bool {
    let StoredTensor { offset, size, stride, .. } = stored;
    if size.len() != stride.len() || size.iter().chain(stride).chain([offset]).any(|&number| number < 0) {
        return false;
    }
    let last = size
        .iter()
        .zip(stride)
        .try_fold(*offset, |last, (&size, &stride)| last.checked_add((size - 1).max(0).checked_mul(stride)?));
    let empty = size.contains(&0);
    last.is_some_and(|last| empty || usize::try_from(last).is_ok_and(|last| last < length))
}
