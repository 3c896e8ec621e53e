//! What the tests of commands share.

use std::path::{Path, PathBuf};

/// The default bundle, or a line that says why a test does nothing.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub(crate) fn default_bundle(test: &str) -> Option<PathBuf> {
    let bundle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bundles/nano");
    if bundle.is_dir() {
        return Some(bundle);
    }
    eprintln!("skipped: {test} needs the default bundle in {}", bundle.display());
    None
}
