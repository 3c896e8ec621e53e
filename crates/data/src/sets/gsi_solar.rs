//! Solar panels in Japan at 0.2 m: 36 images of the Geospatial Information Authority.

use std::path::Path;

use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Provenance, Split};
use crate::error::DataError;
use crate::words::{FLOOD, ROAD, SOLAR_PANEL, VEGETATION, WATER};

/// Opens the folder `gsi_solar`. Every image trains: no place is named.
pub fn open(root: &Path) -> Result<DenseSet, DataError> {
    DenseSet::open(root, provenance(), classes(), |_, _| Split::Train)
}

/// Only "solar panel" is labelled. Panels are often on a roof, so nothing is said about buildings.
pub fn classes() -> ClassTable {
    ClassTable::exclusive(&[(0, "other"), (1, "solar panel")], &[(1, SOLAR_PANEL)])
        .ruling_out(FLOOD, &[0, 1])
        .ruling_out(WATER, &[1])
        .ruling_out(ROAD, &[1])
        .ruling_out(VEGETATION, &[1])
}

fn provenance() -> Provenance {
    Provenance {
        name: "gsi_solar".to_owned(),
        metres_per_px: Some(0.2),
        licence: "Public Data License 1.0".to_owned(),
        credit: "Geospatial Information Authority of Japan".to_owned(),
        research_only: false,
    }
}
