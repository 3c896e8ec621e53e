//! Plans that end the program. A plan that is tried has a mark; a mark that is found later is of a
//! process that ended meanwhile.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Ends in a row after which a plan is not tried again. One is tolerated: it may have been a power
/// cut.
const MOST_DEATHS: u64 = 2;

/// A plan that is tried by this process: a file that is locked, and gone once this is dropped. It
/// holds a byte for every process that has tried the plan and not come to an end with it. It is not
/// synced: what takes the machine down is not known to be the plan.
#[derive(Debug)]
pub(crate) struct Trial {
    _file: File,
    path: PathBuf,
}

impl Trial {
    /// Marks that `path`'s plan is tried. Nothing where another process tries it at the same time,
    /// or where no mark can be left.
    pub(super) fn begin(path: &Path) -> Option<Self> {
        let flags = (OFlags::NOFOLLOW | OFlags::CLOEXEC).bits() as i32;
        let file =
            OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags).open(path);
        let mut file = file.ok()?;
        file.try_lock().ok()?;
        file.write_all(b".").ok()?;
        Some(Self { _file: file, path: path.to_owned() })
    }

    /// How many processes in a row have ended while they tried it, if those are too many.
    pub(super) fn too_many_deaths(path: &Path) -> Option<u64> {
        let file = File::open(path).ok()?;
        // A mark that is locked is that of a process which is alive.
        file.try_lock_shared().ok()?;
        Some(file.metadata().ok()?.len()).filter(|&deaths| deaths >= MOST_DEATHS)
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        // Where it stays, the next trial goes on counting.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    #[expect(
        clippy::used_underscore_binding,
        reason = "the lock is let go of in the place of the system"
    )]
    fn a_trial_that_ends_leaves_nothing_and_two_that_do_not_are_too_many() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mark");
        drop(Trial::begin(&path).unwrap());
        assert!(!path.exists());
        for expected in [None, Some(2)] {
            let trial = Trial::begin(&path).unwrap();
            assert!(Trial::begin(&path).is_none(), "another process tries it");
            assert_eq!(Trial::too_many_deaths(&path), None, "it is not over");
            // As the system lets go of the lock of a process that ended.
            trial._file.unlock().unwrap();
            std::mem::forget(trial);
            assert_eq!(Trial::too_many_deaths(&path), expected);
        }
        drop(Trial::begin(&path).unwrap());
        assert!(!path.exists(), "it was survived");
    }
}
