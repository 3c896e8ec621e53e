//! Where the default bundle lies.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Below the workspace or beside the program, and below the prefix of an installation
/// (`PREFIX/bin/rszs-edge`).
const PLACES: [&str; 2] = ["bundles/nano", "share/rszs/bundles/nano"];

/// The default bundle: in the first folder above the program that has one, else above the current
/// folder (a program that was built into a folder outside the workspace is started in the
/// workspace).
pub(crate) fn default_bundle() -> Result<PathBuf, Error> {
    let program = env::current_exe().unwrap_or_default();
    let program = fs::canonicalize(&program).unwrap_or(program);
    let current = env::current_dir().unwrap_or_default().join("-");
    bundle_above(&program)
        .or_else(|| bundle_above(&current))
        .ok_or_else(|| Error::NoDefaultBundle { found_nowhere: PathBuf::from(PLACES[0]), program })
}

fn bundle_above(program: &Path) -> Option<PathBuf> {
    let candidates =
        program.ancestors().skip(1).flat_map(|folder| PLACES.map(|place| folder.join(place)));
    candidates.into_iter().find(|place| place.join("manifest.json").is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_from_a_build_folder_beside_the_program_and_from_an_installation() {
        for (program, bundle) in [
            ("target/release/rszs-edge", "bundles/nano"),
            ("rszs-edge", "bundles/nano"),
            ("bin/rszs-edge", "share/rszs/bundles/nano"),
        ] {
            let root = tempfile::tempdir().unwrap();
            let bundle = root.path().join(bundle);
            assert_eq!(bundle_above(&root.path().join(program)), None);
            fs::create_dir_all(&bundle).unwrap();
            fs::write(bundle.join("manifest.json"), b"{}").unwrap();
            assert_eq!(bundle_above(&root.path().join(program)), Some(bundle));
        }
    }
}
