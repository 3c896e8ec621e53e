//! FLAIR #1: French land cover at 0.2 m, the test patches as GSNet evaluates them.
//!
//! Two copies are read. GSNet's: 512 px PNG patches of the red, green and blue band, and masks
//! whose index is FLAIR's own minus 1, with 13 to 19 as
//! 12. IGN's: TIFF patches of red, green, blue, near infrared and elevation, of which the first
//!     three are read, and masks of 1 to 19.

use std::path::{Path, PathBuf};

use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Pair, Provenance, Split};
use crate::error::DataError;
use crate::layout::{self, Layout, Part, VAL};
use crate::mask::MaskFormat;
use crate::protocol::Protocol;

/// GSNet's evaluation. Index 12 is the rest: swimming pool, snow, clear cut, mixed, ligneous,
/// greenhouse, other.
pub const PROTOCOL: Protocol = Protocol {
    prompts: &[
        "building",
        "pervious-surface",
        "impervious-surface",
        "bare soil",
        "water",
        "coniferous",
        "deciduous",
        "brushwood",
        "vineyard",
        "herbaceous vegetation",
        "agricultural land",
        "plowed land",
    ],
    ignored: Some((12, "other")),
    base: &[
        ("building", "buildings"),
        ("impervious-surface", "pavement"),
        ("bare soil", "bare land"),
        ("water", "water"),
        ("herbaceous vegetation", "grass"),
        ("agricultural land", "agriculture land"),
    ],
};

const LAYOUTS: [Layout; 1] = [Layout {
    parts: &[Part { images: &["test/image/*.png"], masks: "test/mask/*.png", split: VAL }],
    format: MaskFormat::Index,
}];

/// IGN's folders of the test patches and of their masks: below, one folder a spatial domain, one a
/// zone.
const PATCHES: &str = "flair_1_aerial_test";
const MASKS: &str = "flair_1_labels_test";
/// IGN's index as GSNet's.
pub(crate) const NUMBERS: [(u8, u8); 19] = [
    (1, 0),
    (2, 1),
    (3, 2),
    (4, 3),
    (5, 4),
    (6, 5),
    (7, 6),
    (8, 7),
    (9, 8),
    (10, 9),
    (11, 10),
    (12, 11),
    (13, 12),
    (14, 12),
    (15, 12),
    (16, 12),
    (17, 12),
    (18, 12),
    (19, 12),
];

/// Opens the folder `FLAIR`. Nothing trains: the official test patches are held out. IGN's copy is
/// `flair_1_aerial_test/<domain>/<zone>/img/IMG_*.tif` with
/// `flair_1_labels_test/<domain>/<zone>/msk/MSK_*.tif`.
pub fn open(root: &Path) -> Result<DenseSet, DataError> {
    if root.join(PATCHES).is_dir() {
        open_tiff(root)
    } else {
        layout::open(root, provenance(), classes(), &LAYOUTS)
    }
}

fn open_tiff(root: &Path) -> Result<DenseSet, DataError> {
    let [patches, masks] = [(PATCHES, "img", "IMG_"), (MASKS, "msk", "MSK_")]
        .map(|(top, folder, prefix)| tiff_files(root, top, folder, prefix));
    let (patches, masks) = (patches?, masks?);
    let numbers = |files: &[(String, PathBuf)]| {
        files.iter().map(|(number, _)| number.clone()).collect::<Vec<_>>()
    };
    let (of_patches, of_masks) = (numbers(&patches), numbers(&masks));
    let unpaired = |files: &[(String, PathBuf)], others: &[String], other: &str| {
        files.iter().find(|(number, _)| others.binary_search(number).is_err()).map(
            |(number, path)| DataError::Unpaired {
                path: root.join(format!("{other}{number}.tif")),
                other: path.clone(),
                images: patches.len(),
                masks: masks.len(),
            },
        )
    };
    let lost = unpaired(&patches, &of_masks, "flair_1_labels_test/*/*/msk/MSK_");
    if let Some(error) =
        lost.or_else(|| unpaired(&masks, &of_patches, "flair_1_aerial_test/*/*/img/IMG_"))
    {
        return Err(error);
    }
    let pairs = patches.into_iter().zip(masks).map(|((id, image), (_, mask))| Pair {
        split: Split::Val,
        id,
        image,
        mask,
        format: MaskFormat::Renumbered(&NUMBERS),
    });
    DenseSet::of_pairs(provenance(), classes(), pairs)
}

/// Number and path of `<top>/<domain>/<zone>/<folder>/<prefix><number>.tif`, by number.
fn tiff_files(
    root: &Path,
    top: &str,
    folder: &str,
    prefix: &str,
) -> Result<Vec<(String, PathBuf)>, DataError> {
    let mut files = Vec::new();
    for domain in entries(&root.join(top))? {
        for zone in entries(&domain)? {
            for path in entries(&zone.join(folder))? {
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                let number = name
                    .strip_prefix(prefix)
                    .and_then(|rest| rest.strip_suffix(".tif"))
                    .map(str::to_owned);
                files.extend(number.map(|number| (number, path)));
            }
        }
    }
    if files.is_empty() {
        return Err(DataError::Empty {
            path: root.join(top),
            expected: format!("files */*/{folder}/{prefix}*.tif"),
        });
    }
    files.sort();
    if let Some(pair) = files.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(DataError::malformed(
            &pair[1].1,
            "one file a number",
            format!("{} as well", pair[0].1.display()),
        ));
    }
    Ok(files)
}

/// What a folder holds, hidden files left out.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let expected = "a folder of the set";
    let read = std::fs::read_dir(folder).map_err(DataError::io(folder, expected))?;
    let mut entries = Vec::new();
    for entry in read {
        let entry = entry.map_err(DataError::io(folder, expected))?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            entries.push(entry.path());
        }
    }
    Ok(entries)
}

/// The 12 prompts of [`PROTOCOL`].
pub fn classes() -> ClassTable {
    PROTOCOL.classes()
}

fn provenance() -> Provenance {
    Provenance {
        name: "FLAIR".to_owned(),
        metres_per_px: Some(0.2),
        licence: "Licence Ouverte 2.0".to_owned(),
        credit: "IGN, FLAIR #1 (Garioud et al. 2022)".to_owned(),
        research_only: false,
    }
}
