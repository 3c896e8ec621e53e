//! Dubai: 54 satellite images of nine places, every pixel labelled with one of five classes.

use std::path::Path;

use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Provenance, Split};
use crate::error::DataError;
use crate::words::{BARE_GROUND, BUILDING, FLOOD, ROAD, VEGETATION, WATER};

/// Opens the folder `dubai`. Tile 2 is validation; tiles 3, 5, 6, 7 and 8 train: a tile is a place,
/// and no place is in both.
pub fn open(root: &Path) -> Result<DenseSet, DataError> {
    let split = |id: &str, _| if id.starts_with("tile2_") { Split::Val } else { Split::Train };
    DenseSet::open(root, provenance(), classes(), split)
}

/// All five classes can be asked for, and each is a negative for the other four.
///
/// "bare ground" is what the set calls land: unpaved and without plants. The city was not flooded;
/// whether its water is a flood is left open.
pub fn classes() -> ClassTable {
    ClassTable::exclusive(
        &[(1, "water"), (2, "land"), (3, "road"), (4, "building"), (5, "vegetation")],
        &[(1, WATER), (2, BARE_GROUND), (3, ROAD), (4, BUILDING), (5, VEGETATION)],
    )
    .ruling_out(FLOOD, &[2, 3, 4, 5])
}

fn provenance() -> Provenance {
    Provenance {
        name: "dubai".to_owned(),
        metres_per_px: None,
        licence: "CC BY 4.0 by one repackage, CC0 by others".to_owned(),
        credit: "Humans in the Loop and the Mohammed Bin Rashid Space Centre".to_owned(),
        research_only: false,
    }
}
