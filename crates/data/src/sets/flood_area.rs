//! Floods: 181 oblique and nadir images from drones and helicopters, flood water outlined.

use std::path::Path;

use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Provenance, Split};
use crate::error::DataError;
use crate::words::{BUILDING, FLOOD};

/// Opens the folder `flood_area`. Every 8th name in sorted order, the first included, is
/// validation.
pub fn open(root: &Path) -> Result<DenseSet, DataError> {
    let split =
        |_: &str, index: usize| if index.is_multiple_of(8) { Split::Val } else { Split::Train };
    DenseSet::open(root, provenance(), classes(), split)
}

/// Only "flood" is labelled. The set is no statement about "water", on neither side of its outline:
/// the rest of an image may hold a river or a pool that nobody outlined, and with the flooded half
/// alone as positives a model would learn that in images of this kind everything is water. Flood
/// water is no building: muddy water looks like a flat roof. A set that rules a thing out and never
/// shows it teaches that images of its kind hold none (measured: "building" at 0.0 % of every
/// flood image), unless crops are mixed: [`crate::Sampler::mixing`] puts roofs of other sets into
/// these images.
pub fn classes() -> ClassTable {
    ClassTable::exclusive(&[(0, "other"), (1, "flood water")], &[(1, FLOOD)])
        .ruling_out(BUILDING, &[1])
}

fn provenance() -> Provenance {
    Provenance {
        name: "flood_area".to_owned(),
        metres_per_px: None,
        licence: "not stated: research use, not to be redistributed".to_owned(),
        credit: "Flood Area Segmentation data set".to_owned(),
        research_only: true,
    }
}
