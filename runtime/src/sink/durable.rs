//! Files that are complete or not there, whatever happens: an error, a signal, a power cut.
//!
//! A file under way is locked. The system lets go of the lock of a process that was killed, and the next run removes what it left.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process;

/// End of every temporary name.
const TEMPORARY_ENDING: &str = ".part";

/// A file under a temporary name in the folder of its final one. Dropped before [`put_in_place`](Self::put_in_place), it is removed.
#[derive(Debug)]
pub struct PendingFile {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
}

impl PendingFile {
    /// Starts a file that will be called `path`. What already has that name is left alone until it is replaced.
    pub fn create(path: &Path) -> io::Result<Self> {
        let temporary = temporary(path)?;
        loop {
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(&temporary)?;
            // A disk without locks keeps what a killed run left; nothing else depends on them.
            let _ = file.lock();
            // Before it was locked, another run may have removed it as something left over.
            if temporary.exists() {
                file.set_len(0)?;
                return Ok(Self { file, temporary, path: path.to_owned() });
            }
        }
    }

    /// The same, readable and writable by the user alone, and never through a link that somebody put there.
    pub(crate) fn create_private(path: &Path) -> io::Result<Self> {
        let temporary = temporary(path)?;
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            // What a process of this number left when it was killed.
            _ => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        Ok(Self { file, temporary, path: path.to_owned() })
    }

    /// Adds `bytes`.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Waits until the content is on the disk.
    pub fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Gives the file its name, replacing what has it. Durable once the folder is synced too.
    pub fn put_in_place(self) -> io::Result<()> {
        fs::rename(&self.temporary, &self.path)
    }
}

impl Drop for PendingFile {
    fn drop(&mut self) {
        // After the rename there is nothing of this name, and that is as it should be.
        let _ = fs::remove_file(&self.temporary);
    }
}

fn temporary(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}{TEMPORARY_ENDING}", process::id()));
    Ok(path.with_file_name(hidden))
}

/// Whether `name` is a temporary name of a file whose own name ends with one of `endings`.
fn is_temporary(name: &str, endings: &[&str]) -> bool {
    let own = name.strip_prefix('.').and_then(|name| name.strip_suffix(TEMPORARY_ENDING)?.rsplit_once('.'));
    own.is_some_and(|(own, process)| process.parse::<u32>().is_ok() && endings.iter().any(|end| own.ends_with(end)))
}

/// Removes what runs that were killed left in `folder` of files whose names end with one of `endings`. A file that another run is
/// writing is locked and stays; so does one that cannot be looked at.
pub(super) fn remove_leftovers(folder: &Path, endings: &[&str]) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let is_leftover = entry.file_name().to_str().is_some_and(|name| is_temporary(name, endings));
        if !is_leftover || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        if let Ok(file) = File::open(entry.path())
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Waits until the names in `folder` are on the disk.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_that_is_not_finished_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = PendingFile::create(&folder.path().join("a.png")).unwrap();
        file.write(b"half").unwrap();
        drop(file);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn what_a_killed_run_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let strangers = [".a.mask.png.part", ".a.txt.17.part", "a.mask.png.17.part", ".a.mask.png.x.part"];
        for name in strangers.iter().chain(&[".a.mask.png.17.part"]) {
            fs::write(folder.path().join(name), b"half").unwrap();
        }
        let mut under_way = PendingFile::create(&folder.path().join("b.mask.png")).unwrap();
        under_way.write(b"whole").unwrap();
        remove_leftovers(folder.path(), &[".mask.png"]);
        under_way.put_in_place().unwrap();
        let mut found = names(folder.path());
        found.sort();
        let mut expected = [&strangers[..], &["b.mask.png"]].concat();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_finished_file_replaces_the_old_one_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        fs::write(&path, b"old").unwrap();
        let mut file = PendingFile::create(&path).unwrap();
        file.write(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        file.sync().unwrap();
        file.put_in_place().unwrap();
        sync_folder(folder.path()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["a.png"]);
    }
}
