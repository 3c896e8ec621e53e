//! Whether a library is on the machine, found out without running anything of it.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::LoadError;
use super::library::{Library, candidates};
use crate::Family;

/// Folders that the system's loader knows by itself.
const FOLDERS: [&str; 4] = ["lib64", "usr/lib64", "lib", "usr/lib"];

impl Library {
    /// The file that [`find`](Self::find) would most likely load without a folder, by the places
    /// where the system's loader looks: the variable `LD_LIBRARY_PATH`, its cache, its own folders.
    /// For machines on which nothing of NVIDIA's can run; the file may still be of an unknown
    /// version, or broken.
    pub fn look_for(family: Family) -> Result<PathBuf, LoadError> {
        let names = candidates(family);
        let found = look_below(Path::new("/"), names, env::var_os("LD_LIBRARY_PATH"));
        found.ok_or_else(|| LoadError::NotFound {
            family,
            tried: names.iter().map(|&name| name.to_owned()).collect(),
        })
    }
}

fn look_below(root: &Path, names: &[&str], search_path: Option<OsString>) -> Option<PathBuf> {
    let typed: Vec<PathBuf> = search_path.iter().flat_map(env::split_paths).collect();
    let cache = fs::read(root.join("etc/ld.so.cache")).unwrap_or_default();
    let own: Vec<PathBuf> = FOLDERS.iter().map(|folder| root.join(folder)).collect();
    names.iter().find_map(|&name| {
        let mut places = typed.iter().map(|folder| folder.join(name)).chain(cached(&cache, name));
        let found = places.find(|place| place.exists());
        found.or_else(|| own.iter().map(|folder| folder.join(name)).find(|place| place.exists()))
    })
}

/// Paths of files of the name `name` in the loader's cache, in which paths end with a zero.
fn cached(cache: &[u8], name: &str) -> impl Iterator<Item = PathBuf> {
    let paths =
        cache.split(|&byte| byte == 0).filter(|text| text.starts_with(b"/")).map(OsStr::from_bytes);
    paths.map(PathBuf::from).filter(move |path| path.file_name() == Some(OsStr::new(name)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    const NAMES: [&str; 2] = ["libfirst.so.2", "libfirst.so.1"];

    /// An empty file.
    fn file(root: &Path, path: &str) -> PathBuf {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, b"").unwrap();
        path
    }

    #[test]
    fn the_best_name_is_taken_from_wherever_the_loader_looks() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert_eq!(look_below(root, &NAMES, None), None);
        let own = file(root, "usr/lib/libfirst.so.1");
        assert_eq!(look_below(root, &NAMES, None), Some(own));
        let typed = file(root, "opt/libfirst.so.1");
        let path = Some(root.join("opt").into_os_string());
        assert_eq!(look_below(root, &NAMES, path.clone()), Some(typed));
        let known = file(root, "usr/lib/aarch64-linux-gnu/libfirst.so.2");
        assert_ne!(
            look_below(root, &NAMES, path.clone()),
            Some(known.clone()),
            "no folder that the loader looks into"
        );
        let cache = [b"glibc-ld.so.cache1.1\0libfirst.so.2\0", known.as_os_str().as_bytes(), b"\0"]
            .concat();
        file(root, "etc/ld.so.cache");
        fs::write(root.join("etc/ld.so.cache"), cache).unwrap();
        assert_eq!(look_below(root, &NAMES, path), Some(known));
    }
}
