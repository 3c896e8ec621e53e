//! Where the programs of this project are: built here, or carried in a folder.

use std::path::{Path, PathBuf};

use crate::cargo;
use crate::error::Error;

/// What cargo builds, and where it puts it below the target folder.
const BUILDS: [&[&str]; 3] = [
    &["build", "--release", "-p", "rszs-edge", "-p", "rszs-bench", "-p", "rszs-export"],
    &["build", "--release", "-p", "rszs-cuda", "--example", "check"],
    &["build", "--release", "-p", "rszs-train", "--example", "step_time"],
];

/// Folders with programs.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    folders: Vec<PathBuf>,
}

impl Programs {
    /// Those in `folder`, as they are.
    pub(crate) fn carried(folder: &Path) -> Self {
        Self { folders: vec![folder.to_owned()] }
    }

    /// Those of the workspace at `root`, built now. What cannot be built is missing later, and
    /// named there.
    pub(crate) fn built(root: &Path) -> Result<Self, Error> {
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root.join("target"), |target| root.join(target));
        let [first, rest @ ..] = BUILDS;
        cargo::run(root, first)?;
        for build in rest {
            if let Err(error) = cargo::run(root, build) {
                crate::report::error(&error);
            }
        }
        Ok(Self { folders: vec![target.join("release"), target.join("release/examples")] })
    }

    /// The file of a program, or that it is missing.
    pub(crate) fn find(&self, name: &str) -> Result<PathBuf, String> {
        let found = self.folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
        found.ok_or_else(|| {
            let folders: Vec<_> =
                self.folders.iter().map(|folder| folder.display().to_string()).collect();
            format!("no program {name} in {}", folders.join(", "))
        })
    }
}
