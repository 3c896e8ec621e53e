//! FloodNet: 2,343 drone images after hurricane Harvey, nine classes, with what was flooded told
//! from what was not.

use std::path::Path;

use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Provenance};
use crate::error::DataError;
use crate::layout::{self, Layout, Part, TRAIN, VAL};
use crate::mask::MaskFormat;
use crate::protocol::Protocol;

/// GSNet's evaluation: "Background" competes as a prompt, its pixels count nowhere. The base
/// prompts are the only split that reproduces the numbers of RS-ZeroSeg.
pub const PROTOCOL: Protocol = Protocol {
    prompts: &[
        "Background",
        "building-flooded",
        "building-non-flooded",
        "road-flooded",
        "road-non-flooded",
        "water",
        "tree",
        "vehicle",
        "pool",
        "grass",
    ],
    ignored: Some((0, "Background")),
    base: &[
        ("water", "water"),
        ("tree", "tree"),
        ("vehicle", "vehicle"),
        ("pool", "swimming-pool"),
        ("grass", "grass"),
    ],
};

const LAYOUTS: [Layout; 2] = [
    Layout {
        parts: &[
            Part {
                images: &["train/train-org-img/*.jpg"],
                masks: "train/train-label-img/*_lab.png",
                split: TRAIN,
            },
            Part {
                images: &["val/val-org-img/*.jpg"],
                masks: "val/val-label-img/*_lab.png",
                split: VAL,
            },
            Part {
                images: &["test/test-org-img/*.jpg"],
                masks: "test/test-label-img/*_lab.png",
                split: VAL,
            },
        ],
        format: MaskFormat::Index,
    },
    Layout {
        parts: &[Part { images: &["val+test/img/*.jpg"], masks: "val+test/lbl/*.png", split: VAL }],
        format: MaskFormat::Index,
    },
];

/// Opens the folder `FloodNet`: the content of FloodNet-Supervised_v1.0, or GSNet's copy of its two
/// held-out parts. GSNet evaluates on validation and test together, so both are held out here. The
/// colour masks of the other archive are smaller than the images and are not read.
pub fn open(root: &Path) -> Result<DenseSet, DataError> {
    layout::open(root, provenance(), classes(), &LAYOUTS)
}

/// The 9 scored prompts of [`PROTOCOL`].
pub fn classes() -> ClassTable {
    PROTOCOL.classes()
}

fn provenance() -> Provenance {
    Provenance {
        name: "FloodNet".to_owned(),
        metres_per_px: None,
        licence: "Community Data License Agreement, permissive, 1.0".to_owned(),
        credit: "Rahnemoonfar et al. 2021 (BinaLab)".to_owned(),
        research_only: false,
    }
}
