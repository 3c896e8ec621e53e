//! What PyTorch's two archive formats share: which part of a pickle has the weights, and tensors as
//! views of storages.

use std::collections::BTreeMap;

use tch::{Kind, Tensor};

use super::pickle::{StoredTensor, Tree};
use crate::TrainError;

/// Dictionaries that hold the wanted weights among other things: DINO's checkpoints, `open_clip`'s.
const PARTS: [&str; 2] = ["teacher", "state_dict"];

/// The largest pickle. One of 1,000 tensors has 100 kB.
pub(super) const PICKLE_BYTES: u64 = 16 << 20;

/// Tensors by name, in the file's own kinds, and the part of the file that they are from, if not
/// the whole.
pub(super) type Tensors = (BTreeMap<String, Tensor>, Option<&'static str>);

/// What was expected and what was found instead.
pub(super) struct Mismatch {
    pub(super) expected: String,
    pub(super) found: String,
}

impl Mismatch {
    pub(super) fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { expected: expected.into(), found: found.into() }
    }
}

/// The tensors that a pickle describes, and the part of it that they are from, if not the whole.
#[derive(Debug)]
pub(super) struct StateDict {
    pub(super) part: Option<&'static str>,
    pub(super) tensors: BTreeMap<String, StoredTensor>,
}

impl StateDict {
    pub(super) fn of(tree: &Tree) -> Result<Self, Mismatch> {
        let part =
            PARTS.into_iter().find_map(|part| Some((part, tree.dictionary(tree.root(), part)?)));
        let (part, root) = part.map_or((None, tree.root()), |(part, id)| (Some(part), id));
        let listed = tree
            .tensors(root)
            .map_err(|found| Mismatch::new("a state dict or a TorchScript module", found))?;
        let mut tensors = BTreeMap::new();
        for (name, stored) in listed {
            if tensors.insert(name.clone(), stored).is_some() {
                return Err(Mismatch::new(format!("one tensor {name}"), "two"));
            }
        }
        Ok(Self { part, tensors })
    }
}

/// A tensor in the numbers of its storage, `[length]`.
pub(super) fn view(
    name: &str,
    stored: &StoredTensor,
    numbers: &Tensor,
    mismatch: impl FnOnce(Mismatch) -> TrainError,
) -> Result<Tensor, TrainError> {
    let kind = stored.storage.kind;
    if numbers.kind() != kind || !fits(stored, numbers.numel()) {
        let (key, length, known) = (&stored.storage.key, numbers.numel(), numbers.kind());
        let expected =
            format!("{name} inside storage {key} with its {length} numbers of {known:?}");
        let StoredTensor { offset, size, stride, .. } = stored;
        let found = format!("size {size:?}, strides {stride:?} from {offset} on as {kind:?}");
        return Err(mismatch(Mismatch { expected, found }));
    }
    Ok(numbers.f_as_strided(&stored.size, &stored.stride, stored.offset)?)
}

/// Bytes of so many numbers, where they are fewer than 1 TiB.
pub(super) fn byte_length(numbers: usize, kind: Kind) -> Option<usize> {
    numbers.checked_mul(kind.elt_size_in_bytes()).filter(|&bytes| bytes < 1 << 40)
}

/// Whether every number of a view lies in a storage of `length` numbers.
fn fits(stored: &StoredTensor, length: usize) -> bool {
    let StoredTensor { offset, size, stride, .. } = stored;
    if size.len() != stride.len()
        || size.iter().chain(stride).chain([offset]).any(|&number| number < 0)
    {
        return false;
    }
    let last = size.iter().zip(stride).try_fold(*offset, |last, (&size, &stride)| {
        last.checked_add((size - 1).max(0).checked_mul(stride)?)
    });
    let empty = size.contains(&0);
    last.is_some_and(|last| empty || usize::try_from(last).is_ok_and(|last| last < length))
}
