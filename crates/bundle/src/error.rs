//! Why a bundle is refused.

use crate::directory::Kind;
use crate::{GoldenError, ManifestError, OnnxError, Sha256, SignatureError, VocabularyError};
use std::fmt;
use std::io;
use std::path::PathBuf;

/// A bundle that is refused. Every message begins with the path.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The directory or a file cannot be read.
    #[error("{}: expected {expected}, found: {source}", path.display())]
    Unreadable {
        /// Directory or file.
        path: PathBuf,
        /// What should be there.
        expected: &'static str,
        /// The system's word.
        source: io::Error,
    },
    /// Something that is neither a regular file nor the one folder.
    #[error(
        "{}: expected a regular file, found {found} (take the bundle from its source again)",
        path.display()
    )]
    NotAFile {
        /// Path of it.
        path: PathBuf,
        /// What it is.
        found: EntryKind,
    },
    /// A file the manifest does not list.
    #[error(
        "{}: expected only files that manifest.json lists, found this one too (remove it)",
        path.display()
    )]
    Unlisted {
        /// Path of it.
        path: PathBuf,
    },
    /// A file the manifest lists is not there.
    #[error("{}: expected the file, found none (copy the bundle again)", path.display())]
    Missing {
        /// Path of it.
        path: PathBuf,
    },
    /// Longer than the form allows, or than the manifest says.
    #[error("{}: expected {expected} bytes, found {found} (copy the bundle again)", path.display())]
    Size {
        /// File.
        path: PathBuf,
        /// In words, as it can be a limit.
        expected: SizeExpectation,
        /// Bytes there are.
        found: u64,
    },
    /// Altered or damaged.
    #[error("{}: expected SHA-256 {expected}, found {found} (damaged or changed: copy the bundle \
        again)", path.display())]
    Hash {
        /// File.
        path: PathBuf,
        /// As the manifest says.
        expected: Sha256,
        /// As the file is.
        found: Sha256,
    },
    /// The manifest and its digest disagree.
    #[error("{}: expected SHA-256 {expected} as in manifest.json.sha256, found {found} (one of the \
        two is damaged or changed: copy the bundle again)", path.display())]
    ManifestHash {
        /// The manifest.
        path: PathBuf,
        /// As the file beside it says.
        expected: Sha256,
        /// As the manifest is.
        found: Sha256,
    },
    /// The digest of the manifest is none.
    #[error("{}: expected the line that sha256sum writes for manifest.json, found something else \
        (copy the bundle again)", path.display())]
    Digest {
        /// The file of the digest.
        path: PathBuf,
    },
    /// The manifest cannot be used.
    #[error("{}: {source}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// Why.
        source: ManifestError,
    },
    /// Older than the device accepts.
    #[error("{}: counter: expected at least {expected}, found {found} (an older release than the \
        one in use)", path.display())]
    RolledBack {
        /// The manifest.
        path: PathBuf,
        /// Smallest accepted counter.
        expected: u64,
        /// Counter of this bundle.
        found: u64,
    },
    /// A key was given and there is no signature.
    #[error("{}: expected a signature, found none (sign manifest.json with minisign, or allow \
        unsigned bundles)", path.display())]
    Unsigned {
        /// Where the signature would be.
        path: PathBuf,
    },
    /// The signature does not hold.
    #[error("{}: {source}", path.display())]
    Signature {
        /// The signature.
        path: PathBuf,
        /// Why.
        source: SignatureError,
    },
    /// A model or text tower must not reach an engine.
    #[error("{}: {source}", path.display())]
    Onnx {
        /// The ONNX file.
        path: PathBuf,
        /// Why.
        source: OnnxError,
    },
    /// The vocabulary cannot be used.
    #[error("{}: {source}", path.display())]
    Vocabulary {
        /// The bundle; the message names the file.
        path: PathBuf,
        /// Why.
        source: VocabularyError,
    },
    /// The golden set cannot be used.
    #[error("{}: {source}", path.display())]
    Golden {
        /// The golden set.
        path: PathBuf,
        /// Why.
        source: GoldenError,
    },
    /// A text file is not text.
    #[error("{}: expected UTF-8 text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// Two files of the bundle contradict each other.
    #[error("{}: expected {expected}, found {found} (files of different exports?)", path.display())]
    Contradiction {
        /// The file that is at odds with the manifest.
        path: PathBuf,
        /// As the manifest has it.
        expected: String,
        /// As the file has it.
        found: String,
    },
}

/// What stands where a file should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryKind(pub(crate) Kind);

/// How large a file should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeExpectation {
    /// As the manifest says.
    Exactly(u64),
    /// As the form allows.
    AtMost(u64),
}

impl fmt::Display for EntryKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for SizeExpectation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(bytes) => write!(formatter, "{bytes}"),
            Self::AtMost(bytes) => write!(formatter, "at most {bytes}"),
        }
    }
}
