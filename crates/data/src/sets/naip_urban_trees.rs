//! Vegetation in Californian cities: 491 NAIP orthophotos at 0.6 m with a mask from the near
//! infrared band.

use std::path::Path;

use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Provenance, Split};
use crate::error::DataError;
use crate::words::{BARE_GROUND, BUILDING, FLOOD, ROAD, VEGETATION, WATER};

/// Opens the folder `naip_urban_trees`. Bishop and Riverside are validation; the other cities
/// train.
pub fn open(root: &Path) -> Result<DenseSet, DataError> {
    let split = |id: &str, _| {
        if id.starts_with("bishop_") || id.starts_with("riverside_") {
            Split::Val
        } else {
            Split::Train
        }
    };
    DenseSet::open(root, provenance(), classes(), split)
}

/// Only "vegetation" is labelled, grass and crops included, by NDVI > 0.10: a weak label that
/// misses dry grass. What is vegetation is nothing else, and no scene was flooded.
pub fn classes() -> ClassTable {
    ClassTable::exclusive(&[(0, "other"), (1, "vegetation")], &[(1, VEGETATION)])
        .ruling_out(FLOOD, &[0, 1])
        .ruling_out(WATER, &[1])
        .ruling_out(BARE_GROUND, &[1])
        .ruling_out(ROAD, &[1])
        .ruling_out(BUILDING, &[1])
}

fn provenance() -> Provenance {
    Provenance {
        name: "naip_urban_trees".to_owned(),
        metres_per_px: Some(0.6),
        licence: "CC BY 4.0; NAIP imagery is in the public domain of the United States".to_owned(),
        credit: "Ventura et al. 2024; USDA National Agriculture Imagery Program".to_owned(),
        research_only: false,
    }
}
