//! Writing a bundle: beside the target, synced, proven, and only then put in its place.

use crate::exchange::{PartialDirectory, Target};
use crate::file_name::{DIGEST, GOLDEN_FOLDER, MANIFEST};
use crate::{
    Bundle, BundleError, FileEntry, FileName, Golden, GoldenError, Manifest, ManifestError,
    Precision, Sha256, VerifyOptions, Vocabulary, VocabularyError,
};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Collects the files of a bundle and writes them.
#[derive(Clone, Debug)]
pub struct BundleWriter {
    manifest: Manifest,
    contents: BTreeMap<FileName, Vec<u8>>,
}

/// A bundle that could not be written. What stood at the target before still does.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The vocabulary cannot be written.
    #[error(transparent)]
    Vocabulary(#[from] VocabularyError),
    /// The golden set cannot be written.
    #[error("golden set: {0}")]
    Golden(#[from] GoldenError),
    /// The manifest cannot be written.
    #[error("manifest: {0}")]
    Manifest(#[from] ManifestError),
    /// What was written does not pass [`Bundle::open`].
    #[error("the bundle just written is refused: {0}")]
    Refused(#[from] BundleError),
    /// The disk says no.
    #[error("{}: expected to {doing}, found: {source}", path.display())]
    Disk {
        /// File or directory.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// The system's word.
        source: io::Error,
    },
    /// Something stands at the target that is not a bundle.
    #[error("{}: expected a bundle, an empty directory or nothing, found something else (choose \
        another place)", path.display())]
    NotABundle {
        /// The target.
        path: PathBuf,
    },
    /// The target holds a later release of the same name.
    #[error("{}: counter: expected at least {expected}, found {found} (the bundle there is newer: \
        raise the counter)", path.display())]
    OlderThanTarget {
        /// The target.
        path: PathBuf,
        /// Counter of the bundle there.
        expected: u64,
        /// Counter of the new one.
        found: u64,
    },
}

impl BundleWriter {
    /// Starts with `manifest`, whose `files` are filled in by [`BundleWriter::write`].
    pub fn new(manifest: Manifest) -> Self {
        Self { manifest, contents: BTreeMap::new() }
    }

    /// Starts with everything `bundle` holds, to change a part of it. Model files that were not
    /// kept are left out.
    pub fn from_bundle(bundle: Bundle) -> Result<Self, WriteError> {
        let mut writer =
            Self::new(bundle.manifest).vocabulary(&bundle.vocabulary)?.golden(&bundle.golden)?;
        let models =
            bundle.models.into_iter().map(|(precision, bytes)| (FileName::Model(precision), bytes));
        writer.contents.extend(models);
        writer.contents.extend(bundle.text.map(|bytes| (FileName::Text, bytes)));
        writer.contents.extend(bundle.tokenizer.map(|bytes| (FileName::Tokenizer, bytes)));
        Ok(writer.model_card(bundle.model_card))
    }

    /// The manifest as it will be written, `files` aside.
    pub fn manifest_mut(&mut self) -> &mut Manifest {
        &mut self.manifest
    }

    /// Adds or replaces the model file of `precision`.
    #[must_use]
    pub fn model(mut self, precision: Precision, onnx: Vec<u8>) -> Self {
        self.contents.insert(FileName::Model(precision), onnx);
        self
    }

    /// Adds or replaces the text tower and its tokenizer; `manifest.text` says how they are used.
    #[must_use]
    pub fn text(mut self, onnx: Vec<u8>, tokenizer_json: Vec<u8>) -> Self {
        self.contents.insert(FileName::Text, onnx);
        self.contents.insert(FileName::Tokenizer, tokenizer_json);
        self
    }

    /// Adds or replaces both files of the vocabulary.
    pub fn vocabulary(mut self, vocabulary: &Vocabulary) -> Result<Self, WriteError> {
        let (rows, embeddings) = vocabulary.to_files()?;
        self.contents.insert(FileName::VocabularyRows, rows);
        self.contents.insert(FileName::VocabularyEmbeddings, embeddings);
        Ok(self)
    }

    /// Adds or replaces the golden set.
    pub fn golden(mut self, golden: &Golden) -> Result<Self, WriteError> {
        self.contents.insert(FileName::Golden, golden.to_bytes()?);
        Ok(self)
    }

    /// Adds or replaces the model card, in Markdown.
    #[must_use]
    pub fn model_card(mut self, markdown: impl Into<String>) -> Self {
        self.contents.insert(FileName::ModelCard, markdown.into().into_bytes());
        self
    }

    /// Writes the bundle as directory `target` and opens it. A bundle that stands there is replaced
    /// in one step: whoever opens it sees the old one or the new one. Where the file system cannot
    /// exchange two directories there is a moment without any. The result is unsigned; sign with
    /// `minisign -S -m manifest.json`.
    pub fn write(mut self, target: &Path) -> Result<Bundle, WriteError> {
        let files = self.contents.iter().map(|(&name, content)| {
            (name, FileEntry { bytes: content.len() as u64, sha256: Sha256::of(content) })
        });
        self.manifest.files = files.collect();
        let manifest = self.manifest.to_json()?;
        let target = Target::find(target, &self.manifest)?;
        let partial = PartialDirectory::create(&target.path)?;
        fs::create_dir(partial.path.join(GOLDEN_FOLDER))
            .map_err(disk(&partial.path, "create a folder"))?;
        for (name, content) in &self.contents {
            write_file(&partial.path.join(name.as_str()), content)?;
        }
        write_file(&partial.path.join(MANIFEST), &manifest)?;
        write_file(
            &partial.path.join(DIGEST),
            Sha256::of(&manifest).sum_line(MANIFEST).as_bytes(),
        )?;
        let mut bundle = Bundle::open(&partial.path, &VerifyOptions::default())?;
        partial.put_in_place(&target)?;
        bundle.path = target.path;
        Ok(bundle)
    }
}

fn write_file(path: &Path, content: &[u8]) -> Result<(), WriteError> {
    rszs_durable::replace(path, content).map_err(disk(path, "write the file"))
}

/// Turns the system's error into one that names `path` and what was tried.
pub(crate) fn disk(
    path: &Path,
    doing: &'static str,
) -> impl FnOnce(io::Error) -> WriteError + use<> {
    let path = path.to_owned();
    move |source| WriteError::Disk { path, doing, source }
}
