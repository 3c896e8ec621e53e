//! Vehicles on the streets of Munich at 5 to 15 cm: 65 aerial images with boxes.

use std::path::Path;

use crate::boxes::{BoxPaint, Core};
use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Provenance, Split};
use crate::error::DataError;
use crate::words::{BARE_GROUND, BUILDING, BUS, CAR, FLOOD, TRUCK, VEGETATION, WATER};

const NAMES: [(&str, u8); 5] =
    [("car", 1), ("truck", 2), ("bus", 3), ("minibus", 4), ("cyclist", 5)];
const PAINT: BoxPaint =
    BoxPaint { core: Core::Vehicle { straight: 0.8, turned: 0.5 }, border_px: 0 };

/// Number of the first frame of the street that is validation.
const FIRST_VAL: u32 = 155;

/// Opens the folder `cars_boxes`. `MOS155` and later frames are one street, which is validation;
/// frames 74 to 93 show a crossroad (`MOS74`) and a street (`MunichStreet02-MOS74`) from the same
/// flight, and train.
pub fn open(root: &Path) -> Result<DenseSet, DataError> {
    let is_val =
        |id: &str| id.strip_prefix("MOS").and_then(|number| number.parse().ok()) >= Some(FIRST_VAL);
    let split = |id: &str| if is_val(id) { Split::Val } else { Split::Train };
    DenseSet::of_boxes(root, provenance(), classes(), &NAMES, |_| PAINT, split)
}

/// "car", "truck" and "bus" are labelled. "vehicle" is a synonym of "car", so nothing is said about
/// cars where there is another vehicle. Whether a vehicle is on a road is left open.
pub fn classes() -> ClassTable {
    ClassTable::exclusive(
        &[(0, "other"), (1, "car"), (2, "truck"), (3, "bus"), (4, "minibus"), (5, "cyclist")],
        &[],
    )
    .labelling(CAR, &[1], &[0])
    .labelling(TRUCK, &[2], &[0, 1, 5])
    .labelling(BUS, &[3], &[0, 1, 5])
    .ruling_out(FLOOD, &[0, 1, 2, 3, 4, 5])
    .ruling_out(WATER, &[1, 2, 3, 4, 5])
    .ruling_out(BARE_GROUND, &[1, 2, 3, 4, 5])
    .ruling_out(BUILDING, &[1, 2, 3, 4, 5])
    .ruling_out(VEGETATION, &[1, 2, 3, 4, 5])
}

fn provenance() -> Provenance {
    Provenance {
        name: "cars_boxes".to_owned(),
        metres_per_px: Some(0.1),
        licence: "CC BY 3.0".to_owned(),
        credit: "KIT AIS Vehicle Data Set, Karlsruhe Institute of Technology".to_owned(),
        research_only: false,
    }
}
