//! An opened, verified bundle.

use crate::{Golden, Manifest, Precision, Sha256, Vocabulary};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A bundle whose every file has been checked. Its bytes are held in memory: nothing is read from
/// disk again, so what was checked is what is used.
#[derive(Debug)]
pub struct Bundle {
    pub(crate) path: PathBuf,
    pub(crate) manifest: Manifest,
    pub(crate) hash: Sha256,
    pub(crate) signature: SignatureState,
    pub(crate) models: BTreeMap<Precision, Vec<u8>>,
    pub(crate) text: Option<Vec<u8>>,
    pub(crate) tokenizer: Option<Vec<u8>>,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) golden: Golden,
    pub(crate) model_card: String,
}

/// What is known about the signature of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureState {
    /// There is none.
    Unsigned,
    /// There is one, and no key to check it with.
    Unchecked,
    /// By the given key over this manifest.
    Valid,
}

impl Bundle {
    /// Where the bundle was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the bundle says about itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// SHA-256 of `manifest.json`, and through it of everything.
    pub fn hash(&self) -> Sha256 {
        self.hash
    }

    /// What is known about the signature.
    pub fn signature(&self) -> SignatureState {
        self.signature
    }

    /// The model file of `precision`; nothing if there is none, it was not kept, or it was taken.
    pub fn model_bytes(&self, precision: Precision) -> Option<&[u8]> {
        self.models.get(&precision).map(Vec::as_slice)
    }

    /// Hands over the model file of `precision`, for engines that keep the bytes, and to free the
    /// memory of others.
    pub fn take_model_bytes(&mut self, precision: Precision) -> Option<Vec<u8>> {
        self.models.remove(&precision)
    }

    /// `text.fp32.onnx`, if there is a text tower.
    pub fn text_bytes(&self) -> Option<&[u8]> {
        self.text.as_deref()
    }

    /// Hands over `text.fp32.onnx`.
    pub fn take_text_bytes(&mut self) -> Option<Vec<u8>> {
        self.text.take()
    }

    /// `tokenizer.json`, if there is a text tower.
    pub fn tokenizer_bytes(&self) -> Option<&[u8]> {
        self.tokenizer.as_deref()
    }

    /// Names, thresholds, embeddings.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Inputs and expected outputs.
    pub fn golden(&self) -> &Golden {
        &self.golden
    }

    /// `MODEL_CARD.md`.
    pub fn model_card(&self) -> &str {
        &self.model_card
    }
}
