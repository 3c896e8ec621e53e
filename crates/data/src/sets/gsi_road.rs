//! Roads of Japan at 0.2 m: 36 images of the Geospatial Information Authority.

use std::path::Path;

use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Provenance, Split};
use crate::error::DataError;
use crate::words::{BUILDING, FLOOD, ROAD, WATER};

/// Opens the folder `gsi_road`. Every image trains: no place is named.
pub fn open(root: &Path) -> Result<DenseSet, DataError> {
    DenseSet::open(root, provenance(), classes(), |_, _| Split::Train)
}

/// Only "road" is labelled. What is a road is neither a building nor water, and no scene was
/// flooded.
pub fn classes() -> ClassTable {
    ClassTable::exclusive(&[(0, "other"), (1, "road")], &[(1, ROAD)])
        .ruling_out(FLOOD, &[0, 1])
        .ruling_out(WATER, &[1])
        .ruling_out(BUILDING, &[1])
}

fn provenance() -> Provenance {
    Provenance {
        name: "gsi_road".to_owned(),
        metres_per_px: Some(0.2),
        licence: "Public Data License 1.0".to_owned(),
        credit: "Geospatial Information Authority of Japan".to_owned(),
        research_only: false,
    }
}
