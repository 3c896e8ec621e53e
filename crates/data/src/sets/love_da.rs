//! LoveDA: rural and urban land cover of three Chinese cities at 0.3 m, seven classes.

use std::path::Path;

use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Provenance};
use crate::error::DataError;
use crate::layout::{self, Layout, Part, TRAIN, VAL};
use crate::mask::MaskFormat;
use crate::words::{BUILDING, ROAD, WATER};

const LAYOUTS: [Layout; 1] = [Layout {
    parts: &[
        Part {
            images: &["Train/Rural/images_png/*.png"],
            masks: "Train/Rural/masks_png/*.png",
            split: TRAIN,
        },
        Part {
            images: &["Train/Urban/images_png/*.png"],
            masks: "Train/Urban/masks_png/*.png",
            split: TRAIN,
        },
        Part {
            images: &["Val/Rural/images_png/*.png"],
            masks: "Val/Rural/masks_png/*.png",
            split: VAL,
        },
        Part {
            images: &["Val/Urban/images_png/*.png"],
            masks: "Val/Urban/masks_png/*.png",
            split: VAL,
        },
    ],
    format: MaskFormat::Index,
}];

/// Opens the folder `LoveDA`, with the published splits. The test part has no masks.
pub fn open(root: &Path) -> Result<DenseSet, DataError> {
    layout::open(root, provenance(), classes(), &LAYOUTS)
}

/// The indices of the files: 0 is no data and says nothing, 1 is none of the other six.
pub fn classes() -> ClassTable {
    ClassTable::exclusive(
        &[
            (1, "background"),
            (2, "building"),
            (3, "road"),
            (4, "water"),
            (5, "barren"),
            (6, "forest"),
            (7, "agriculture"),
        ],
        &[
            (2, BUILDING),
            (3, ROAD),
            (4, WATER),
            (5, &["barren"]),
            (6, &["forest"]),
            (7, &["agriculture"]),
        ],
    )
    .ignoring(0, "no data")
}

fn provenance() -> Provenance {
    Provenance {
        name: "LoveDA".to_owned(),
        metres_per_px: Some(0.3),
        licence: "CC BY-NC-SA 4.0, academic use only".to_owned(),
        credit: "Wang et al. 2021 (RSIDEA, Wuhan University); images from Google Earth".to_owned(),
        research_only: true,
    }
}
