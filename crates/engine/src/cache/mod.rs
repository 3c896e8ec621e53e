//! Built engines on the disk: one folder that belongs to the user alone, one file a key.
//!
//! What comes out of it runs as code on the GPU. So a plan is taken only from a file that the user
//! owns and nobody else can write, whose header and digest fit; anything else is named and built
//! anew. Plans are never taken from a bundle.

mod fault;
mod file;
mod key;
mod lock;
mod trial;

use std::env;
use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub(super) use fault::CacheFault;
pub(super) use key::{CacheKey, Surroundings};
pub(super) use lock::CacheLock;
pub(super) use trial::Trial;

use rszs_durable::{PendingFile, sync_folder};

use crate::BuildWatch;

/// Ending of plans.
const PLAN: &str = "plan";

/// Most plans that are kept; the one that was not used for longest goes first. A machine has a few
/// bundles and shapes, and one that is updated every week must not fill its disk.
const MOST_PLANS: usize = 12;

/// The folder, checked.
#[derive(Debug)]
pub(super) struct EngineCache {
    folder: PathBuf,
}

impl EngineCache {
    /// The cache in `typed`, or in the user's folder for caches; made if it is not there.
    pub(super) fn open(typed: Option<&Path>) -> Result<Self, CacheFault> {
        let folder = typed
            .map_or_else(default_folder, |typed| Some(typed.to_owned()))
            .ok_or(CacheFault::NoFolder)?;
        if let Some(above) = folder.parent() {
            fs::create_dir_all(above).map_err(CacheFault::unusable(&folder))?;
        }
        match DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(CacheFault::unusable(&folder)(error));
            }
            _ => {}
        }
        let metadata = fs::metadata(&folder).map_err(CacheFault::unusable(&folder))?;
        if !metadata.is_dir() {
            return Err(CacheFault::Kind { path: folder, expected: "a folder" });
        }
        fault::only_ours(&folder, &metadata)?;
        Ok(Self { folder })
    }

    /// What is kept under `key`; nothing if there is nothing. The file counts as used just now.
    pub(super) fn read(&self, key: &CacheKey) -> Result<Option<Vec<u8>>, CacheFault> {
        let path = self.path(key);
        let Some((file, content)) = file::read(&path, key)? else { return Ok(None) };
        // Only the order of removal depends on it.
        let _ = file.set_modified(SystemTime::now());
        Ok(Some(content))
    }

    /// Keeps `content` under `key`: complete or not at all, and readable by the user alone.
    pub(super) fn write(&self, key: &CacheKey, content: &[u8]) -> Result<(), CacheFault> {
        let path = self.path(key);
        let write = || {
            let mut file = PendingFile::create_private(&path)?;
            file.write(&file::header(key, content))?;
            file.write(content)?;
            file.sync()?;
            file.put_in_place()?;
            sync_folder(&self.folder)
        };
        write().map_err(CacheFault::unwritable(&path))?;
        self.remove_unused();
        Ok(())
    }

    /// Waits until no other process builds here. Nothing if the `watch` asked to stop meanwhile.
    pub(super) fn lock(&self, watch: &BuildWatch) -> Result<Option<CacheLock>, CacheFault> {
        CacheLock::take(&self.folder.join("lock"), watch)
    }

    /// Marks that the plan under `key` is tried, until the trial is dropped; see [`Trial`].
    pub(super) fn try_out(&self, key: &CacheKey) -> Option<Trial> {
        Trial::begin(&self.mark(key))
    }

    /// The plan under `key` and how many processes in a row have ended while they tried it, if
    /// those are too many.
    pub(super) fn deadly(&self, key: &CacheKey) -> Option<(PathBuf, u64)> {
        Some((self.path(key), Trial::too_many_deaths(&self.mark(key))?))
    }

    /// Forgets them, for a new plan.
    pub(super) fn forget_deaths(&self, key: &CacheKey) {
        // What cannot be removed is counted on.
        let _ = fs::remove_file(self.mark(key));
    }

    fn mark(&self, key: &CacheKey) -> PathBuf {
        self.path(key).with_extension("tried")
    }

    fn path(&self, key: &CacheKey) -> PathBuf {
        self.folder.join(key.file_name())
    }

    /// What cannot be removed stays, and is tried again after the next build.
    fn remove_unused(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let plans = entries.flatten().map(|entry| entry.path());
        let plans = plans.filter(|path| path.extension().is_some_and(|ending| ending == PLAN));
        let mut plans: Vec<(SystemTime, PathBuf)> = plans
            .filter_map(|path| {
                Some((File::open(&path).ok()?.metadata().ok()?.modified().ok()?, path))
            })
            .collect();
        plans.sort();
        for (_, path) in plans.iter().rev().skip(MOST_PLANS) {
            let _ = fs::remove_file(path);
        }
    }
}

/// `rszs/engines` in the user's folder for caches. A relative path in the variable is ignored, as
/// the XDG Base Directory Specification asks.
fn default_folder() -> Option<PathBuf> {
    let absolute =
        |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(caches.join("rszs").join("engines"))
}

#[cfg(test)]
mod tests;
