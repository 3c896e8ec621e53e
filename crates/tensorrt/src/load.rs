//! Finding an installed library.
#![allow(unsafe_code, reason = "loading a shared library and calling its version function are foreign calls")]

use crate::{Family, Version};

/// Names tried, best first. A bare file name goes through the system's loader and its search path.
const CANDIDATES: [(Family, &str); 4] = [
    (Family::TensorRt, "libnvinfer.so.11"),
    (Family::TensorRt, "libnvinfer.so.10"),
    (Family::TensorRt, "libnvinfer.so"),
    (Family::TensorRtRtx, "libtensorrt_rtx.so.1"),
];

/// A loaded library of a known family and version.
#[derive(Debug)]
pub struct Library {
    family: Family,
    version: Version,
    name: &'static str,
    _handle: libloading::Library,
}

impl Library {
    /// Which of the two it is.
    pub fn family(&self) -> Family {
        self.family
    }

    /// What its version function says.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The file name it was loaded by.
    pub fn name(&self) -> &str {
        self.name
    }
}

/// Why no library can be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// None of the names could be loaded.
    #[error("no TensorRT library found (tried {}); install TensorRT 10 or 11, or go on with another engine", tried.join(", "))]
    NotFound {
        /// Every name with the loader's answer.
        tried: Vec<String>,
    },
    /// A library without the function that every version has.
    #[error("{name}: expected the function getInferLibVersion, found none (not a TensorRT library?)")]
    NoVersion {
        /// The file name it was loaded by.
        name: &'static str,
    },
    /// A family member whose ABI is not known here.
    #[error("{name}: expected {expected}, found {family} {version}; its interface is not known to this program")]
    UnknownVersion {
        /// The file name it was loaded by.
        name: &'static str,
        /// Which library it is.
        family: Family,
        /// What it says it is.
        version: Version,
        /// What is known.
        expected: &'static str,
    },
}

/// Loads the best installed library and checks its version.
pub fn find() -> Result<Library, LoadError> {
    let mut tried = Vec::new();
    for (family, name) in CANDIDATES {
        // SAFETY: loading runs the library's initialisers; NVIDIA's set up tables and touch no state of ours.
        match unsafe { libloading::Library::new(name) } {
            Ok(handle) => return checked(family, name, handle),
            Err(error) => tried.push(format!("{name}: {error}")),
        }
    }
    Err(LoadError::NotFound { tried })
}

fn checked(family: Family, name: &'static str, handle: libloading::Library) -> Result<Library, LoadError> {
    // SAFETY: `int32_t getInferLibVersion() noexcept` is exported by every version of both libraries.
    let number =
        unsafe { handle.get::<unsafe extern "C" fn() -> i32>(b"getInferLibVersion\0").ok().map(|version| version()) };
    let number = number.ok_or(LoadError::NoVersion { name })?;
    let version = Version::from_library_number(number.unsigned_abs());
    let (known, expected): (&[u32], _) = match family {
        Family::TensorRt => (&[10, 11], "TensorRT 10 or 11"),
        Family::TensorRtRtx => (&[1], "TensorRT-RTX 1"),
    };
    if !known.contains(&version.major) {
        return Err(LoadError::UnknownVersion { name, family, version, expected });
    }
    Ok(Library { family, version, name, _handle: handle })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_never_crashes_and_says_what_it_tried() {
        match find() {
            Ok(library) => assert!(library.version().major >= 1),
            Err(LoadError::NotFound { tried }) => assert_eq!(tried.len(), CANDIDATES.len()),
            Err(error) => assert!(error.to_string().starts_with("lib")),
        }
    }
}
