//! The files a bundle can hold: a closed set, so that nothing else can be smuggled in.

use crate::Precision;
use std::fmt;

/// A file of a bundle, the manifest, its digest and its signature aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileName {
    /// `model.<precision>.onnx`
    Model(Precision),
    /// `text.fp32.onnx`
    Text,
    /// `tokenizer.json`
    Tokenizer,
    /// `vocabulary.json`
    VocabularyRows,
    /// `vocabulary.safetensors`
    VocabularyEmbeddings,
    /// `golden/golden.safetensors`
    Golden,
    /// `MODEL_CARD.md`
    ModelCard,
}

/// The file that lists all others.
pub(crate) const MANIFEST: &str = "manifest.json";
/// The digest of [`MANIFEST`], as `sha256sum` writes it.
pub(crate) const DIGEST: &str = "manifest.json.sha256";
/// The signature over [`MANIFEST`].
pub(crate) const SIGNATURE: &str = "manifest.json.minisig";
/// The one folder inside a bundle.
pub(crate) const GOLDEN_FOLDER: &str = "golden";

impl FileName {
    /// All files there can be.
    pub const ALL: [Self; 10] = [
        Self::Model(Precision::Fp32),
        Self::Model(Precision::Fp16),
        Self::Model(Precision::Int8),
        Self::Model(Precision::Int8Fp16),
        Self::Text,
        Self::Tokenizer,
        Self::VocabularyRows,
        Self::VocabularyEmbeddings,
        Self::Golden,
        Self::ModelCard,
    ];

    /// Path inside the bundle, with `/` on every system.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model(Precision::Fp32) => "model.fp32.onnx",
            Self::Model(Precision::Fp16) => "model.fp16.onnx",
            Self::Model(Precision::Int8) => "model.int8.onnx",
            Self::Model(Precision::Int8Fp16) => "model.int8-fp16.onnx",
            Self::Text => "text.fp32.onnx",
            Self::Tokenizer => "tokenizer.json",
            Self::VocabularyRows => "vocabulary.json",
            Self::VocabularyEmbeddings => "vocabulary.safetensors",
            Self::Golden => "golden/golden.safetensors",
            Self::ModelCard => "MODEL_CARD.md",
        }
    }

    /// The file at `path` inside a bundle, if there can be one.
    pub fn parse(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == path)
    }

    /// More than this many bytes is no file of this kind.
    pub(crate) fn limit_bytes(self) -> u64 {
        const MIB: u64 = 1 << 20;
        match self {
            // A protobuf message cannot be larger.
            Self::Model(_) | Self::Text => (1 << 31) - 1,
            Self::VocabularyEmbeddings | Self::Golden => 1024 * MIB,
            Self::VocabularyRows => 128 * MIB,
            Self::Tokenizer => 16 * MIB,
            Self::ModelCard => MIB,
        }
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}
