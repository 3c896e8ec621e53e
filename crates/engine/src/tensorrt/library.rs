//! The libraries of this process, one a family.

use std::path::PathBuf;
use std::sync::OnceLock;

use rszs_tensorrt::{Family, Library, LoadError, Logger};

use crate::EngineKind;

/// Loaded for good: NVIDIA's libraries do not survive an unloading.
static TENSORRT: OnceLock<Library> = OnceLock::new();
static TENSORRT_RTX: OnceLock<Library> = OnceLock::new();

fn place(family: Family) -> &'static OnceLock<Library> {
    match family {
        Family::TensorRt => &TENSORRT,
        Family::TensorRtRtx => &TENSORRT_RTX,
    }
}

/// The file of the library of `kind`, which is not loaded.
pub(super) fn look_for(kind: EngineKind) -> Result<PathBuf, LoadError> {
    Library::look_for(kind.tensorrt_family().unwrap_or(Family::TensorRt))
}

/// The library of `kind`, loaded by the first call, whose `logger` it keeps.
pub(super) fn library(kind: EngineKind, logger: Logger) -> Result<&'static Library, LoadError> {
    let family = kind.tensorrt_family().unwrap_or(Family::TensorRt);
    if let Some(library) = place(family).get() {
        return Ok(library);
    }
    let library = Library::find(family, None, logger)?;
    Ok(place(family).get_or_init(|| library))
}

/// Version and file of a library, once it is loaded.
pub(crate) fn library_name(family: Family) -> String {
    place(family).get().map_or_else(String::new, |library| {
        format!("{} ({})", library.version(), library.file().display())
    })
}

/// `TensorRT 10.3.0`.
pub(super) fn name_of(library: &Library) -> String {
    format!("{} {}", library.family(), library.version())
}
