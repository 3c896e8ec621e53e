//! Why an input gives no image.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::limits::{MAX_FILE_BYTES, MAX_PIXELS};

/// An input that gives no image. The run goes on with the next one.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SourceError {
    /// Nothing has this name.
    #[error("{path}: expected an image file, a folder or a glob, found nothing of that name; check \
        the spelling", path = .0.display())]
    Missing(PathBuf),
    /// An address of a network.
    #[error(
        "{0}: expected a file, a folder or a glob, found an address; nothing is fetched here: \
        make files of it, for example with: ffmpeg -i {0} -vf fps=1 %06d.png"
    )]
    Address(String),
    /// A device, a pipe, or a folder where a file was meant.
    #[error(
        "{path}: expected an image file, found {found}; name a regular file",
        path = .path.display()
    )]
    NotAFile {
        /// What was named.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// A folder without images.
    #[error(
        "{path}: expected a folder with JPEG, PNG, TIFF, WebP or BMP files directly in it, found \
         none; add --recursive for its subfolders",
        path = .0.display()
    )]
    EmptyFolder(PathBuf),
    /// A glob that matches no file.
    #[error(
        "{0}: expected a glob that matches at least one file, found no match; check its spelling, \
         and quote it so that the shell leaves it alone"
    )]
    NoMatch(String),
    /// A glob that is not one.
    #[error(
        "{pattern}: expected a file or a glob such as 'flight/**/*.jpg', found a pattern that \
         cannot be read: {reason}"
    )]
    Pattern {
        /// What was typed.
        pattern: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The operating system does not let us read it.
    #[error(
        "{path}: expected a readable file, found: {source}; check its permissions",
        path = .path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// More bytes than any camera writes.
    #[error("{path}: expected at most {MAX_FILE_BYTES} bytes, found {found}; cut the image into \
        parts", path = .path.display())]
    FileTooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        found: u64,
    },
    /// More pixels than memory is planned for.
    #[error("{path}: expected at most {MAX_PIXELS} pixels, found {width}x{height}; cut the image \
        into parts", path = .path.display())]
    TooManyPixels {
        /// The file.
        path: PathBuf,
        /// Width in its header.
        width: u32,
        /// Height in its header.
        height: u32,
    },
    /// Nothing in it.
    #[error("{path}: expected an image, found an empty file; copy it again", path = .0.display())]
    Empty(PathBuf),
    /// No image format we read.
    #[error("{path}: expected a JPEG, PNG, TIFF, WebP or BMP image, found {found}; convert it \
        first", path = .path.display())]
    NotAnImage {
        /// The file.
        path: PathBuf,
        /// What its first bytes are.
        found: String,
    },
    /// A format that others read.
    #[error("{path}: expected a JPEG, PNG, TIFF, WebP or BMP image, found {found}; convert it \
        first, for example with: {convert}", path = .path.display())]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// Name of the format.
        found: &'static str,
        /// A command that makes an image of it.
        convert: &'static str,
    },
    /// The name says one format, the content another.
    #[error("{path}: expected {expected} content as the name says, found {found}; rename the \
        file", path = .path.display())]
    Mislabelled {
        /// The file.
        path: PathBuf,
        /// Format of the name.
        expected: &'static str,
        /// Format of the content.
        found: &'static str,
    },
    /// The file ends before its image does.
    #[error("{path}: expected a whole {format} image, found one that ends early ({bytes} bytes); \
        copy the file again", path = .path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: &'static str,
        /// What is there of it.
        bytes: usize,
    },
    /// The content uses a part of its format that we do not read.
    #[error("{path}: expected a {format} image of a kind that is read here, found: {reason}; \
        convert it to 8-bit RGB first", path = .path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: &'static str,
        /// What the decoder does not know.
        reason: String,
    },
    /// The file does not say which of its bands are red, green and blue.
    #[error(
        "{path}: expected bands that the file calls red, green and blue, found {found} without \
         such names; say which, for example --bands 3,2,1",
        path = .path.display()
    )]
    Bands {
        /// The file.
        path: PathBuf,
        /// Bands it has.
        found: usize,
    },
    /// The decoder itself failed.
    #[error("{path}: expected an image that can be decoded, found one at which the decoder \
        panics; convert it first", path = .0.display())]
    Panicked(PathBuf),
    /// The content breaks the rules of its format.
    #[error("{path}: expected a {format} image that can be decoded, found: {reason}; copy the file \
        again", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: &'static str,
        /// What the decoder says.
        reason: String,
    },
}
