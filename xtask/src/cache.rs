//! The cache outside the project, and the links from `third_party` into it.
//!
//! A component is unpacked into a `.partial-…` folder and renamed when every file of it is on the
//! disk, so a folder under its final name is complete. Its `files.txt` lists sizes, so that a file
//! deleted later is noticed as well.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::component::Component;
use crate::error::Error;
use crate::report;

const LIST: &str = "files.txt";
const PARTIAL: &str = ".partial-";

/// Where components are kept: `$XDG_CACHE_HOME/rszs`, or `$HOME/.cache/rszs`.
pub(crate) fn folder() -> Result<PathBuf, Error> {
    folder_of(std::env::var_os("XDG_CACHE_HOME"), std::env::var_os("HOME"))
}

fn folder_of(cache_home: Option<OsString>, home: Option<OsString>) -> Result<PathBuf, Error> {
    let absolute =
        |value: Option<OsString>| value.map(PathBuf::from).filter(|path| path.is_absolute());
    // The XDG Base Directory Specification: a relative path is to be ignored.
    absolute(cache_home)
        .or_else(|| absolute(home).map(|home| home.join(".cache")))
        .map(|path| path.join("rszs"))
        .ok_or(Error::NoCache)
}

/// Waits until no other setup works on the cache. The lock ends with the returned file.
pub(crate) fn lock(cache: &Path) -> Result<File, Error> {
    let unusable = |source| Error::Cache { folder: cache.to_owned(), source };
    fs::create_dir_all(cache).map_err(unusable)?;
    let path = cache.join("lock");
    let file = File::create(&path).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            report::line(&format!("{}: another setup is at work, waiting for it", path.display()));
            file.lock().map_err(Error::io(&path))?;
        }
        Err(TryLockError::Error(source)) => return Err(Error::Io { path, source }),
    }
    Ok(file)
}

/// An empty folder to work in. What an interrupted setup left behind is removed. Call it under
/// [`lock`].
pub(crate) fn working_folder(cache: &Path) -> Result<WorkingFolder, Error> {
    for entry in fs::read_dir(cache).map_err(Error::io(cache))? {
        let path = entry.map_err(Error::io(cache))?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PARTIAL)) {
            fs::remove_dir_all(&path).map_err(Error::io(&path))?;
        }
    }
    let path = cache.join(format!("{PARTIAL}{}", std::process::id()));
    fs::create_dir(&path).map_err(Error::io(&path))?;
    Ok(WorkingFolder { path })
}

/// A temporary folder, removed with everything in it when dropped.
pub(crate) struct WorkingFolder {
    pub(crate) path: PathBuf,
}

impl Drop for WorkingFolder {
    fn drop(&mut self) {
        // Nothing is lost when this does not succeed: the next setup removes the folder.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// True when every listed file of the component is there with its size.
pub(crate) fn is_complete(component: Component, folder: &Path) -> bool {
    let Ok(list) = fs::read_to_string(folder.join(LIST)) else { return false };
    let listed = list.lines().all(|line| {
        line.split_once(' ').is_some_and(|(size_bytes, path)| {
            fs::metadata(folder.join(path))
                .is_ok_and(|metadata| size_bytes.parse() == Ok(metadata.len()))
        })
    });
    listed && component.expected_files().iter().all(|file| folder.join(file).exists())
}

/// Brings the files of `unpacked` onto the disk and gives the folder its final name. Returns its
/// size in bytes.
pub(crate) fn publish(component: Component, unpacked: &Path, folder: &Path) -> Result<u64, Error> {
    if let Some(missing) =
        component.expected_files().iter().find(|file| !unpacked.join(file).exists())
    {
        return Err(Error::Missing { component: component.name(), missing });
    }
    let mut files = Vec::new();
    list_files(unpacked, Path::new(""), &mut files).map_err(Error::io(unpacked))?;
    files.sort();
    let lines: Vec<_> =
        files.iter().map(|(path, size_bytes)| format!("{size_bytes} {}", path.display())).collect();
    let list_path = unpacked.join(LIST);
    fs::write(&list_path, lines.join("\n")).map_err(Error::io(&list_path))?;
    for path in
        files.iter().map(|(path, _)| unpacked.join(path)).chain([list_path, unpacked.to_owned()])
    {
        File::open(&path).and_then(|file| file.sync_all()).map_err(Error::io(&path))?;
    }
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(Error::io(folder))?;
    }
    fs::rename(unpacked, folder).map_err(Error::io(folder))?;
    Ok(files.iter().map(|(_, size_bytes)| size_bytes).sum())
}

/// Collects (path below `root`, size) of regular files. Byte code that Python may rewrite is left
/// out.
fn list_files(root: &Path, below: &Path, files: &mut Vec<(PathBuf, u64)>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() && entry.file_name() != "__pycache__" {
            list_files(root, &path, files)?;
        } else if kind.is_file() {
            files.push((path, entry.metadata()?.len()));
        }
    }
    Ok(())
}

