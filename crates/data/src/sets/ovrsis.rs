//! OVRSIS95K: about 95,000 images, 34 classes and their absence. The training set of Pi-Seg
//! (arXiv:2604.15652).

use std::path::Path;

use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Provenance};
use crate::error::DataError;
use crate::layout::{self, Layout, Part, TRAIN, VAL};
use crate::mask::MaskFormat;
use crate::words::wording;

/// The prompts, the place is the index. The registration of Pi-Seg counts from 1, but its loss
/// reads the bytes of the masks as they are and has room for 0 to 34.
const PROMPTS: [&str; 34] = [
    "airplane",
    "airport",
    "baseball field",
    "basketball court",
    "bridge",
    "chimney",
    "expressway service area",
    "expressway toll station",
    "dam",
    "golf field",
    "ground track field",
    "harbor",
    "overpass",
    "ship",
    "stadium",
    "storage tank",
    "tennis court",
    "train station",
    "vehicle",
    "windmill",
    "soccer ball field",
    "roundabout",
    "container crane",
    "helipad",
    "building",
    "road",
    "water",
    "tree",
    "grass",
    "bareland",
    "rangeland",
    "developed space",
    "agriculture land",
    "intersection",
];
/// What the set calls "unlabeled areas, background, clutter".
const OTHER: u8 = 34;

/// The code of Pi-Seg and its page name the folders differently.
const LAYOUTS: [Layout; 2] = [
    Layout {
        parts: &[
            Part { images: &["train/img/*.jpg"], masks: "train/mask/*.png", split: TRAIN },
            Part { images: &["val/img/*.jpg"], masks: "val/mask/*.png", split: VAL },
        ],
        format: MaskFormat::Index,
    },
    Layout {
        parts: &[
            Part {
                images: &["train/images/*.jpg"],
                masks: "train/annotations/*.png",
                split: TRAIN,
            },
            Part { images: &["val/images/*.jpg"], masks: "val/annotations/*.png", split: VAL },
        ],
        format: MaskFormat::Index,
    },
];

/// Opens the folder `OVRSIS95K`, with the published splits.
pub fn open(root: &Path) -> Result<DenseSet, DataError> {
    layout::open(root, provenance(), classes(), &LAYOUTS)
}

/// Index 34 is none of the others and a negative for each; nobody asks for it.
pub fn classes() -> ClassTable {
    let ids = || PROMPTS.iter().enumerate().map(|(id, prompt)| (id as u8, prompt));
    let mut classes: Vec<(u8, &str)> = ids().map(|(id, &prompt)| (id, prompt)).collect();
    classes.push((OTHER, "other"));
    ClassTable::exclusive(
        &classes,
        &ids().map(|(id, prompt)| (id, wording(prompt))).collect::<Vec<_>>(),
    )
}

fn provenance() -> Provenance {
    Provenance {
        name: "OVRSIS95K".to_owned(),
        metres_per_px: None,
        licence: "not stated".to_owned(),
        credit: "the authors of OVRSISBenchV2 and Pi-Seg, 2026".to_owned(),
        research_only: true,
    }
}
