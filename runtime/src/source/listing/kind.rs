//! What a file is by its name.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::super::RESULT_ENDINGS;

/// Ends of the names of images that are read.
const IMAGES: [&str; 7] = ["jpg", "jpeg", "png", "tif", "tiff", "webp", "bmp"];

/// Ends of the names of files that say something about images: georeferences, overviews, poses,
/// subtitles with a flight's telemetry, previews.
const SIDECARS: [&str; 27] = [
    "aux", "bin", "csv", "gfs", "ini", "j2w", "jgw", "jgwx", "json", "jsonl", "lrf", "md", "mrk",
    "msk", "nav", "obs", "ovr", "pgw", "pgwx", "prj", "srt", "tfw", "tfwx", "thm", "wld", "xml",
    "xmp",
];

/// Files of systems.
const SYSTEM: [&str; 4] = ["thumbs.db", "desktop.ini", ".ds_store", "ehthumbs.db"];

/// How a Mac begins the names of its notes about files on other disks.
const APPLE_DOUBLE: &str = "._";

/// First bytes of such notes.
const APPLE_DOUBLE_BYTES: [u8; 4] = [0, 5, 0x16, 7];

/// What a file in a folder is, as far as its name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FileKind {
    /// An image that is read.
    Image,
    /// What an earlier run, a system or a camera wrote beside images.
    Passed,
    /// Anything else, with the end of its name in capitals.
    Other(String),
}

impl FileKind {
    /// The kind of the file called `path`.
    pub(super) fn of(path: &Path) -> Self {
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase());
        let name = name.unwrap_or_default();
        let extension = path.extension().map(|extension| extension.to_string_lossy());
        let extension = extension.unwrap_or_default().to_lowercase();
        if name.starts_with(APPLE_DOUBLE) || SYSTEM.contains(&name.as_str()) || is_result(path) {
            Self::Passed
        } else if IMAGES.contains(&extension.as_str()) {
            Self::Image
        } else if SIDECARS.contains(&extension.as_str()) {
            Self::Passed
        } else if extension.is_empty() {
            Self::Other("without an ending".to_owned())
        } else {
            Self::Other(extension.to_uppercase())
        }
    }
}

/// Whether an earlier run wrote this file: masks of masks are never what anybody wants.
pub(super) fn is_result(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    RESULT_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Whether `path` holds a Mac's notes about a file: its name and its first bytes say so.
pub(super) fn is_apple_double(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let mut start = [0; APPLE_DOUBLE_BYTES.len()];
    name.starts_with(APPLE_DOUBLE)
        && path.is_file()
        && File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok()
        && start == APPLE_DOUBLE_BYTES
}
