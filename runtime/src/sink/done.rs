//! Which images are done: a line of JSON for each in a file beside the results.
//!
//! A line is added after the image's files are on the disk. A run that was killed leaves at most
//! its last line unfinished; what is no line of this form is passed over.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

/// Name of the file in the folder of the results.
pub const DONE_FILE: &str = "rszs-done.jsonl";

/// An image whose results are complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DoneImage {
    /// Its path without links.
    pub image: PathBuf,
    /// Bytes it has.
    pub bytes: u64,
    /// Nanoseconds from 1970 to its last change.
    pub changed_ns: u128,
    /// Digest of what its results follow from beside it: bundle, queries, options.
    pub run: String,
    /// Names of its files in the folder.
    pub files: Vec<String>,
}

/// The images that are done in one folder.
#[derive(Debug)]
pub struct DoneList {
    folder: PathBuf,
    run: String,
    images: HashMap<PathBuf, DoneImage>,
    file: File,
}

impl DoneList {
    /// Reads the list of `folder` and opens it for more; `run` is the digest of this run.
    pub fn open(folder: &Path, run: String) -> io::Result<Self> {
        let path = folder.join(DONE_FILE);
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        if text.last().is_some_and(|&last| last != b'\n') {
            file.seek(SeekFrom::End(0))?;
            file.write_all(b"\n")?;
        }
        let lines = text.split(|&byte| byte == b'\n');
        let images = lines.filter_map(|line| serde_json::from_slice::<DoneImage>(line).ok());
        let images = images.map(|one| (one.image.clone(), one)).collect();
        Ok(Self { folder: folder.to_owned(), run, images, file })
    }

    /// Whether the image at `path` has not changed since its results were made by a run like this
    /// one, and all of them are there.
    pub fn has(&self, path: &Path) -> bool {
        let Ok((image, bytes, changed_ns)) = identity(path) else { return false };
        self.images.get(&image).is_some_and(|done| {
            done.run == self.run
                && (done.bytes, done.changed_ns) == (bytes, changed_ns)
                && done.files.iter().all(|name| self.folder.join(name).is_file())
        })
    }

    /// Adds the image at `path`, whose results are `files`.
    pub fn add(&mut self, path: &Path, files: &[PathBuf]) -> io::Result<()> {
        let (image, bytes, changed_ns) = identity(path)?;
        let names = files.iter().filter_map(|file| file.file_name());
        let files = names.map(|name| name.to_string_lossy().into_owned()).collect();
        let done = DoneImage { image, bytes, changed_ns, run: self.run.clone(), files };
        let mut line = serde_json::to_vec(&done)?;
        line.push(b'\n');
        self.file.write_all(&line)
    }
}

/// Path without links, bytes, and time of the last change.
fn identity(path: &Path) -> io::Result<(PathBuf, u64, u128)> {
    let metadata = fs::metadata(path)?;
    let changed = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok((fs::canonicalize(path)?, metadata.len(), changed.as_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_done_while_it_its_files_and_the_run_are_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("a.jpg");
        let mask = folder.path().join("a.mask.png");
        fs::write(&image, "image").unwrap();
        fs::write(&mask, "mask").unwrap();
        let open = |run: &str| DoneList::open(folder.path(), run.to_owned()).unwrap();
        let mut list = open("one");
        assert!(!list.has(&image));
        list.add(&image, std::slice::from_ref(&mask)).unwrap();
        assert!(open("one").has(&image) && !open("two").has(&image));
        // A line that a killed run did not finish.
        let path = folder.path().join(DONE_FILE);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [&whole[..], &whole[..20]].concat()).unwrap();
        assert!(open("one").has(&image));
        fs::write(&image, "another").unwrap();
        assert!(!open("one").has(&image));
        open("one").add(&image, std::slice::from_ref(&mask)).unwrap();
        assert!(open("one").has(&image), "behind the unfinished line");
        fs::remove_file(&mask).unwrap();
        assert!(!open("one").has(&image));
    }
}
