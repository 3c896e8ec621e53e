//! The files in a folder, or of a glob, in the order of their names.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};
use walkdir::{DirEntry, IntoIter, WalkDir};

use super::kind::{FileKind, is_result};
use crate::source::SourceError;

/// As a shell reads a glob: `*` ends at the end of a folder's name.
const MATCHING: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// Any number of folders.
const ANY_FOLDERS: &str = "**";

/// What a walk comes by.
#[derive(Debug)]
pub(super) enum Found {
    File { path: PathBuf, below: PathBuf, kind: FileKind },
    Unreadable { path: PathBuf, source: io::Error },
}

/// A way through folders. Links are followed, but no folder is entered through two links, and none
/// from within itself.
pub(super) struct Walk {
    base: PathBuf,
    entries: IntoIter,
    glob: Option<Glob>,
    linked: HashSet<PathBuf>,
}

/// What of the files below the base is meant.
struct Glob {
    pattern: Pattern,
    /// Patterns of the first folders, up to a `**`.
    folders: Vec<Pattern>,
    /// Whether its last part ends with an ending of its own: then that decides, not the kind.
    names_ending: bool,
}

impl Walk {
    /// Through `folder`, and its subfolders if it `is_recursive`.
    pub(super) fn folder(folder: &Path, is_recursive: bool) -> Self {
        Self::new(folder, if is_recursive { usize::MAX } else { 1 }, None)
    }

    /// Through the folders that may hold matches of `typed`.
    pub(super) fn glob(typed: &str) -> Result<Self, SourceError> {
        let wrong = |error: glob::PatternError| SourceError::Pattern {
            pattern: typed.to_owned(),
            reason: error.msg,
        };
        let parts: Vec<&str> = typed.split('/').collect();
        let is_plain = |part: &&str| !part.contains(['*', '?', '[']);
        let plain = parts.iter().take(parts.len() - 1).take_while(|part| is_plain(part)).count();
        let (base, rest) = parts.split_at(plain);
        let base = match base {
            [] => PathBuf::new(),
            [""] => PathBuf::from("/"),
            base => PathBuf::from(base.join("/")),
        };
        let last = rest.last().copied().unwrap_or_default();
        let ending = last.rsplit_once('.').map(|(_, ending)| ending);
        let has_any = rest.contains(&ANY_FOLDERS);
        let depth = if has_any { usize::MAX } else { rest.len() };
        let firsts = rest[..rest.len() - 1].iter().take_while(|part| **part != ANY_FOLDERS);
        let glob = Glob {
            pattern: Pattern::new(&rest.join("/")).map_err(wrong)?,
            folders: firsts
                .map(|part| Pattern::new(part))
                .collect::<Result<_, _>>()
                .map_err(wrong)?,
            names_ending: ending.is_some_and(|ending| !ending.is_empty() && is_plain(&ending)),
        };
        Ok(Self::new(&base, depth, Some(glob)))
    }

    fn new(base: &Path, depth: usize, glob: Option<Glob>) -> Self {
        let start = if base.as_os_str().is_empty() { Path::new(".") } else { base };
        let walk = WalkDir::new(start).follow_links(true).max_depth(depth).sort_by_file_name();
        let (base, entries) = (base.to_owned(), walk.into_iter());
        Self { base, entries, glob, linked: HashSet::new() }
    }

    /// The path as it would be typed, and from the base.
    fn paths(&self, entry: &Path) -> (PathBuf, PathBuf) {
        let start = if self.base.as_os_str().is_empty() { Path::new(".") } else { &self.base };
        let below = entry.strip_prefix(start).unwrap_or(entry).to_owned();
        (self.base.join(&below), below)
    }

    /// Whether to look into a folder.
    fn is_entered(&mut self, entry: &DirEntry) -> bool {
        let place = entry.depth().checked_sub(1);
        let pattern = place.and_then(|place| self.glob.as_ref()?.folders.get(place));
        if pattern.is_some_and(|one| !one.matches(&entry.file_name().to_string_lossy())) {
            return false;
        }
        let target = entry.path_is_symlink().then(|| entry.path().canonicalize().ok()).flatten();
        target.is_none_or(|target| self.linked.insert(target))
    }

    /// The kind of a file, if it is meant at all.
    fn kind(&self, path: &Path, below: &Path) -> Option<FileKind> {
        match &self.glob {
            Some(glob) if !glob.pattern.matches_path_with(below, MATCHING) => None,
            Some(glob) if glob.names_ending && !is_result(path) => match FileKind::of(path) {
                FileKind::Other(_) => Some(FileKind::Image),
                kind => Some(kind),
            },
            _ => Some(FileKind::of(path)),
        }
    }
}

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            let entry = match self.entries.next()? {
                Ok(entry) => entry,
                // A folder from within itself.
                Err(error) if error.loop_ancestor().is_some() => continue,
                Err(error) => {
                    let path = self.paths(error.path().unwrap_or(&self.base)).0;
                    let source = error.into_io_error().unwrap_or(io::ErrorKind::Other.into());
                    match source.kind() {
                        // A link to nothing, or a folder that is not there.
                        io::ErrorKind::NotFound => continue,
                        _ => return Some(Found::Unreadable { path, source }),
                    }
                }
            };
            if entry.file_type().is_dir() {
                if !self.is_entered(&entry) {
                    self.entries.skip_current_dir();
                }
                continue;
            }
            let (path, below) = self.paths(entry.path());
            if let Some(kind) = self.kind(&path, &below) {
                let below = below.parent().unwrap_or(Path::new("")).to_owned();
                return Some(Found::File { path, below, kind });
            }
        }
    }
}
