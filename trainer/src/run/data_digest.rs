//! Which data a run saw, in a few bytes.

use std::collections::BTreeMap;
use std::path::Path;

use rszs_data::DenseSet;
use serde::Serialize;

use crate::TrainError;

/// Names and sizes of the files of sets. Contents are not read: of tens of gigabytes that would
/// take longer than some runs. A file that changed without changing its size goes unseen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct DataDigest {
    /// By name of the set.
    sets: BTreeMap<String, SetDigest>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct SetDigest {
    files: usize,
    bytes: u64,
    /// SHA-256 of one line a file, sorted: the path below the root of all data with `/`, a tab, the
    /// size in bytes, a line feed.
    sha256: String,
}

impl DataDigest {
    /// Asks the size of every image and mask of `sets`, which lie below `root`.
    pub(crate) fn of<'a>(
        root: &Path,
        sets: impl IntoIterator<Item = &'a DenseSet>,
    ) -> Result<Self, TrainError> {
        let mut digests = BTreeMap::new();
        for set in sets {
            let mut lines = Vec::new();
            let mut bytes = 0;
            for file in set.files() {
                let size = std::fs::metadata(file).map_err(TrainError::file(file))?.len();
                let below = file.strip_prefix(root).unwrap_or(file);
                lines.push(format!("{}\t{size}\n", below.display()));
                bytes += size;
            }
            lines.sort_unstable();
            let digest =
                SetDigest { files: lines.len(), bytes, sha256: sha256(lines.concat().as_bytes()) };
            digests.insert(set.name().to_owned(), digest);
        }
        Ok(Self { sets: digests })
    }

    /// All sets in one: SHA-256 of their hashes, in the order of their names.
    pub(crate) fn sha256(&self) -> String {
        let hashes: Vec<&str> = self.sets.values().map(|set| set.sha256.as_str()).collect();
        sha256(hashes.concat().as_bytes())
    }
}

fn sha256(bytes: &[u8]) -> String {
    rszs_checkpoint::sha256([bytes])
}

#[cfg(test)]
mod tests {
    use super::*;
    use rszs_data::fixtures;
    use rszs_data::sets::flood_area;

    #[test]
    fn the_digest_is_of_places_below_the_root_and_sizes() {
        let digest = |change: fn(&Path)| {
            let folder = tempfile::tempdir().unwrap();
            let set = fixtures::flood_area(folder.path()).unwrap();
            change(&set);
            DataDigest::of(folder.path(), [&flood_area::open(&set).unwrap()]).unwrap()
        };
        let original = digest(|_| ());
        assert_eq!(original.sets["flood_area"].files, 18);
        assert_eq!(original, digest(|_| ()), "another folder with the same files");
        let grown =
            digest(|set| std::fs::write(set.join("images/003.jpg"), "longer or shorter").unwrap());
        assert_ne!(original.sha256(), grown.sha256());
        let renamed = digest(|set| {
            std::fs::rename(set.join("images/003.jpg"), set.join("images/103.jpg")).unwrap();
            std::fs::rename(set.join("masks/003.png"), set.join("masks/103.png")).unwrap();
        });
        assert_ne!(original.sha256(), renamed.sha256());
    }
}
