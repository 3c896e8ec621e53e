//! The sets of this crate by name.

use std::path::Path;

use crate::dense_set::DenseSet;
use crate::error::DataError;
use crate::{aid_scenes, dubai, flood_area, naip_urban_trees, oam_buildings};

/// Names of the sets with masks, which are also their folders' names under the data folder.
pub const NAMES: [&str; 4] = ["dubai", "oam_buildings", "naip_urban_trees", "flood_area"];

/// AID's pictures, labelled by their scene: weak labels to train on, nothing to evaluate on.
pub const SCENES: &str = "aid_rsicd";

/// Opens the set `name`, one of [`NAMES`] or [`SCENES`], in the folder of that name under `data_root`.
pub fn open(name: &str, data_root: &Path) -> Result<DenseSet, DataError> {
    let root = data_root.join(name);
    match name {
        "dubai" => dubai::open(&root),
        "oam_buildings" => oam_buildings::open(&root),
        "naip_urban_trees" => naip_urban_trees::open(&root),
        "flood_area" => flood_area::open(&root),
        SCENES => aid_scenes::open(&root),
        unknown => {
            Err(DataError::UnknownSet { name: unknown.to_owned(), known: format!("{}, {SCENES}", NAMES.join(", ")) })
        }
    }
}
