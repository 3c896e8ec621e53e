//! Files that survive a power cut.

use crate::WriteError;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Writes `content` to the new file `path` and waits until it is on the disk.
pub(crate) fn write_synced(path: &Path, content: &[u8]) -> Result<(), WriteError> {
    let write = || {
        let mut file = File::create_new(path)?;
        file.write_all(content)?;
        file.sync_all()
    };
    write().map_err(disk(path, "write the file"))
}

/// Waits until the names in directory `path` are on the disk.
pub(crate) fn sync_directory(path: &Path) -> Result<(), WriteError> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(disk(path, "sync the directory"))
}

/// Turns the system's word into an error that names `path` and what was tried.
pub(crate) fn disk(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> WriteError + use<> {
    let path = path.to_owned();
    move |source| WriteError::Disk { path, doing, source }
}
