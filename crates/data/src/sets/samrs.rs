//! SOTA and SIOR: the images of DOTA 2.0 and DIOR with objects outlined by SAM, two of the three
//! parts of SAMRS and sources of LandDiscover50K. The third is [`crate::sets::fast`].
//!
//! Folders have the names that SAMRS's own scripts use, below one folder a part. How its archives
//! unpack could not be seen.

use std::path::Path;

use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Provenance};
use crate::error::DataError;
use crate::layout::{self, Layout, Part, TRAIN};
use crate::mask::MaskFormat;
use crate::sets::fast::PALETTE;
use crate::words::wording;

/// Classes of SOTA, the place is the index (`DOTA2_0` in `mapping.py` of SAMRS).
pub(crate) const SOTA: [&str; 18] = [
    "large-vehicle",
    "swimming-pool",
    "helicopter",
    "bridge",
    "plane",
    "ship",
    "soccer-ball-field",
    "basketball-court",
    "ground-track-field",
    "small-vehicle",
    "baseball-diamond",
    "tennis-court",
    "roundabout",
    "storage-tank",
    "harbor",
    "container-crane",
    "airport",
    "helipad",
];

/// Classes of SIOR, the place is the index (`DIOR` in `mapping.py` of SAMRS).
pub(crate) const SIOR: [&str; 20] = [
    "airplane",
    "airport",
    "baseballfield",
    "basketballcourt",
    "bridge",
    "chimney",
    "expressway-service-area",
    "expressway-toll-station",
    "dam",
    "golffield",
    "groundtrackfield",
    "harbor",
    "overpass",
    "ship",
    "stadium",
    "storagetank",
    "tenniscourt",
    "trainstation",
    "vehicle",
    "windmill",
];

const SOTA_IMAGES: &[&str] = &["trainval/images/*.png"];
const SIOR_IMAGES: &[&str] = &["JPEGImages-trainval/*.jpg", "JPEGImages-test/*.jpg"];

const SOTA_LAYOUTS: [Layout; 2] = [
    Layout {
        parts: &[Part {
            images: SOTA_IMAGES,
            masks: "trainval/hbox_segs_init/gray/*.png",
            split: TRAIN,
        }],
        format: MaskFormat::Index,
    },
    Layout {
        parts: &[Part {
            images: SOTA_IMAGES,
            masks: "trainval/hbox_segs_init/color/*.png",
            split: TRAIN,
        }],
        format: MaskFormat::Colour(PALETTE),
    },
];

const SIOR_LAYOUTS: [Layout; 2] = [
    Layout {
        parts: &[Part {
            images: SIOR_IMAGES,
            masks: "hbox_segs_trainvaltest_init/gray/*.png",
            split: TRAIN,
        }],
        format: MaskFormat::Index,
    },
    Layout {
        parts: &[Part {
            images: SIOR_IMAGES,
            masks: "hbox_segs_trainvaltest_init/color/*.png",
            split: TRAIN,
        }],
        format: MaskFormat::Colour(PALETTE),
    },
];

/// Opens the folder `SOTA`: patches of 1024 pixels of DOTA 2.0. Everything trains.
pub fn open_sota(root: &Path) -> Result<DenseSet, DataError> {
    layout::open(root, provenance("SOTA", "DOTA 2.0"), classes(&SOTA), &SOTA_LAYOUTS)
}

/// Opens the folder `SIOR`: images of DIOR, all its parts. Everything trains.
pub fn open_sior(root: &Path) -> Result<DenseSet, DataError> {
    layout::open(root, provenance("SIOR", "DIOR"), classes(&SIOR), &SIOR_LAYOUTS)
}

/// Every class is a negative for the others; what has no outline is 255 and says nothing.
fn classes(names: &'static [&'static str]) -> ClassTable {
    let ids = || names.iter().enumerate().map(|(id, name)| (id as u8, name));
    let classes: Vec<(u8, &str)> = ids().map(|(id, &name)| (id, name)).collect();
    ClassTable::exclusive(
        &classes,
        &ids().map(|(id, name)| (id, wording(name))).collect::<Vec<_>>(),
    )
}

fn provenance(name: &str, images: &str) -> Provenance {
    Provenance {
        name: name.to_owned(),
        metres_per_px: None,
        licence: "not stated".to_owned(),
        credit: format!("SAMRS (Wang et al. 2023), images of {images}"),
        research_only: true,
    }
}
