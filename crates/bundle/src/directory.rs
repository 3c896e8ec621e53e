//! A directory held open, so that exchanging it while it is read cannot mix two bundles.

use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// An open directory and the path it was found at.
pub(crate) struct Directory {
    path: PathBuf,
    handle: OwnedFd,
}

/// What stands behind a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    SymbolicLink,
    /// A device, socket or pipe.
    Other,
}

/// A name in a directory.
pub(crate) struct Child {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

impl Directory {
    /// Opens `path`, which may itself be a link to the directory.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let handle =
            fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { path: path.to_owned(), handle })
    }

    /// Opens the folder `name` inside; a link is an error.
    pub(crate) fn folder(&self, name: &str) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = fs::openat(&self.handle, name, flags, Mode::empty())?;
        Ok(Self { path: self.path.join(name), handle })
    }

    /// Opens the regular file `name` inside; links, pipes and devices are errors and are not waited
    /// for.
    pub(crate) fn file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(fs::openat(&self.handle, name, flags, Mode::empty())?);
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(io::Error::other("not a regular file"))
        }
    }

    /// All names inside, sorted; at most `limit`, more is an error.
    pub(crate) fn children(&self, limit: usize) -> io::Result<Vec<Child>> {
        let mut children = Vec::new();
        for entry in Dir::read_from(&self.handle)? {
            let entry = entry?;
            let bytes = entry.file_name().to_bytes();
            if bytes == b"." || bytes == b".." {
                continue;
            }
            if children.len() == limit {
                return Err(io::Error::other(format!("more than {limit} entries")));
            }
            let name = std::str::from_utf8(bytes).map_err(|_| {
                io::Error::other(format!("a name that is not UTF-8: {}", bytes.escape_ascii()))
            })?;
            let kind = fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode;
            children
                .push(Child { name: name.to_owned(), kind: FileType::from_raw_mode(kind).into() });
        }
        children.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(children)
    }

    /// Whether its path still leads to it; no if another directory was put in its place.
    pub(crate) fn is_at_its_path(&self) -> bool {
        let identity = |stat: fs::Stat| (stat.st_dev, stat.st_ino);
        match (fs::fstat(&self.handle), fs::stat(&self.path)) {
            (Ok(opened), Ok(there)) => identity(opened) == identity(there),
            _ => false,
        }
    }

    /// Where it was found.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl From<FileType> for Kind {
    fn from(kind: FileType) -> Self {
        match kind {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Folder,
            FileType::Symlink => Self::SymbolicLink,
            _ => Self::Other,
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::File => "a file",
            Self::Folder => "a folder",
            Self::SymbolicLink => "a symbolic link",
            Self::Other => "a device, socket or pipe",
        })
    }
}
