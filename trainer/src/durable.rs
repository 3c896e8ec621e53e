//! Files that a crash leaves whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::TrainError;

/// How the name of a file ends that is still being written. A killed process leaves one behind.
const PARTIAL: &str = ".partial";

/// Writes a file so that at every moment the old or the new content is under `path`: to a temporary name beside it, synced,
/// renamed; then the folder is synced, which holds the name.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let write = || -> io::Result<()> {
        let folder = parent(path);
        make(folder)?;
        // Readable like any file, as far as the umask allows; a temporary file's default is its owner alone.
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o666);
        let mut temporary = tempfile::Builder::new().suffix(PARTIAL).permissions(permissions).tempfile_in(folder)?;
        temporary.write_all(bytes)?;
        temporary.as_file().sync_all()?;
        temporary.persist(path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|source| TrainError::Write { path: path.to_owned(), source })
}

/// Makes a folder, if there is none, and syncs the one that holds its name.
pub(crate) fn make_folder(folder: &Path) -> Result<(), TrainError> {
    make(folder).map_err(|source| TrainError::Write { path: folder.to_owned(), source })
}

fn make(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    File::open(parent(folder))?.sync_all()
}

/// The folder that `path` is in.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Removes what a process that was killed while writing left in `folder`.
pub(crate) fn remove_partial(folder: &Path) -> Result<(), TrainError> {
    for entry in fs::read_dir(folder).map_err(TrainError::file(folder))? {
        let path = entry.map_err(TrainError::file(folder))?.path();
        if path.to_string_lossy().ends_with(PARTIAL) {
            fs::remove_file(&path).map_err(TrainError::file(path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_is_replaced_and_nothing_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/file");
        write_atomically(&path, b"old").unwrap();
        write_atomically(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(path.parent().unwrap()), ["file"]);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("occupied"), "").unwrap();
        let message = write_atomically(&folder.path().join("occupied/file"), b"").unwrap_err().to_string();
        assert!(message.contains("occupied/file: ") && message.contains("make room"), "{message}");
    }

    #[test]
    fn what_a_kill_left_behind_is_removed_and_the_rest_stays() {
        let folder = tempfile::tempdir().unwrap();
        write_atomically(&folder.path().join("file"), b"whole").unwrap();
        fs::write(folder.path().join(format!(".tmpAbC{PARTIAL}")), b"ha").unwrap();
        remove_partial(folder.path()).unwrap();
        assert_eq!(names(folder.path()), ["file"]);
    }
}
