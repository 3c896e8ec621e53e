//! A file of the cache: magic, key, length, SHA-256, content.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rszs_bundle::Sha256;
use rustix::fs::OFlags;

use super::{CacheFault, CacheKey, fault};

const MAGIC: &[u8; 8] = b"rszs-eng";
const DIGEST_BYTES: usize = 32;
pub(super) const HEADER_BYTES: usize = MAGIC.len() + DIGEST_BYTES + size_of::<u64>() + DIGEST_BYTES;

/// What stands before `content`. The length is little-endian.
pub(super) fn header(key: &CacheKey, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u64).to_le_bytes();
    [&MAGIC[..], key.digest().as_bytes(), &length, Sha256::of(content).as_bytes()].concat()
}

/// The file and its content; nothing if there is no such file.
pub(super) fn read(path: &Path, key: &CacheKey) -> Result<Option<(File, Vec<u8>)>, CacheFault> {
    // Not through a link, and a pipe of that name is not waited for.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = match OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)
    {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(CacheFault::unreadable(path)(error)),
    };
    let metadata = file.metadata().map_err(CacheFault::unreadable(path))?;
    if !metadata.is_file() {
        return Err(CacheFault::Kind { path: path.to_owned(), expected: "a file" });
    }
    fault::only_ours(path, &metadata)?;
    let mut content = Vec::new();
    file.read_to_end(&mut content).map_err(CacheFault::unreadable(path))?;
    check(path, key, &content)?;
    content.drain(..HEADER_BYTES);
    Ok(Some((file, content)))
}

fn check(path: &Path, key: &CacheKey, file: &[u8]) -> Result<(), CacheFault> {
    let path = || path.to_owned();
    let Some((header, content)) = file.split_at_checked(HEADER_BYTES) else {
        return Err(CacheFault::Length {
            path: path(),
            expected: HEADER_BYTES as u64,
            found: file.len() as u64,
        });
    };
    let (magic, rest) = header.split_at(MAGIC.len());
    let (of, rest) = rest.split_at(DIGEST_BYTES);
    let (length, digest) = rest.split_at(size_of::<u64>());
    if magic != MAGIC {
        return Err(CacheFault::Header { path: path() });
    }
    if of != key.digest().as_bytes() {
        return Err(CacheFault::Foreign { path: path() });
    }
    let expected = length.iter().rev().fold(0, |length, &byte| length << 8 | u64::from(byte));
    if expected != content.len() as u64 {
        let header = HEADER_BYTES as u64;
        let (expected, found) = (expected.saturating_add(header), file.len() as u64);
        return Err(CacheFault::Length { path: path(), expected, found });
    }
    if digest != Sha256::of(content).as_bytes() {
        return Err(CacheFault::Digest { path: path() });
    }
    Ok(())
}
