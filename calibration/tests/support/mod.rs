//! What the tests of commands share.

use std::path::{Path, PathBuf};

/// The default bundle.
pub(crate) fn default_bundle() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../bundles/nano")
}
