//! The sets of this crate by name.

use std::path::Path;

use crate::dense_set::DenseSet;
use crate::error::DataError;
use crate::folder::{self, CLASSES_FILE};
use crate::protocol::Protocol;
use crate::{aid_scenes, dubai, flood_area, naip_urban_trees, oam_buildings};
use crate::{deep_globe, fast, flair, flood_net, land_discover, love_da, open_earth_map, ovrsis, potsdam, samrs};

/// Names of the sets with masks, which are also their folders' names under the data folder.
pub const NAMES: [&str; 4] = ["dubai", "oam_buildings", "naip_urban_trees", "flood_area"];

/// AID's pictures, labelled by their scene: weak labels to train on, nothing to evaluate on.
pub const SCENES: &str = "aid_rsicd";

/// Names of the sets that papers of the field train and evaluate on, which are also the folders their publishers unpack
/// to. They are used where they are asked for by name.
pub const PUBLISHED: [&str; 12] = [
    "LandDiscover50K",
    "FLAIR",
    "FAST",
    "Potsdam",
    "PotsdamSplit",
    "FloodNet",
    "LoveDA",
    "OpenEarthMap",
    "OVRSIS95K",
    "DeepGlobe",
    "SOTA",
    "SIOR",
];

/// Opens the set `name`, one of [`NAMES`], [`SCENES`] or [`PUBLISHED`], in the folder of that name under `data_root`. Any other folder there is a set of
/// one's own, if it holds a `classes.txt`: see [`folder`].
pub fn open(name: &str, data_root: &Path) -> Result<DenseSet, DataError> {
    let root = data_root.join(name);
    match name {
        "dubai" => dubai::open(&root),
        "oam_buildings" => oam_buildings::open(&root),
        "naip_urban_trees" => naip_urban_trees::open(&root),
        "flood_area" => flood_area::open(&root),
        SCENES => aid_scenes::open(&root),
        "LandDiscover50K" => land_discover::open(&root),
        "FLAIR" => flair::open(&root),
        "FAST" => fast::open(&root),
        "Potsdam" => potsdam::open(&root),
        "PotsdamSplit" => potsdam::open_split(&root),
        "FloodNet" => flood_net::open(&root),
        "LoveDA" => love_da::open(&root),
        "OpenEarthMap" => open_earth_map::open(&root),
        "OVRSIS95K" => ovrsis::open(&root),
        "DeepGlobe" => deep_globe::open(&root),
        "SOTA" => samrs::open_sota(&root),
        "SIOR" => samrs::open_sior(&root),
        _ if root.join(CLASSES_FILE).is_file() => folder::open(&root),
        unknown => Err(DataError::UnknownSet {
            name: unknown.to_owned(),
            known: format!("{}, {SCENES}, {}", NAMES.join(", "), PUBLISHED.join(", ")),
        }),
    }
}

/// The published evaluation of a set, which also says which of its words are base and which novel; none for sets that papers do not compare on.
pub fn protocol(name: &str) -> Option<&'static Protocol> {
    match name {
        "FLAIR" => Some(&flair::PROTOCOL),
        "FAST" => Some(&fast::PROTOCOL),
        "Potsdam" | "PotsdamSplit" => Some(&potsdam::PROTOCOL),
        "FloodNet" => Some(&flood_net::PROTOCOL),
        _ => None,
    }
}
