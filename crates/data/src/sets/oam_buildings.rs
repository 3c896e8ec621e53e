//! Buildings under drones: 57 orthophotos of OpenAerialMap at 7 cm, building footprints of
//! OpenStreetMap.

use std::path::Path;

use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Provenance, Split};
use crate::error::DataError;
use crate::words::{BARE_GROUND, BUILDING, FLOOD, ROAD, VEGETATION, WATER};

/// Opens the folder `oam_buildings`. Virac is validation; Zanzibar and Kampala train.
pub fn open(root: &Path) -> Result<DenseSet, DataError> {
    let split = |id: &str, _| if id.starts_with("virac_") { Split::Val } else { Split::Train };
    DenseSet::open(root, provenance(), classes(), split)
}

/// Only "building" is labelled. What is a building is nothing else, and no scene was flooded.
pub fn classes() -> ClassTable {
    ClassTable::exclusive(&[(0, "other"), (1, "building")], &[(1, BUILDING)])
        .ruling_out(FLOOD, &[0, 1])
        .ruling_out(WATER, &[1])
        .ruling_out(BARE_GROUND, &[1])
        .ruling_out(ROAD, &[1])
        .ruling_out(VEGETATION, &[1])
}

fn provenance() -> Provenance {
    Provenance {
        name: "oam_buildings".to_owned(),
        metres_per_px: Some(0.07),
        licence: "imagery CC BY 4.0, labels ODbL 1.0".to_owned(),
        credit: "OpenAerialMap contributors (imagery), OpenStreetMap contributors (labels)"
            .to_owned(),
        research_only: false,
    }
}
