//! Folders, which hold the names of files.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Creates a folder and those around it, if there is none, and syncs the one that holds its name.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    sync_folder(parent(folder))
}

/// Waits until the names in `folder` are on the disk.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The folder that `path` is in.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
