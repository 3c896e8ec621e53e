//! Vegetation in Californian cities: 491 NAIP orthophotos at 0.6 m with a mask from the near infrared band.

use std::path::Path;

use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Provenance, Split};
use crate::error::DataError;

/// Opens the folder `naip_urban_trees`. Bishop and Riverside are validation; the other cities train.
pub fn open(root: &Path) -> Result<DenseSet, DataError> {
    let split = |id: &str, _| {
        if id.starts_with("bishop_") || id.starts_with("riverside_") { Split::Val } else { Split::Train }
    };
    DenseSet::open(root, provenance(), classes(), split)
}

/// Only "vegetation" is labelled, grass and crops included, by NDVI > 0.10: a weak label that misses dry grass.
pub fn classes() -> ClassTable {
    ClassTable::exclusive(
        &[(0, "other"), (1, "vegetation")],
        &[(1, &["vegetation", "greenery", "plants", "trees and grass", "green vegetation"])],
    )
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
