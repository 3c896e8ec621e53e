//! What `torch.save` wrote before PyTorch 1.6: five pickles and then the numbers, one after
//! another, no zip.
//!
//! A number that says what the file is, the format's version, the writer's byte order, the object,
//! whose tensors name storages by keys, and a list of these keys; then for each key in the list's
//! order a count of 8 bytes and so many numbers. Source: PyTorch `torch/serialization.py`
//! (`_legacy_save`, `_legacy_load`).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use tch::Tensor;

use super::ImportError;
use super::pickle::{self, Storage, Tree};
use super::state_dict::{Mismatch, PICKLE_BYTES, StateDict, Tensors, byte_length, view};
use crate::TrainError;

/// The first two pickles, `0x1950a86a20f9469cfc6c` and 1001, each in protocol 2.
pub(super) const MAGIC: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.";

/// Tensors by name as the file has them, in their own kinds, and the part of the file that they are
/// from, if not the whole.
pub(super) fn read(path: &Path) -> Result<Tensors, TrainError> {
    let mut legacy = Legacy::open(path)?;
    let system = legacy.pickle("the description of the writer's machine")?;
    let found = match system.flag(system.root(), "little_endian") {
        Some(true) => None,
        Some(false) => Some("the high byte first"),
        None => Some("nothing about their order"),
    };
    if let Some(found) = found {
        return Err(legacy.error("numbers with the low byte first", found));
    }
    let object = legacy.pickle("the pickled object")?;
    let keys = legacy.pickle("the list of storages")?;
    let keys = keys
        .texts(keys.root())
        .ok_or_else(|| legacy.error("a list of storages by key", "something else"))?;

    let storages = legacy.storages(&keys, &object)?;
    let StateDict { part, tensors } =
        StateDict::of(&object).map_err(|mismatch| legacy.mismatch(mismatch))?;
    let mut named = BTreeMap::new();
    for (name, stored) in tensors {
        let key = &stored.storage.key;
        let Some(numbers) = storages.get(key) else {
            return Err(
                legacy.error(format!("storage {key} of {name} in the list of storages"), "none")
            );
        };
        let tensor = view(&name, &stored, numbers, |mismatch| legacy.mismatch(mismatch))?;
        named.insert(name, tensor);
    }
    Ok((named, part))
}

struct Legacy<'a> {
    path: &'a Path,
    file: BufReader<File>,
    /// Bytes of the whole file.
    length: u64,
    /// The file's beginning, which the pickles are in.
    head: Vec<u8>,
    /// The first byte of `head` that is not read yet.
    at: usize,
}

impl<'a> Legacy<'a> {
    fn open(path: &'a Path) -> Result<Self, TrainError> {
        let error = TrainError::file(path);
        let opened = || {
            let file = File::open(path)?;
            let length = file.metadata()?.len();
            let mut file = BufReader::new(file);
            let mut head = Vec::new();
            file.by_ref().take(PICKLE_BYTES).read_to_end(&mut head)?;
            Ok((file, length, head))
        };
        let (file, length, head) = opened().map_err(error)?;
        let legacy = Self { path, file, length, head, at: MAGIC.len() };
        if !legacy.head.starts_with(MAGIC) {
            let expected = "a file of torch.save, as it was before PyTorch 1.6";
            let found = "another pickle, or another version of the format";
            let hint =
                "save the tensors with safetensors, or with torch.save of PyTorch 1.6 or later";
            return Err(ImportError::format(path, expected, found, hint).into());
        }
        Ok(legacy)
    }

    fn error(&self, expected: impl Into<String>, found: impl Into<String>) -> TrainError {
        self.mismatch(Mismatch::new(expected, found))
    }

    fn mismatch(&self, Mismatch { expected, found }: Mismatch) -> TrainError {
        ImportError::format(
            self.path,
            expected,
            found,
            "the file is damaged or cut; fetch it again",
        )
        .into()
    }

    /// The next pickle. Errors count bytes from the beginning of the file.
    fn pickle(&mut self, member: &str) -> Result<Tree, TrainError> {
        let (tree, length) = pickle::read(&self.head[self.at..]).map_err(|mut source| {
            source.at += self.at;
            ImportError::Pickle { path: self.path.to_owned(), member: member.to_owned(), source }
        })?;
        self.at += length;
        Ok(tree)
    }

    /// The numbers of all storages, which are what is left of the file.
    fn storages(
        &mut self,
        keys: &[&str],
        object: &Tree,
    ) -> Result<BTreeMap<String, Tensor>, TrainError> {
        let mut known: BTreeMap<&str, &Storage> = BTreeMap::new();
        for storage in object.storages() {
            let before = known.insert(&storage.key, storage);
            if let Some(other) = before.filter(|&before| before != storage) {
                let expected = format!(
                    "storage {} with {} numbers of {:?}",
                    other.key, other.length, other.kind
                );
                return Err(
                    self.error(expected, format!("{} of {:?}", storage.length, storage.kind))
                );
            }
        }
        self.file.seek(SeekFrom::Start(self.at as u64)).map_err(TrainError::file(self.path))?;
        let mut left = self.length - self.at as u64;
        let mut storages = BTreeMap::new();
        for &key in keys {
            let Some(&storage) = known.get(key) else {
                return Err(
                    self.error("only storages that the pickle names", format!("storage {key}"))
                );
            };
            let numbers = self.storage(storage, &mut left)?;
            if storages.insert(key.to_owned(), numbers).is_some() {
                return Err(self.error(format!("storage {key} once"), "it twice"));
            }
        }
        if left > 0 {
            return Err(
                self.error("the end of the file after its storages", format!("{left} more bytes"))
            );
        }
        Ok(storages)
    }

    /// A count, and so many numbers, `[count]`. Nothing is allocated that the file has no bytes
    /// for.
    fn storage(&mut self, storage: &Storage, left: &mut u64) -> Result<Tensor, TrainError> {
        let Storage { key, kind, length } = storage;
        let cut = |left: u64| {
            (format!("{length} numbers of {kind:?} in storage {key}"), format!("{left} bytes"))
        };
        let wanted = byte_length(*length, *kind)
            .map(|bytes| bytes as u64)
            .filter(|&bytes| bytes + 8 <= *left);
        let Some(wanted) = wanted else {
            let (expected, found) = cut(*left);
            return Err(self.error(expected, found));
        };
        let mut count = [0; 8];
        self.file.read_exact(&mut count).map_err(TrainError::file(self.path))?;
        let count = u64::from_le_bytes(count);
        if count != *length as u64 {
            return Err(self.error(format!("{length} numbers in storage {key}"), count.to_string()));
        }
        let mut bytes = vec![0; wanted as usize];
        self.file.read_exact(&mut bytes).map_err(TrainError::file(self.path))?;
        *left -= wanted + 8;
        Ok(Tensor::f_from_data_size(&bytes, &[*length as i64], *kind)?)
    }
}
