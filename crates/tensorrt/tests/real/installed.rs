//! Where `cargo xtask tensorrt` puts the libraries.

use std::path::{Path, PathBuf};

use rszs_tensorrt::{Family, Library, Logger};

/// The folders of TensorRT-RTX: the newest, and one whose builder, parser and logger are those of
/// TensorRT 10.
pub(crate) const RTX: [&str; 2] = ["tensorrt-rtx-1.7", "tensorrt-rtx-1.4"];

/// Files of a component, or a line that says why a test does nothing.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub(crate) fn folder(component: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let folder = root.join("third_party").join(component).join("lib");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!(
        "skipped: this needs NVIDIA's libraries in {} (`cargo xtask tensorrt` fetches them)",
        folder.display()
    );
    None
}

/// A TensorRT-RTX that is there.
pub(crate) fn rtx(component: &str) -> Option<Library> {
    Some(Library::find(Family::TensorRtRtx, Some(&folder(component)?), Logger::silent()).unwrap())
}
