//! FAST: fine-grained aircraft, ships and vehicles of FAIR1M 2.0, outlined by SAM for the SAMRS
//! set.

use std::path::Path;

use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Provenance};
use crate::error::DataError;
use crate::layout::{self, Layout, Part, VAL};
use crate::mask::{IGNORE, MaskFormat};
use crate::palette::Palette;
use crate::protocol::Protocol;

/// GSNet's evaluation. What has no label is white, or 255, and counts nowhere. The three "other-"
/// prompts are novel here: LandDiscover50K has planes, ships and vehicles, but none that excludes
/// the types beside them.
pub const PROTOCOL: Protocol = Protocol {
    prompts: &[
        "A220",
        "A321",
        "A330",
        "A350",
        "ARJ21",
        "Baseball-Field",
        "Basketball-Court",
        "Boeing737",
        "Boeing747",
        "Boeing777",
        "Boeing787",
        "Bridge",
        "Bus",
        "C919",
        "Cargo-Truck",
        "Dry-Cargo-Ship",
        "Dump-Truck",
        "Engineering-Ship",
        "Excavator",
        "Fishing-Boat",
        "Football-Field",
        "Intersection",
        "Liquid-Cargo-Ship",
        "Motorboat",
        "other-airplane",
        "other-ship",
        "other-vehicle",
        "Passenger-Ship",
        "Roundabout",
        "Small-Car",
        "Tennis-Court",
        "Tractor",
        "Trailer",
        "Truck-Tractor",
        "Tugboat",
        "Van",
        "Warship",
    ],
    ignored: None,
    base: &[
        ("Baseball-Field", "baseball-diamond"),
        ("Basketball-Court", "basketball-court"),
        ("Bridge", "bridge"),
        ("Football-Field", "soccer-ball-field"),
        ("Roundabout", "roundabout"),
        ("Tennis-Court", "tennis-court"),
    ],
};

/// The colours of SAMRS, one table for its three parts.
pub(crate) const PALETTE: Palette = Palette(&[
    (0, [0, 127, 255]),
    (1, [0, 63, 0]),
    (2, [0, 127, 63]),
    (3, [0, 63, 255]),
    (4, [0, 0, 127]),
    (5, [0, 127, 127]),
    (6, [0, 0, 63]),
    (7, [0, 63, 127]),
    (8, [0, 63, 191]),
    (9, [0, 191, 127]),
    (10, [0, 127, 191]),
    (11, [0, 63, 63]),
    (12, [0, 100, 155]),
    (13, [0, 0, 255]),
    (14, [0, 0, 191]),
    (15, [64, 191, 127]),
    (16, [64, 0, 191]),
    (17, [128, 63, 63]),
    (18, [128, 0, 63]),
    (19, [191, 63, 0]),
    (20, [255, 127, 0]),
    (21, [63, 0, 0]),
    (22, [127, 63, 0]),
    (23, [63, 255, 0]),
    (24, [0, 127, 0]),
    (25, [127, 127, 0]),
    (26, [63, 0, 63]),
    (27, [63, 127, 0]),
    (28, [63, 191, 0]),
    (29, [191, 127, 0]),
    (30, [127, 191, 0]),
    (31, [63, 63, 0]),
    (32, [100, 155, 0]),
    (33, [0, 255, 0]),
    (34, [0, 191, 0]),
    (35, [191, 127, 64]),
    (36, [0, 191, 64]),
    (IGNORE, [255, 255, 255]),
]);

/// SAMRS writes each mask twice, in folders `gray` and `color`; GSNet's page shows its copy without
/// them.
const LAYOUTS: [Layout; 3] = [
    Layout {
        parts: &[Part {
            images: &["val/images/*.png"],
            masks: "val/semlabels/gray/*.png",
            split: VAL,
        }],
        format: MaskFormat::Index,
    },
    Layout {
        parts: &[Part {
            images: &["val/images/*.png"],
            masks: "val/semlabels/color/*.png",
            split: VAL,
        }],
        format: MaskFormat::Colour(PALETTE),
    },
    Layout {
        parts: &[Part { images: &["val/images/*.png"], masks: "val/semlabels/*.png", split: VAL }],
        format: MaskFormat::Index,
    },
];

/// Opens the folder `FAST`. Nothing trains: the validation part is held out, and LandDiscover50K
/// leaves FAST out for this.
pub fn open(root: &Path) -> Result<DenseSet, DataError> {
    layout::open(root, provenance(), classes(), &LAYOUTS)
}

/// The 37 prompts of [`PROTOCOL`].
pub fn classes() -> ClassTable {
    PROTOCOL.classes()
}

fn provenance() -> Provenance {
    Provenance {
        name: "FAST".to_owned(),
        metres_per_px: None,
        licence: "not stated".to_owned(),
        credit: "SAMRS (Wang et al. 2023), images of FAIR1M 2.0".to_owned(),
        research_only: true,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_prompt_has_one_colour_of_its_own() {
        let ids: Vec<u8> = PALETTE.0.iter().map(|&(id, _)| id).collect();
        assert_eq!(ids, (0..37).chain([IGNORE]).collect::<Vec<u8>>());
        assert_eq!(PALETTE.0.iter().map(|(_, colour)| colour).collect::<BTreeSet<_>>().len(), 38);
    }
}
