//! Putting a finished directory in the place of another.

use crate::content::read_small;
use crate::directory::Directory;
use crate::file_name::MANIFEST;
use crate::manifest::LIMIT_MANIFEST_BYTES;
use crate::write::disk;
use crate::{Manifest, WriteError};
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where a bundle goes, found to be free or a bundle that may be replaced.
pub(crate) struct Target {
    pub(crate) path: PathBuf,
    exists: bool,
}

/// A directory beside the target that disappears unless it is put in place.
pub(crate) struct PartialDirectory {
    pub(crate) path: PathBuf,
}

impl Target {
    /// Checks that `manifest` may go to `path`. A link to a bundle stands for that bundle.
    pub(crate) fn find(path: &Path, manifest: &Manifest) -> Result<Self, WriteError> {
        let path = match fs::canonicalize(path) {
            Ok(path) => path,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { path: path.to_owned(), exists: false });
            }
            Err(source) => return Err(disk(path, "look at the target")(source)),
        };
        let is_empty = fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_none());
        if is_empty {
            return Ok(Self { path, exists: true });
        }
        let there = Directory::open(&path)
            .ok()
            .and_then(|directory| read_small(&directory, MANIFEST, LIMIT_MANIFEST_BYTES).ok())
            .and_then(|json| Manifest::parse(&json).ok());
        match there {
            None => Err(WriteError::NotABundle { path }),
            Some(there) if there.name == manifest.name && there.counter > manifest.counter => {
                Err(WriteError::OlderThanTarget {
                    path,
                    expected: there.counter,
                    found: manifest.counter,
                })
            }
            Some(_) => Ok(Self { path, exists: true }),
        }
    }
}

impl PartialDirectory {
    /// Creates an empty directory beside `target`.
    pub(crate) fn create(target: &Path) -> Result<Self, WriteError> {
        let Some(name) = target.file_name() else {
            return Err(disk(target, "find a name in the path")(
                io::ErrorKind::InvalidInput.into(),
            ));
        };
        let parent = parent_of(target);
        fs::create_dir_all(parent).map_err(disk(parent, "create the folder around the target"))?;
        let mut attempt = 0_u32;
        loop {
            let path = parent.join(format!(
                ".{}.partial-{}-{attempt}",
                name.display(),
                std::process::id()
            ));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 1000 => {
                    attempt += 1;
                }
                Err(source) => {
                    return Err(disk(&path, "create a directory beside the target")(source));
                }
            }
        }
    }

    /// Gives this directory the target's name, and removes what stood there.
    pub(crate) fn put_in_place(self, target: &Target) -> Result<(), WriteError> {
        if target.exists {
            self.exchange_with(&target.path).map_err(disk(&target.path, "replace the bundle"))?;
        } else {
            // Whatever appeared there meanwhile is not ours to replace.
            rustix::fs::renameat_with(CWD, &self.path, CWD, &target.path, RenameFlags::NOREPLACE)
                .or_else(|error| {
                    if is_unsupported(error) {
                        rustix::fs::rename(&self.path, &target.path)
                    } else {
                        Err(error)
                    }
                })
                .map_err(|errno| disk(&target.path, "put the bundle in place")(errno.into()))?;
        }
        let parent = parent_of(&target.path);
        rszs_durable::sync_folder(parent).map_err(disk(parent, "sync the directory"))
    }

    fn exchange_with(&self, target: &Path) -> io::Result<()> {
        match rustix::fs::renameat_with(CWD, &self.path, CWD, target, RenameFlags::EXCHANGE) {
            Ok(()) => Ok(()),
            Err(error) if is_unsupported(error) => {
                let mut old = self.path.clone().into_os_string();
                old.push(".old");
                fs::rename(target, &old)?;
                if let Err(error) = fs::rename(&self.path, target) {
                    fs::rename(&old, target)?;
                    return Err(error);
                }
                fs::remove_dir_all(&old)
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for PartialDirectory {
    fn drop(&mut self) {
        // Holds the unfinished bundle, or after an exchange the old one; gone already where it was
        // renamed. A left-over is harmless, and there is nobody to tell.
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn is_unsupported(error: Errno) -> bool {
    matches!(error, Errno::INVAL | Errno::NOSYS | Errno::NOTSUP)
}
