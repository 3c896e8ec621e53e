//! LandDiscover50K: 51,846 satellite and aerial images, 39 classes and their absence. The
//! training set of GSNet and RS-ZeroSeg.
//!
//! It is made of OpenEarthMap, LoveDA, DeepGlobe and the DOTA and DIOR parts of SAMRS. The archive
//! is a multi-volume zip: `7z x LD50KSplit.zip` with all volumes beside it. Concatenating the
//! volumes, as its page says, gives a broken archive. [`crate::prepare::land_discover`] puts the
//! set together from its sources instead.

use std::path::Path;

use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Provenance};
use crate::error::DataError;
use crate::layout::{self, Layout, Part, TRAIN};
use crate::mask::MaskFormat;
use crate::words::wording;

/// The prompts, the place is the index. Spelled as the set spells them, "expresswalltoll" included.
pub const PROMPTS: [&str; 40] = [
    "background",
    "bare land",
    "grass",
    "pavement",
    "road",
    "tree",
    "water",
    "agriculture land",
    "buildings",
    "forest land",
    "barren land",
    "urban land",
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
    "chimney",
    "expressway service area",
    "expresswalltoll station",
    "dam",
    "golf field",
    "overpass",
    "stadium",
    "train station",
    "vehicle",
    "windmill",
];

const LAYOUTS: [Layout; 1] = [Layout {
    parts: &[Part { images: &["TR_Image/*.png"], masks: "GT_ID/*.png", split: TRAIN }],
    format: MaskFormat::Index,
}];

/// Names of its parts by source, in the catalogue.
pub const PARTS: [&str; 5] = [
    "LandDiscover50K_oem",
    "LandDiscover50K_loveda",
    "LandDiscover50K_deepglobe",
    "LandDiscover50K_sota",
    "LandDiscover50K_sior",
];
/// Folders of the images and of their masks.
pub(crate) const IMAGES: &str = "TR_Image";
pub(crate) const GT: &str = "GT_ID";
/// Lies in the folder as long as [`crate::prepare::land_discover`] is not done with it.
pub(crate) const UNFINISHED: &str = "unfinished";

/// Opens the folder `LandDiscover50K`, as GSNet publishes it or as
/// [`crate::prepare::land_discover`] puts it together. Everything trains: the set publishes no
/// validation split.
pub fn open(root: &Path) -> Result<DenseSet, DataError> {
    if root.join(UNFINISHED).exists() {
        let found = "some of them (rszs-train prepare landdiscover50k was interrupted: give its \
            command again)";
        return Err(DataError::malformed(root, "all images of the sources", found));
    }
    layout::open(root, provenance(), classes(), &LAYOUTS)
}

/// The part of the set that comes from one source, for comparisons of training data. `name` is one
/// of [`PARTS`]. Only a set that [`crate::prepare::land_discover`] put together names its images
/// after their sources.
pub fn open_part(root: &Path, name: &str) -> Result<DenseSet, DataError> {
    let source = name.rsplit('_').next().unwrap_or_default();
    open(root)?.beginning_with(&format!("{source}_"), name)
}

/// Index 0 is none of the 39 and a negative for each, as GSNet trains on it: its loss gives such
/// pixels an all-zero target. That is a weak negative. The sources labelled different things, and
/// an image that came for its ships has its trees under index 0.
pub fn classes() -> ClassTable {
    let classes: Vec<(u8, &str)> =
        PROMPTS.iter().enumerate().map(|(id, &prompt)| (id as u8, prompt)).collect();
    let concepts =
        PROMPTS.iter().enumerate().skip(1).map(|(id, prompt)| (id as u8, wording(prompt)));
    ClassTable::exclusive(&classes, &concepts.collect::<Vec<_>>())
}

pub(crate) fn provenance() -> Provenance {
    Provenance {
        name: "LandDiscover50K".to_owned(),
        metres_per_px: None,
        licence: "not stated; its sources allow academic or non-commercial use".to_owned(),
        credit: "Ye et al. 2025; OpenEarthMap, LoveDA, DeepGlobe, SAMRS".to_owned(),
        research_only: true,
    }
}
