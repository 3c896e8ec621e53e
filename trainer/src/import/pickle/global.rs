//! The names that a pickle of weights may mention.

use tch::Kind;

/// What a name stands for here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    /// A dictionary.
    OrderedDict,
    /// Makes a tensor of a storage, an offset, a size and strides.
    RebuildTensor,
    /// Makes a parameter of a tensor.
    RebuildParameter,
    /// Gives its first argument back: `TorchScript`'s typed lists and dictionaries.
    Typed,
    /// An object that is its attributes: a module of `TorchScript`, the arguments of a training
    /// run.
    Object,
    /// A storage of numbers of this kind.
    Storage(Kind),
}

/// Modules and names as pickles write them. Nothing else is accepted, modules of `TorchScript`
/// (`__torch__`) excepted.
const NAMES: [(&str, &str, Global); 18] = [
    ("argparse", "Namespace", Global::Object),
    ("collections", "OrderedDict", Global::OrderedDict),
    ("torch._utils", "_rebuild_tensor_v2", Global::RebuildTensor),
    ("torch._utils", "_rebuild_parameter", Global::RebuildParameter),
    ("torch.jit._pickle", "build_boollist", Global::Typed),
    ("torch.jit._pickle", "build_doublelist", Global::Typed),
    ("torch.jit._pickle", "build_intlist", Global::Typed),
    ("torch.jit._pickle", "build_tensorlist", Global::Typed),
    ("torch.jit._pickle", "restore_type_tag", Global::Typed),
    ("torch", "BFloat16Storage", Global::Storage(Kind::BFloat16)),
    ("torch", "BoolStorage", Global::Storage(Kind::Bool)),
    ("torch", "ByteStorage", Global::Storage(Kind::Uint8)),
    ("torch", "CharStorage", Global::Storage(Kind::Int8)),
    ("torch", "DoubleStorage", Global::Storage(Kind::Double)),
    ("torch", "FloatStorage", Global::Storage(Kind::Float)),
    ("torch", "HalfStorage", Global::Storage(Kind::Half)),
    ("torch", "IntStorage", Global::Storage(Kind::Int)),
    ("torch", "LongStorage", Global::Storage(Kind::Int64)),
];

impl Global {
    pub(super) fn of(module: &str, name: &str) -> Option<Self> {
        if module == "__torch__" || module.starts_with("__torch__.") {
            return Some(Self::Object);
        }
        NAMES.iter().find(|entry| (entry.0, entry.1) == (module, name)).map(|entry| entry.2)
    }
}
