//! Reading files and hashing them on the way, several at a time.

use crate::directory::Directory;
use crate::error::SizeExpectation;
use crate::{BundleError, FileEntry, FileName, Precision, Sha256};
use sha2::Digest;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Mutex;
use std::thread;

/// Read and hashed at a time: small enough to still be in the cache when it is hashed.
const CHUNK_BYTES: usize = 256 << 10;
/// More threads do not help: the largest file sets the time.
const LIMIT_THREADS: usize = 4;

/// The content of file `name`, which is at most `limit` bytes long.
pub(crate) fn read_small(
    directory: &Directory,
    name: &str,
    limit: u64,
) -> Result<Vec<u8>, BundleError> {
    let path = directory.path().join(name);
    let unreadable = |source| BundleError::Unreadable {
        path: path.clone(),
        expected: "a readable file",
        source,
    };
    let file = directory.file(name).map_err(unreadable)?;
    let mut content = Vec::new();
    file.take(limit + 1).read_to_end(&mut content).map_err(unreadable)?;
    let found = content.len() as u64;
    if found > limit {
        return Err(BundleError::Size { path, expected: SizeExpectation::AtMost(limit), found });
    }
    Ok(content)
}

/// Checks size and digest of every file in `entries` and returns their content, models that are not
/// in `keep` left out. All sizes are checked before any content is read.
pub(crate) fn read_all(
    directory: &Directory,
    entries: &BTreeMap<FileName, FileEntry>,
    keep: &[Precision],
) -> Result<BTreeMap<FileName, Vec<u8>>, BundleError> {
    let mut waiting = Vec::with_capacity(entries.len());
    for (&name, &entry) in entries {
        let is_kept = !matches!(name, FileName::Model(precision) if !keep.contains(&precision));
        waiting.push(Waiting {
            name,
            entry,
            is_kept,
            file: open_sized(directory, name, entry.bytes)?,
        });
    }
    // Threads take from the end: the largest first, so that no thread is left alone with it.
    waiting.sort_by_key(|waiting| waiting.entry.bytes);
    let threads = thread::available_parallelism()
        .map_or(1, usize::from)
        .min(LIMIT_THREADS)
        .min(waiting.len());
    let waiting = Mutex::new(waiting);
    let take = || waiting.lock().ok()?.pop();
    let read_some = || -> Vec<(FileName, ReadResult)> {
        std::iter::from_fn(take)
            .map(|waiting| (waiting.name, waiting.read(directory.path())))
            .collect()
    };
    let mut results = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(read_some)).collect();
        let mut results = read_some();
        for other in others {
            results.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        results
    });
    // The first file in the order of names is the one reported, whichever thread was faster.
    results.sort_by_key(|(name, _)| *name);
    let mut contents = BTreeMap::new();
    for (name, result) in results {
        if let Some(content) = result? {
            contents.insert(name, content);
        }
    }
    Ok(contents)
}

/// The content of a file, nothing if it is not kept.
type ReadResult = Result<Option<Vec<u8>>, BundleError>;

/// A file of the right size, not read yet.
struct Waiting {
    name: FileName,
    entry: FileEntry,
    is_kept: bool,
    file: File,
}

impl Waiting {
    fn read(mut self, bundle: &Path) -> ReadResult {
        let path = bundle.join(self.name.as_str());
        let kept = if self.is_kept { self.entry.bytes as usize } else { 0 };
        let mut content = Vec::new();
        let (found, bytes) = content
            .try_reserve_exact(kept)
            .map_err(|_| io::ErrorKind::OutOfMemory.into())
            .and_then(|()| {
                read_and_hash(
                    &mut self.file,
                    self.entry.bytes,
                    self.is_kept.then_some(&mut content),
                )
            })
            .map_err(|source| BundleError::Unreadable {
                path: path.clone(),
                expected: "a readable file",
                source,
            })?;
        if bytes != self.entry.bytes {
            return Err(BundleError::Size {
                path,
                expected: SizeExpectation::Exactly(self.entry.bytes),
                found: bytes,
            });
        }
        if found != self.entry.sha256 {
            return Err(BundleError::Hash { path, expected: self.entry.sha256, found });
        }
        Ok(self.is_kept.then_some(content))
    }
}

/// Digest and size of what is left of `file`, up to one byte beyond `limit`.
fn read_and_hash(
    file: &mut File,
    limit: u64,
    mut keep: Option<&mut Vec<u8>>,
) -> io::Result<(Sha256, u64)> {
    let mut hasher = sha2::Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut bytes = 0;
    let mut rest = file.take(limit + 1);
    loop {
        let count = match rest.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&chunk[..count]);
        bytes += count as u64;
        if let Some(content) = keep.as_mut().filter(|_| bytes <= limit) {
            content.extend_from_slice(&chunk[..count]);
        }
    }
    Ok((Sha256::from_hasher(hasher), bytes))
}

fn open_sized(directory: &Directory, name: FileName, expected: u64) -> Result<File, BundleError> {
    let path = directory.path().join(name.as_str());
    let open = || match name.as_str().split_once('/') {
        Some((folder, name)) => directory.folder(folder)?.file(name),
        None => directory.file(name.as_str()),
    };
    let sized = open().and_then(|file| Ok((file.metadata()?.len(), file)));
    let (found, file) = sized.map_err(|source| BundleError::Unreadable {
        path: path.clone(),
        expected: "a readable file",
        source,
    })?;
    if found != expected {
        return Err(BundleError::Size {
            path,
            expected: SizeExpectation::Exactly(expected),
            found,
        });
    }
    Ok(file)
}
