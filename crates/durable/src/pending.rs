//! A file that is being written.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// How a temporary name ends.
pub(crate) const ENDING: &str = ".part";

/// Most bytes of a file's own name in its temporary name, so that the whole stays within the 255
/// that most disks allow.
const OWN_BYTES: usize = 220;

/// A file under a temporary name in the folder of its final one. Dropped before
/// [`put_in_place`](Self::put_in_place), it is removed.
#[derive(Debug)]
pub struct PendingFile {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
    is_in_place: bool,
}

impl PendingFile {
    /// Starts a file that will be called `path`. What has that name stays until it is replaced.
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::create_with(path, 0o666)
    }

    /// The same, readable and writable by the user alone.
    pub fn create_private(path: &Path) -> io::Result<Self> {
        Self::create_with(path, 0o600)
    }

    fn create_with(path: &Path, mode: u32) -> io::Result<Self> {
        let name = path.file_name().ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "expected a path with a file name (name a file)",
            )
        })?;
        loop {
            let temporary = path.with_file_name(temporary_name(name));
            // Never a file or a link that is there already.
            let file =
                match OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                    other => other?,
                };
            // A disk without locks keeps what a killed process left; nothing else depends on them.
            let _ = file.lock();
            // Another process may have removed it as a leftover before it was locked.
            if temporary.exists() {
                return Ok(Self { file, temporary, path: path.to_owned(), is_in_place: false });
            }
        }
    }

    /// Appends `bytes`.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Waits until the content is on the disk.
    pub fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Gives the file its name, replacing what has it. Durable once it was [synced](Self::sync)
    /// before and the folder [after](crate::sync_folder).
    pub fn put_in_place(mut self) -> io::Result<()> {
        fs::rename(&self.temporary, &self.path)?;
        self.is_in_place = true;
        Ok(())
    }
}

impl Drop for PendingFile {
    fn drop(&mut self) {
        if !self.is_in_place {
            // The error that led here is the one to report.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// `.NAME.PROCESS-UNIQUE.part`. Containers that share a folder may have equal process ids, so 64
/// bits of the system's randomness, the time and a counter are mixed into the name.
fn temporary_name(name: &OsStr) -> OsString {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let unique =
        RandomState::new().hash_one((COUNTER.fetch_add(1, Ordering::Relaxed), SystemTime::now()));
    let bytes = name.as_bytes();
    // The end of a long name says what kind of file it is.
    let own = OsStr::from_bytes(&bytes[bytes.len().saturating_sub(OWN_BYTES)..]);
    let mut temporary = OsString::from(".");
    temporary.push(own);
    temporary.push(format!(".{}-{unique:016x}{ENDING}", process::id()));
    temporary
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::names;

    #[test]
    fn a_file_that_is_not_finished_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = PendingFile::create(&folder.path().join("a.png")).unwrap();
        file.write(b"half").unwrap();
        assert_eq!(names(folder.path()).len(), 1);
        drop(file);
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }

    #[test]
    fn the_old_file_is_there_until_the_new_one_is_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        fs::write(&path, b"old").unwrap();
        let mut file = PendingFile::create(&path).unwrap();
        file.write(b"new").unwrap();
        file.sync().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        file.put_in_place().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["a.png"]);
    }

    #[test]
    fn two_files_of_one_path_have_two_temporaries_and_each_removes_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let (first, second) =
            (PendingFile::create(&path).unwrap(), PendingFile::create(&path).unwrap());
        assert_eq!(names(folder.path()).len(), 2);
        drop(first);
        second.put_in_place().unwrap();
        assert_eq!(names(folder.path()), ["a.png"]);
    }

    #[test]
    fn a_private_file_is_the_users_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan");
        PendingFile::create_private(&path).unwrap().put_in_place().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn the_longest_name_of_a_disk_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ä".repeat(125) + ".mask");
        PendingFile::create(&path).unwrap().put_in_place().unwrap();
        assert!(path.exists());
    }

    #[test]
    fn a_path_without_a_name_is_refused() {
        assert!(
            PendingFile::create(Path::new("..")).unwrap_err().to_string().contains("name a file")
        );
    }
}
