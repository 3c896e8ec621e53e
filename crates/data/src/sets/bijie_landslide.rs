//! Landslides at 0.8 m: 36 images of Bijie, China.

use std::path::Path;

use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Provenance, Split};
use crate::error::DataError;
use crate::words::{BUILDING, FLOOD, LANDSLIDE, WATER};

/// Opens the folder `bijie_landslide`. Every image trains: it is one place.
pub fn open(root: &Path) -> Result<DenseSet, DataError> {
    DenseSet::open(root, provenance(), classes(), |_, _| Split::Train)
}

/// Only "landslide" is labelled. A fresh one is bare ground, an old one is not: nothing is said
/// about that.
pub fn classes() -> ClassTable {
    ClassTable::exclusive(&[(0, "other"), (1, "landslide")], &[(1, LANDSLIDE)])
        .ruling_out(FLOOD, &[0, 1])
        .ruling_out(WATER, &[1])
        .ruling_out(BUILDING, &[1])
}

fn provenance() -> Provenance {
    Provenance {
        name: "bijie_landslide".to_owned(),
        metres_per_px: Some(0.8),
        licence: "not checked in full: research use, not to be redistributed".to_owned(),
        credit: "Bijie landslide data set (Ji et al. 2020)".to_owned(),
        research_only: true,
    }
}
