//! Where a library of ONNX Runtime may lie.

use std::env;
use std::path::{Path, PathBuf};

/// Name of the library file.
const FILE_NAME: &str = if cfg!(target_os = "macos") {
    "libonnxruntime.dylib"
} else if cfg!(windows) {
    "onnxruntime.dll"
} else {
    "libonnxruntime.so"
};

/// Library files in the order in which they are to be tried: the one typed, and then no other,
/// because to go on would hide a spelling mistake; else the variable `ORT_DYLIB_PATH`, the folder
/// that `cargo xtask setup` fills, in or above the program's and the working folder, and the
/// system's library path.
pub(super) fn candidates(typed: Option<&Path>) -> Vec<PathBuf> {
    if let Some(typed) = typed {
        return vec![absolute(typed)];
    }
    let variable = env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()).map(PathBuf::from);
    let mut found: Vec<PathBuf> = variable.iter().map(|path| absolute(path)).collect();
    let folders = [env::current_exe().ok(), env::current_dir().ok()];
    for above in folders.iter().flatten().flat_map(|folder| folder.ancestors()) {
        let library = above.join("third_party/onnxruntime/lib").join(FILE_NAME);
        if library.exists() && !found.contains(&library) {
            found.push(library);
        }
    }
    found.push(PathBuf::from(FILE_NAME));
    found
}

/// A path with a folder in it: a bare name would be looked up in the system's library path.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_library_is_the_only_candidate() {
        assert_eq!(candidates(Some(Path::new("/a/b.so"))), [PathBuf::from("/a/b.so")]);
    }

    #[test]
    fn the_system_is_asked_last() {
        assert_eq!(candidates(None).last(), Some(&PathBuf::from(FILE_NAME)));
    }
}
