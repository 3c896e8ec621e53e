//! FLAIR #1: French land cover at 0.2 m, the test patches as GSNet evaluates them.
//!
//! The copy that GSNet publishes: 512 px PNG patches of the red, green and blue band, and masks whose index is FLAIR's own minus 1, with 13 to 19 as
//! 12. The five-band TIFF files that IGN publishes are not read here.

use std::path::Path;

use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Provenance};
use crate::error::DataError;
use crate::layout::{self, Layout, Part, VAL};
use crate::mask::MaskFormat;
use crate::protocol::Protocol;

/// GSNet's evaluation. Index 12 is the rest: swimming pool, snow, clear cut, mixed, ligneous, greenhouse, other.
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
    parts: &[Part { images: "test/image/*.png", masks: "test/mask/*.png", split: VAL }],
    format: MaskFormat::Index,
}];

/// Opens the folder `FLAIR`. Nothing trains: the official test patches are held out.
pub fn open(root: &Path) -> Result<DenseSet, DataError> {
    layout::open(root, provenance(), classes(), &LAYOUTS)
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
