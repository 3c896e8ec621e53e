//! Standing dead trees in four American states: 151 NAIP orthophotos at 0.6 m.

use std::path::Path;

use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Provenance, Split};
use crate::error::DataError;
use crate::words::{BUILDING, DEAD_TREE, FLOOD, ROAD, WATER};

/// States whose images are validation, as names begin; Arkansas and Missouri train.
const VAL_STATES: [&str; 2] = ["nm", "tx"];

/// Opens the folder `dead_trees`. New Mexico and Texas are validation.
pub fn open(root: &Path) -> Result<DenseSet, DataError> {
    let is_val = |id: &str| VAL_STATES.iter().any(|state| id.starts_with(state));
    DenseSet::open(root, provenance(), classes(), |id, _| {
        if is_val(id) { Split::Val } else { Split::Train }
    })
}

/// Only "dead tree" is labelled. Whether a dead tree is vegetation is left open, and the rest of an
/// image may hold anything.
pub fn classes() -> ClassTable {
    ClassTable::exclusive(&[(0, "other"), (1, "dead tree")], &[(1, DEAD_TREE)])
        .ruling_out(FLOOD, &[0, 1])
        .ruling_out(WATER, &[1])
        .ruling_out(ROAD, &[1])
        .ruling_out(BUILDING, &[1])
}

fn provenance() -> Provenance {
    Provenance {
        name: "dead_trees".to_owned(),
        metres_per_px: Some(0.6),
        licence: "labels not stated; NAIP imagery is in the public domain of the United States"
            .to_owned(),
        credit: "USDA National Agriculture Imagery Program (imagery); labels not stated".to_owned(),
        research_only: true,
    }
}
