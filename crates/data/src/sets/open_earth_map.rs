//! OpenEarthMap: land cover of 97 regions at 0.25 to 0.5 m, eight classes.
//!
//! The archive lacks the images that come from xBD; its authors publish a script that adds them.

use std::path::Path;

use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Pair, Provenance, Split};
use crate::error::DataError;
use crate::mask::MaskFormat;
use crate::words::{ROAD, WATER};

/// Opens the folder `OpenEarthMap`: `<region>/images/<region>_<n>.tif`,
/// `<region>/labels/<region>_<n>.tif`, and the lists `train.txt` and `val.txt`, one file name a
/// line. The test part has no masks.
pub fn open(root: &Path) -> Result<DenseSet, DataError> {
    let mut pairs = Vec::new();
    for (list, split) in [("train.txt", Split::Train), ("val.txt", Split::Val)] {
        let list = root.join(list);
        let expected = "a list of file names, in a folder with <region>/images/*.tif and \
            <region>/labels/*.tif";
        let text = std::fs::read_to_string(&list).map_err(DataError::io(&list, expected))?;
        let mut listed = Vec::new();
        for name in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            // A listed name must stay inside the folder.
            let id = name
                .strip_suffix(".tif")
                .filter(|id| !id.starts_with('.') && !id.contains(['/', '\\']));
            let parts = id.and_then(|id| Some((id, id.rsplit_once('_')?.0)));
            let (id, region) = parts.ok_or_else(|| {
                DataError::malformed(&list, "file names <region>_<number>.tif", name)
            })?;
            let [image, mask] =
                ["images", "labels"].map(|folder| root.join(region).join(folder).join(name));
            listed.push(Pair { split, id: id.to_owned(), image, mask, format: MaskFormat::Index });
        }
        let files = listed.iter().flat_map(|pair| [&pair.image, &pair.mask]);
        let absent: Vec<_> = files.filter(|path| !path.is_file()).collect();
        if let Some(first) = absent.first() {
            let expected = format!("an image and a mask for each of {} names", listed.len());
            let found = format!("{} files missing, the first {}", absent.len(), first.display());
            return Err(DataError::malformed(&list, expected, found));
        }
        pairs.append(&mut listed);
    }
    DenseSet::of_pairs(provenance(), classes(), pairs)
}

/// The indices of the files. 0 is what nobody labelled.
pub fn classes() -> ClassTable {
    ClassTable::exclusive(
        &[
            (1, "bareland"),
            (2, "rangeland"),
            (3, "developed space"),
            (4, "road"),
            (5, "tree"),
            (6, "water"),
            (7, "agriculture land"),
            (8, "buildings"),
        ],
        &[
            (1, &["bareland"]),
            (2, &["rangeland"]),
            (3, &["developed space"]),
            (4, ROAD),
            (5, &["tree"]),
            (6, WATER),
            (7, &["agriculture land"]),
            (8, &["buildings"]),
        ],
    )
    .ignoring(0, "unlabelled")
}

fn provenance() -> Provenance {
    Provenance {
        name: "OpenEarthMap".to_owned(),
        metres_per_px: None,
        licence: "CC BY-NC-SA 4.0".to_owned(),
        credit: "Xia et al. 2023".to_owned(),
        research_only: true,
    }
}
