//! What a machine has installed beside the programs: libtorch and ONNX Runtime in Python's
//! packages, NVIDIA's libraries.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

/// Asks without importing: packages are large, and one that is broken must not stop the others.
const SCRIPT: &str = r#"
import glob, importlib.metadata, importlib.util, json, os, sysconfig
def folder(name):
    found = importlib.util.find_spec(name)
    return os.path.dirname(found.origin) if found and found.origin else None
torch, ort = folder("torch"), folder("onnxruntime")
packages = {os.path.dirname(path) for path in (torch, ort) if path}
packages.add(sysconfig.get_paths()["purelib"])
runtimes = sorted(glob.glob(ort + "/capi/libonnxruntime.so*")) if ort else []
names = ("nvidia/*/lib", "tensorrt_libs", "tensorrt_rtx_libs")
print(json.dumps({
    "torch_version": importlib.metadata.version("torch") if torch else None,
    "onnxruntime": runtimes[0] if runtimes else None,
    "libraries": [
        path
        for base in sorted(packages)
        for name in names
        for path in sorted(glob.glob(f"{base}/{name}"))
    ],
}))
"#;

/// Python's packages that are of use here.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Machine {
    /// Version of the package `torch`.
    pub(crate) torch_version: Option<String>,
    /// Library file of ONNX Runtime.
    pub(crate) onnxruntime: Option<PathBuf>,
    /// Folders with libraries of NVIDIA's.
    libraries: Vec<PathBuf>,
}

impl Machine {
    /// What `python` finds; nothing where there is none.
    pub(crate) fn ask(python: &Path) -> Self {
        let output = Command::new(python)
            .args(["-c", SCRIPT])
            .output()
            .ok()
            .filter(|output| output.status.success());
        output.and_then(|output| serde_json::from_slice(&output.stdout).ok()).unwrap_or_default()
    }

    /// Variables with which programs find all this, plans of engines in the folder `cache`. What is
    /// set already comes first.
    pub(crate) fn variables(&self, cache: &Path) -> Vec<(String, OsString)> {
        let mut variables = vec![("XDG_CACHE_HOME".to_owned(), cache.into())];
        let set = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        let folders = std::env::split_paths(&set).chain(self.libraries.iter().cloned());
        if let Ok(path) =
            std::env::join_paths(folders.filter(|folder| !folder.as_os_str().is_empty()))
        {
            variables.push(("LD_LIBRARY_PATH".to_owned(), path));
        }
        if let Some(library) =
            self.onnxruntime.as_ref().filter(|_| std::env::var_os("ORT_DYLIB_PATH").is_none())
        {
            variables.push(("ORT_DYLIB_PATH".to_owned(), library.into()));
        }
        variables
    }
}
