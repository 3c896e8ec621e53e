//! DeepGlobe land cover: satellite images of 2448 pixels a side at 0.5 m, six classes. A source
//! of LandDiscover50K.

use std::path::Path;

use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Provenance};
use crate::error::DataError;
use crate::layout::{self, Layout, Part, TRAIN};
use crate::mask::MaskFormat;
use crate::palette::Palette;
use crate::words::WATER;

/// The colours of the challenge, in the order of its page. Its masks went through a lossy step:
/// channels are near 0 or near 255.
pub(crate) const PALETTE: Palette = Palette(&[
    (0, [0, 255, 255]),
    (1, [255, 255, 0]),
    (2, [255, 0, 255]),
    (3, [0, 255, 0]),
    (4, [0, 0, 255]),
    (5, [255, 255, 255]),
    (UNKNOWN, [0, 0, 0]),
]);
/// Clouds and others.
const UNKNOWN: u8 = 6;

const LAYOUTS: [Layout; 1] = [Layout {
    parts: &[Part { images: &["train/*_sat.jpg"], masks: "train/*_mask.png", split: TRAIN }],
    format: MaskFormat::BinaryColour(PALETTE),
}];

/// Opens the folder `DeepGlobe`. Everything trains: the masks of the other parts were never
/// published.
pub fn open(root: &Path) -> Result<DenseSet, DataError> {
    layout::open(root, provenance(), classes(), &LAYOUTS)
}

/// The indices are those of the palette; what is unknown says nothing.
pub fn classes() -> ClassTable {
    let classes =
        ["urban land", "agriculture land", "rangeland", "forest land", "water", "barren land"];
    let ids: Vec<(u8, &str)> =
        classes.iter().enumerate().map(|(id, &name)| (id as u8, name)).collect();
    let concepts: Vec<(u8, &[&str])> = ids
        .iter()
        .zip(&classes)
        .map(|(&(id, name), class)| {
            (id, if name == "water" { WATER } else { std::slice::from_ref(class) })
        })
        .collect();
    ClassTable::exclusive(&ids, &concepts).ignoring(UNKNOWN, "unknown")
}

fn provenance() -> Provenance {
    Provenance {
        name: "DeepGlobe".to_owned(),
        metres_per_px: Some(0.5),
        licence: "not stated; a challenge for research".to_owned(),
        credit: "Demir et al. 2018; images of DigitalGlobe".to_owned(),
        research_only: true,
    }
}
