//! Why results cannot be written.

use std::io;
use std::path::PathBuf;

use crate::segment::SegmentError;

/// Results cannot be written. The run stops: a full disk does not become emptier.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The folder cannot be made or written to.
    #[error("{path}: expected a folder that can be written to, found: {source}; choose another \
        with --output", path = .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("{path}: expected to write the file, found: {source}; make room or choose another \
        --output", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A result would take the place of an input.
    #[error("{path}: expected a name that is free, found one of the inputs; choose another \
        --output", path = .0.display())]
    WouldOverwriteInput(PathBuf),
    /// The encoder does not take the pixels.
    #[error("png: {0}")]
    Encode(#[from] png::EncodingError),
    /// The encoder of JPEG does not take the pixels.
    #[error("jpeg: {0}")]
    EncodeJpeg(#[from] image::ImageError),
    /// Scores cannot be made.
    #[error("scores: {0}")]
    Scores(#[from] SegmentError),
    /// A mask has no run lengths.
    #[error(transparent)]
    RunLengths(#[from] rszs_hot::RleError),
    /// The reader of stdout has gone, or the disk behind it is full.
    #[error("stdout: expected to write results, found: {0}")]
    Stdout(io::Error),
}
