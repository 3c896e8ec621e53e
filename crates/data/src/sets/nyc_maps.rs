//! New York from above at about 1 m, labelled by the colours of a map: see
//! [`crate::prepare::nyc_maps`].

use std::path::Path;

use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Provenance, Split};
use crate::error::DataError;
use crate::words::{BARE_GROUND, BUILDING, FLOOD, MOTORWAY, ROAD, VEGETATION, WATER};

/// Opens the folder `nyc_maps`. Every image trains: the city's other half is a test elsewhere.
pub fn open(root: &Path) -> Result<DenseSet, DataError> {
    DenseSet::open(root, provenance(), classes(), |_, _| Split::Train)
}

/// Buildings, roads, motorways and water, as a map draws them: weak labels. Service roads are drawn
/// as buildings, and trees hide roads.
///
/// A motorway is a road, too. Ponds and pools may be missing from the map, so only what is built is
/// no water. A park is an area on a map and no plant cover: it rules out buildings and roads, and
/// says nothing about vegetation. Indices 6 and 7 are grounds that hold anything.
pub fn classes() -> ClassTable {
    ClassTable::exclusive(
        &[
            (0, "other land"),
            (1, "building"),
            (2, "road"),
            (3, "motorway"),
            (4, "park or greenery"),
            (5, "water"),
            (6, "school or hospital ground"),
            (7, "airport or large paved site"),
        ],
        &[],
    )
    .labelling(BUILDING, &[1], &[0, 2, 3, 4, 5])
    .labelling(ROAD, &[2, 3], &[0, 1, 4, 5])
    .labelling(MOTORWAY, &[3], &[0, 1, 2, 4, 5])
    .labelling(WATER, &[5], &[1, 2, 3])
    .ruling_out(FLOOD, &[0, 1, 2, 3, 4, 5, 6, 7])
    .ruling_out(BARE_GROUND, &[1, 2, 3, 5])
    .ruling_out(VEGETATION, &[1, 3, 5])
}

fn provenance() -> Provenance {
    Provenance {
        name: "nyc_maps".to_owned(),
        metres_per_px: Some(1.0),
        licence: "not stated: research use, not to be redistributed".to_owned(),
        credit: "pix2pix maps (Isola et al. 2017); images and maps from Google".to_owned(),
        research_only: true,
    }
}
