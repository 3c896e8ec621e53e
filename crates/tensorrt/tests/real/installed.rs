//! Where `cargo xtask tensorrt` puts the libraries.

use std::path::{Path, PathBuf};

use rszs_tensorrt::{Family, Library, Logger};
use rszs_tests::harness::Need;

/// The folders of TensorRT-RTX: the newest, and one whose builder, parser and logger are those of
/// TensorRT 10.
pub(crate) const RTX: [&str; 2] = ["tensorrt-rtx-1.7", "tensorrt-rtx-1.4"];

/// Folder of a component's libraries, whether they are there or not.
pub(crate) fn folder(component: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    root.join("third_party").join(component).join("lib")
}

/// What tests with the libraries of a component need.
pub(crate) fn needs(component: &str) -> Need {
    Need::fetched(&folder(component), "tensorrt")
}

/// A TensorRT-RTX.
pub(crate) fn rtx(component: &str) -> Library {
    Library::find(Family::TensorRtRtx, Some(&folder(component)), Logger::silent()).unwrap()
}
