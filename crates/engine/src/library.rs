//! Where a library of ONNX Runtime may lie.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// A place where no usable library is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The file or folder.
    pub place: PathBuf,
    /// Why not.
    pub reason: String,
}

/// Name of the library file, without a version.
const SONAME: &str = if cfg!(target_os = "macos") {
    "libonnxruntime.dylib"
} else if cfg!(windows) {
    "onnxruntime.dll"
} else {
    "libonnxruntime.so"
};

/// Library files in the order in which they are to be tried; places that hold none go to
/// `refusals`.
///
/// A file that was named by the user is the only candidate: to try others would hide a spelling
/// mistake. Otherwise: the variable `ORT_DYLIB_PATH`, the program's folder, `../lib` from there,
/// `third_party/onnxruntime/lib` in any folder above, the active Python environment, the system's
/// library path.
pub(super) fn candidates(typed: Option<&Path>, refusals: &mut Vec<Refusal>) -> Vec<PathBuf> {
    if let Some(typed) = typed {
        return vec![absolute(typed)];
    }
    let mut found = Vec::new();
    if let Some(path) = env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()) {
        found.push(absolute(Path::new(&path)));
    }
    for folder in folders() {
        let libraries = libraries_in(&folder);
        if libraries.is_empty() {
            refusals.push(Refusal { place: folder, reason: format!("no {SONAME}* in it") });
        }
        found.extend(libraries);
    }
    // A bare name: the system's loader searches its own path.
    found.push(PathBuf::from(SONAME));
    found
}

/// Folders that a library may lie in, whether or not they exist.
fn folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Some(program) = program_folder() {
        folders.push(program.clone());
        folders.push(program.join("../lib"));
        let set_up = program.ancestors().map(|above| above.join("third_party/onnxruntime/lib"));
        folders.extend(set_up.filter(|folder| folder.is_dir()));
    }
    for prefix in python_prefixes() {
        let Ok(entries) = fs::read_dir(prefix.join("lib")) else { continue };
        let mut versions: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        versions.retain(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python3"))
        });
        versions.sort();
        for packages in ["site-packages", "dist-packages"] {
            let capi =
                versions.iter().map(|version| version.join(packages).join("onnxruntime/capi"));
            folders.extend(capi.filter(|folder| folder.is_dir()));
        }
    }
    folders
}

fn program_folder() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    fs::canonicalize(&program).unwrap_or(program).parent().map(Path::to_owned)
}

/// Where the active Python keeps its packages. Python itself is never started.
fn python_prefixes() -> Vec<PathBuf> {
    let variables =
        ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(env::var_os).map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let first_python = env::split_paths(&path).find(|folder| folder.join("python3").exists());
    let mut prefixes: Vec<PathBuf> =
        variables.chain(first_python.and_then(|bin| Some(bin.parent()?.to_owned()))).collect();
    prefixes.dedup();
    prefixes
}

/// Library files in `folder`: the plain name first, then the newest version. Python wheels hold
/// only a versioned name.
fn libraries_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let named = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(is_library_name)
    };
    let mut libraries: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(named).collect();
    libraries.sort_by_key(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let version: Vec<u32> =
            name.split(['.', '-']).filter_map(|part| part.parse().ok()).collect();
        (name != SONAME, std::cmp::Reverse(version))
    });
    libraries
}

fn is_library_name(name: &str) -> bool {
    let is_versioned = match (name.strip_prefix("libonnxruntime."), name.strip_suffix(".dylib")) {
        (Some(rest), None) => rest.starts_with("so."),
        (Some(rest), Some(_)) => rest.starts_with(|first: char| first.is_ascii_digit()),
        _ => false,
    };
    name == SONAME || (cfg!(unix) && is_versioned)
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_library_is_the_only_candidate() {
        let mut refusals = Vec::new();
        assert_eq!(
            candidates(Some(Path::new("/a/b.so")), &mut refusals),
            [PathBuf::from("/a/b.so")]
        );
        assert!(refusals.is_empty());
    }

    #[test]
    fn the_system_is_asked_last() {
        let found = candidates(None, &mut Vec::new());
        assert_eq!(found.last(), Some(&PathBuf::from(SONAME)));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_plain_name_comes_first_then_the_newest_version() {
        let folder = tempfile::tempdir().unwrap();
        let names = [
            "libonnxruntime.so.1.9.0",
            "libonnxruntime.so.1.31.1",
            "libonnxruntime.so",
            "libonnxruntime_providers_shared.so",
        ];
        for name in names {
            fs::write(folder.path().join(name), b"").unwrap();
        }
        let found: Vec<_> = libraries_in(folder.path())
            .iter()
            .map(|path| path.file_name().unwrap().to_owned())
            .collect();
        assert_eq!(
            found,
            ["libonnxruntime.so", "libonnxruntime.so.1.31.1", "libonnxruntime.so.1.9.0"]
        );
    }
}
