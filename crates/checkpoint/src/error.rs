//! What can be wrong with a checkpoint.

use std::io;
use std::path::PathBuf;

use safetensors::SafeTensorError;

use crate::Difference;

/// A checkpoint that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file cannot be read.
    #[error("{}: expected a file that can be read, found: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("{}: expected a file that can be written, found: {source} (make room or choose another \
        place)", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Not a safetensors file.
    #[error(
        "{}: expected a safetensors file, found: {source} (truncated, or another format?)",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: SafeTensorError,
    },
    /// Metadata that is missing or of another form.
    #[error("{}: expected metadata `{key}` with {expected}, found {found} (not a checkpoint of \
        rszs?)", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// Which.
        key: &'static str,
        /// What it should say.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A tensor of another element type.
    #[error(
        "{}: {tensor}: expected F32, found {found} (not a checkpoint of rszs?)",
        path.display()
    )]
    ElementType {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its type.
        found: String,
    },
    /// Values that are not those that were written.
    #[error("{}: {}expected values with the SHA-256 {expected}, found {found} (the file is \
        damaged: take a copy, or make it again)",
        path.display(), tensor.as_ref().map_or(String::new(), |tensor| format!("{tensor}: ")))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The first damaged tensor, where the file has hashes of each.
        tensor: Option<String>,
        /// The hash of what was written.
        expected: String,
        /// The hash of what is there.
        found: String,
    },
    /// A tensor with a value that is not a number.
    #[error("{}: {tensor}: expected finite numbers, found {found} at {index} (did training \
        diverge?)", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The value.
        found: f32,
        /// Where in the flat tensor.
        index: usize,
    },
    /// Tensors and network do not fit.
    #[error("{}: {difference} (a checkpoint of another config or stage?)", path.display())]
    Difference {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        difference: Difference,
    },
}
