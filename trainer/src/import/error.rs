//! What can be wrong with published weights.

use std::path::{Path, PathBuf};

use super::{Difference, PickleError};

/// A file of weights that cannot be taken over.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A pickle, and nobody said that it may be read.
    #[error(
        "{}: expected safetensors, found a PyTorch archive with a pickle; --allow-pickle reads the \
         tensors in it and runs nothing",
        path.display()
    )]
    PickleNotAllowed {
        /// The file.
        path: PathBuf,
    },
    /// A pickle with something else than tensors and what holds them.
    #[error(
        "{}: {member}, {source}; nothing of it was run, and no other program should open it",
        path.display()
    )]
    Pickle {
        /// The file.
        path: PathBuf,
        /// The pickle in it.
        member: String,
        /// Where and what.
        source: PickleError,
    },
    /// A file of another kind, or a damaged one.
    #[error("{}: expected {expected}, found {found}; {hint}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What should have been there.
        expected: String,
        /// What was there.
        found: String,
        /// What to do.
        hint: &'static str,
    },
    /// Tensors of the file and parameters of the network are not the same.
    #[error("{}: {difference}; another file, or other sizes under [network]?", path.display())]
    Difference {
        /// The file.
        path: PathBuf,
        /// Every tensor that does not fit.
        difference: Difference,
    },
}

impl ImportError {
    pub(super) fn format(
        path: &Path,
        expected: impl Into<String>,
        found: impl Into<String>,
        hint: &'static str,
    ) -> Self {
        Self::Format { path: path.to_owned(), expected: expected.into(), found: found.into(), hint }
    }
}
