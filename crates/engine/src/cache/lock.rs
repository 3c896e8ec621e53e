//! One build at a time: a build takes the whole GPU, and the next one uses its timings.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::fs::OFlags;

use super::CacheFault;
use crate::{BuildNews, BuildWatch};

/// How often a lock that another process holds is tried.
const PAUSE: Duration = Duration::from_millis(50);

/// Held until it is dropped, or until the process ends in whatever way: the system lets go of the
/// lock of a process that was killed.
#[derive(Debug)]
pub(crate) struct CacheLock {
    _file: File,
    /// Another process held it before: what it built may be there now.
    pub(crate) has_waited: bool,
}

impl CacheLock {
    /// Takes the lock on the file `path`; nothing if the `watch` asked to stop before it was free.
    pub(super) fn take(path: &Path, watch: &BuildWatch) -> Result<Option<Self>, CacheFault> {
        let flags = (OFlags::NOFOLLOW | OFlags::CLOEXEC).bits() as i32;
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(flags)
            .open(path);
        let file = file.map_err(CacheFault::unwritable(path))?;
        let mut has_waited = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Self { _file: file, has_waited })),
                Err(TryLockError::WouldBlock) if watch.is_interrupted() => return Ok(None),
                Err(TryLockError::WouldBlock) => {
                    if !has_waited {
                        watch.tell(&BuildNews::Waiting);
                    }
                    has_waited = true;
                    thread::sleep(PAUSE);
                }
                Err(TryLockError::Error(error)) => return Err(CacheFault::unwritable(path)(error)),
            }
        }
    }
}
