//! Roads of Massachusetts at 1 m: 134 images, roads as lines of one width.

use std::path::Path;

use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Provenance, Split};
use crate::error::DataError;
use crate::words::{BUILDING, FLOOD, ROAD, WATER};

/// Opens the folder `ma_roads`. Every image trains: no place is named.
pub fn open(root: &Path) -> Result<DenseSet, DataError> {
    DenseSet::open(root, provenance(), classes(), |_, _| Split::Train)
}

/// Only "road" is labelled, as a line of about 8 m in the middle: wide roads are wider than their
/// label. What is a road is neither a building nor water, and no scene was flooded.
pub fn classes() -> ClassTable {
    ClassTable::exclusive(&[(0, "other"), (1, "road")], &[(1, ROAD)])
        .ruling_out(FLOOD, &[0, 1])
        .ruling_out(WATER, &[1])
        .ruling_out(BUILDING, &[1])
}

fn provenance() -> Provenance {
    Provenance {
        name: "ma_roads".to_owned(),
        metres_per_px: Some(1.0),
        licence: "not stated: research use, not to be redistributed".to_owned(),
        credit: "Massachusetts Roads Dataset (Mnih 2013)".to_owned(),
        research_only: true,
    }
}