/// True when the component's link leads to `folder`.
pub(crate) fn is_linked(component: Component, root: &Path, folder: &Path) -> bool {
    fs::read_link(root.join(component.link())).is_ok_and(|target| target == folder)
}

/// Lets the component's link lead to `folder`, in one step for whoever is reading through it.
pub(crate) fn link(component: Component, root: &Path, folder: &Path) -> Result<(), Error> {
    let link = root.join(component.link());
    let parent = root.join("third_party");
    fs::create_dir_all(&parent).map_err(Error::io(&parent))?;
    let new_link = parent.join(format!("{PARTIAL}{}", std::process::id()));
    std::os::unix::fs::symlink(folder, &new_link).map_err(Error::io(&new_link))?;
    fs::rename(&new_link, &link).map_err(Error::io(&link))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cache with an unpacked ONNX Runtime in it, of five bytes.
    fn cache_with_unpacked_library() -> (tempfile::TempDir, PathBuf) {
        let cache = tempfile::tempdir().unwrap();
        let unpacked = cache.path().join("unpacked");
        fs::create_dir_all(unpacked.join("lib")).unwrap();
        fs::write(unpacked.join("lib/libonnxruntime.so"), b"12345").unwrap();
        (cache, unpacked)
    }

    #[test]
    fn a_relative_cache_home_is_ignored() {
        let folder = folder_of(Some("cache".into()), Some("/home/ada".into())).unwrap();
        assert_eq!(folder, Path::new("/home/ada/.cache/rszs"));
        assert_eq!(folder_of(Some("/tmp/c".into()), None).unwrap(), Path::new("/tmp/c/rszs"));
        assert!(matches!(folder_of(None, None), Err(Error::NoCache)));
    }

    #[test]
    fn a_published_component_is_complete_until_a_file_of_it_changes_size() {
        let (cache, unpacked) = cache_with_unpacked_library();
        let folder = cache.path().join("onnxruntime");
        assert!(!is_complete(Component::OnnxRuntime, &unpacked));
        assert_eq!(publish(Component::OnnxRuntime, &unpacked, &folder).unwrap(), 5);
        assert!(is_complete(Component::OnnxRuntime, &folder));
        fs::write(folder.join("lib/libonnxruntime.so"), b"1234").unwrap();
        assert!(!is_complete(Component::OnnxRuntime, &folder));
    }

    #[test]
    fn a_damaged_component_is_replaced() {
        let (cache, unpacked) = cache_with_unpacked_library();
        let folder = cache.path().join("onnxruntime");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("left over"), b"").unwrap();
        publish(Component::OnnxRuntime, &unpacked, &folder).unwrap();
        assert!(is_complete(Component::OnnxRuntime, &folder));
        assert!(!folder.join("left over").exists());
    }

    #[test]
    fn a_component_without_its_library_is_refused() {
        let (cache, unpacked) = cache_with_unpacked_library();
        fs::remove_file(unpacked.join("lib/libonnxruntime.so")).unwrap();
        let error = publish(Component::OnnxRuntime, &unpacked, &cache.path().join("onnxruntime"))
            .unwrap_err();
        assert!(
            matches!(error, Error::Missing { missing: "lib/libonnxruntime.so", .. }),
            "{error}"
        );
    }

    #[test]
    fn an_old_link_is_replaced() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("cached");
        link(Component::Libtorch, root.path(), &root.path().join("old")).unwrap();
        assert!(!is_linked(Component::Libtorch, root.path(), &folder));
        link(Component::Libtorch, root.path(), &folder).unwrap();
        assert!(is_linked(Component::Libtorch, root.path(), &folder));
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        let error = lock(&file.join("rszs")).unwrap_err();
        assert!(
            error.to_string().contains("file/rszs: expected a folder that can be written"),
            "{error}"
        );
        assert!(error.stops_setup());
    }

    #[test]
    fn a_folder_of_an_interrupted_setup_is_removed() {
        let cache = tempfile::tempdir().unwrap();
        let stale = cache.path().join(".partial-1");
        fs::create_dir(&stale).unwrap();
        let working = working_folder(cache.path()).unwrap();
        assert!(!stale.exists());
        assert!(working.path.is_dir());
        let path = working.path.clone();
        drop(working);
        assert!(!path.exists());
    }
}
