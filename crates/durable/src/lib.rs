//! Files that are complete or absent, whatever happens: an error, a signal, a power cut.
//!
//! A file is written under a temporary name in the folder of its own, synced, and renamed; then the
//! folder, which holds the name, is synced. The temporary name is unique between processes,
//! containers and machines that share the folder, and the file is locked while it is written. The
//! system releases the lock of a killed process, so [`remove_leftovers`] removes what that process
//! left and nothing that somebody still writes.

mod folder;
mod leftovers;
mod pending;

use std::io;
use std::path::Path;

pub use folder::{create_folder, sync_folder};
pub use leftovers::remove_leftovers;
pub use pending::PendingFile;

/// Replaces the file `path` by `bytes` and waits until both file and name are on the disk. Missing
/// folders are created. On an error the old file stays and nothing else is left.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = folder::parent(path);
    create_folder(folder)?;
    let mut file = PendingFile::create(path)?;
    file.write(bytes)?;
    file.sync()?;
    file.put_in_place()?;
    sync_folder(folder)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Names of the files in `folder`, sorted.
    pub(crate) fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn a_file_is_replaced_and_nothing_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one/two/file");
        replace(&path, b"old").unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(path.parent().unwrap()), ["file"]);
    }

    #[test]
    fn a_failure_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        // A folder stands where the file should go.
        fs::create_dir(folder.path().join("taken")).unwrap();
        assert!(replace(&folder.path().join("taken"), b"new").is_err());
        assert_eq!(names(folder.path()), ["taken"]);
    }

    #[test]
    fn a_folder_that_takes_no_file_is_an_error_and_the_old_file_stays() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        assert!(replace(Path::new("/proc/self/file"), b"new").is_err());
        if fs::metadata("/proc/self").unwrap().uid() == 0 {
            // Permissions do not hold for root; /proc does.
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, b"old").unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
        let error = replace(&path, b"new").unwrap_err();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn two_writers_at_once_leave_the_file_of_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let contents = [vec![b'a'; 70_000], vec![b'b'; 50_000]];
        std::thread::scope(|scope| {
            for content in &contents {
                scope.spawn(|| (0..50).for_each(|_| replace(&path, content).unwrap()));
            }
            scope.spawn(|| (0..50).for_each(|_| remove_leftovers(folder.path(), &[""])));
        });
        assert!(contents.contains(&fs::read(&path).unwrap()));
        assert_eq!(names(folder.path()), ["file"]);
    }
}
