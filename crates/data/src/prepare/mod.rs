//! Prepares data sets: cuts large images into tiles, puts LandDiscover50K together from its
//! sources, and makes `nyc_maps` of pairs of photos and maps.
//!
//! An interrupted call is continued by the next one: every file is complete or not there, and those
//! that are there are kept. Until the last one is written, the folder is no set.

mod land_discover;
mod nyc_maps;
mod tiles;
mod workers;

use std::path::Path;

pub use land_discover::{Rebuilt, land_discover};
pub use nyc_maps::nyc_maps;
pub use tiles::tiles;

use crate::dense_set::Provenance;
use crate::error::DataError;
use crate::folder::{self, PROVENANCE};

/// How many files a call wrote, and how many were there already; of an image and its mask, one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Prepared {
    /// Written by this call.
    pub written: usize,
    /// Found whole, left as they were.
    pub kept: usize,
}

impl std::ops::AddAssign for Prepared {
    fn add_assign(&mut self, more: Self) {
        self.written += more.written;
        self.kept += more.kept;
    }
}

/// Makes `output` and says in it that it holds `provenance`, or finds that it says so already.
fn claim(output: &Path, provenance: &Provenance) -> Result<(), DataError> {
    let name = &provenance.name;
    let path = output.join(PROVENANCE);
    make_folder(output)?;
    let files = std::fs::read_dir(output).map_err(DataError::io(output, "a folder for a set"))?;
    let is_hidden = |name: std::ffi::OsString| name.to_string_lossy().starts_with('.');
    let is_foreign = files.filter_map(Result::ok).any(|entry| !is_hidden(entry.file_name()));
    match folder::read_provenance(&path)? {
        Some(there) if there.name == *name => Ok(()),
        Some(there) => Err(DataError::malformed(
            &path,
            name,
            format!("{} (choose another folder)", there.name),
        )),
        None if is_foreign => {
            let expected = format!("an empty folder, or one with {PROVENANCE} that says {name}");
            Err(DataError::malformed(output, expected, "other files (choose another folder)"))
        }
        None => write_json(&path, provenance),
    }
}

fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), DataError> {
    let json = serde_json::to_vec_pretty(value)
        .map_err(|error| DataError::malformed(path, "a record that JSON can hold", error))?;
    write(path, &json)
}

fn make_folder(folder: &Path) -> Result<(), DataError> {
    rszs_durable::create_folder(folder)
        .map_err(|source| DataError::Write { path: folder.to_path_buf(), source })
}

/// Writes a file whole or not at all. Readers of folders pass over its hidden temporary name.
fn write(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    rszs_durable::replace(path, bytes)
        .map_err(|source| DataError::Write { path: path.to_path_buf(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_refuses_is_named_with_what_to_do_and_no_half_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("classes.txt");
        std::fs::create_dir(&path).unwrap();
        let message = write(&path, b"0 water").unwrap_err().to_string();
        assert!(message.starts_with(&format!("{}: ", path.display())), "{message}");
        assert!(message.ends_with("then give the same command again"), "{message}");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }
}
