//! Roads of cities at 0.3 to 0.5 m: 144 images of the ETH course in computational intelligence.

use std::path::Path;

use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Provenance, Split};
use crate::error::DataError;
use crate::words::{BUILDING, FLOOD, ROAD, WATER};

/// Opens the folder `cil_roads`. Every image trains: no place is named.
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
        name: "cil_roads".to_owned(),
        metres_per_px: Some(0.4),
        licence: "not stated: research use, not to be redistributed".to_owned(),
        credit: "ETH Zurich, Computational Intelligence Lab 2022/23; images from a map service"
            .to_owned(),
        research_only: true,
    }
}
