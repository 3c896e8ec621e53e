//! Why something of the cache is not used.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Bits of a mode that let others write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// Something of the cache that is not used. Never a reason to stop: the engine is built instead.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CacheFault {
    /// No variable tells where.
    #[error(
        "engine cache: expected XDG_CACHE_HOME or HOME to name a folder, found neither; name one \
         with --engine-cache DIR"
    )]
    NoFolder,
    /// The folder cannot be had.
    #[error("{path}: expected a folder for built engines, found: {source}", path = .path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Not what it should be.
    #[error("{path}: expected {expected}, found something else", path = .path.display())]
    Kind {
        /// Where.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
    },
    /// Somebody else's.
    #[error(
        "{path}: expected it to belong to user {expected}, found user {found}",
        path = .path.display()
    )]
    Owner {
        /// Where.
        path: PathBuf,
        /// Who we are.
        expected: u32,
        /// Whose it is.
        found: u32,
    },
    /// Others can write to it.
    #[error(
        "{path}: expected nobody else to be able to write, found mode {mode:o}",
        path = .path.display()
    )]
    Mode {
        /// Where.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file cannot be read.
    #[error("{path}: expected a readable file, found: {source}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("{path}: expected to keep the built engine, found: {source}; it is built again at the \
        next start", path = .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A header of something else, or of another version of this program.
    #[error("{path}: expected the header of a built engine, found another (of another version of \
        this program?)", path = .path.display())]
    Header {
        /// The file.
        path: PathBuf,
    },
    /// Built for something else: another model, library, device, driver or shape.
    #[error("{path}: expected an engine built for this model, library and device, found one for \
        another", path = .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Too short or too long.
    #[error("{path}: expected {expected} bytes, found {found} (cut off?)", path = .path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// By its header.
        expected: u64,
        /// In the file.
        found: u64,
    },
    /// Damaged.
    #[error("{path}: expected content with the SHA-256 of its header, found other content \
        (damaged?)", path = .path.display())]
    Digest {
        /// The file.
        path: PathBuf,
    },
}

impl CacheFault {
    pub(super) fn unusable(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        |source| Self::Unusable { path, source }
    }

    pub(super) fn unwritable(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        |source| Self::Unwritable { path, source }
    }

    pub(super) fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        |source| Self::Unreadable { path, source }
    }
}

/// Refuses what another user owns or could have written.
pub(super) fn only_ours(path: &Path, metadata: &Metadata) -> Result<(), CacheFault> {
    let (expected, found, mode) =
        (rustix::process::geteuid().as_raw(), metadata.uid(), metadata.mode() & 0o7777);
    if found != expected {
        return Err(CacheFault::Owner { path: path.to_owned(), expected, found });
    }
    if mode & WRITABLE_BY_OTHERS != 0 {
        return Err(CacheFault::Mode { path: path.to_owned(), mode });
    }
    Ok(())
}
