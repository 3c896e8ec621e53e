//! The sets of this crate by name.

use std::collections::BTreeSet;
use std::path::Path;

use crate::dense_set::{DenseSet, Split};
use crate::error::DataError;
use crate::folder::{self, CLASSES_FILE};
use crate::mask::IGNORE;
use crate::protocol::Protocol;
use crate::sets::{aid_scenes, dubai, flood_area, naip_urban_trees, oam_buildings};
use crate::sets::{
    bijie_landslide, cars_boxes, cil_roads, dead_trees, gsi_road, gsi_solar, ma_roads,
    neon_tree_boxes, nyc_maps,
};
use crate::sets::{
    deep_globe, fast, flair, flood_net, land_discover, love_da, open_earth_map, ovrsis, potsdam,
    samrs,
};

/// Names of the sets with masks, which are also their folders' names under the data folder.
pub const NAMES: [&str; 4] = ["dubai", "oam_buildings", "naip_urban_trees", "flood_area"];

/// Sets that label one or a few things, or weakly. They are used where they are asked for by name.
pub const NARROW: [&str; 9] = [
    "nyc_maps",
    "cil_roads",
    "ma_roads",
    "gsi_road",
    "gsi_solar",
    "dead_trees",
    "bijie_landslide",
    "cars_boxes",
    "neon_tree_boxes",
];

/// AID's images, labelled by their scene: weak labels to train on, nothing to evaluate on.
pub const SCENES: &str = "aid_rsicd";

/// Names of the sets that papers of the field train and evaluate on, which are also the folders
/// their publishers unpack to. They are used where they are asked for by name.
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

/// Opens the set `name`, one of [`NAMES`], [`NARROW`], [`SCENES`], [`PUBLISHED`] or
/// [`land_discover::PARTS`], in the folder of that name under `data_root`. Any other folder there
/// is a set of one's own, if it holds a `classes.txt`: see [`folder`].
pub fn open(name: &str, data_root: &Path) -> Result<DenseSet, DataError> {
    let root = data_root.join(name);
    match name {
        "dubai" => dubai::open(&root),
        "oam_buildings" => oam_buildings::open(&root),
        "naip_urban_trees" => naip_urban_trees::open(&root),
        "flood_area" => flood_area::open(&root),
        "nyc_maps" => nyc_maps::open(&root),
        "cil_roads" => cil_roads::open(&root),
        "ma_roads" => ma_roads::open(&root),
        "gsi_road" => gsi_road::open(&root),
        "gsi_solar" => gsi_solar::open(&root),
        "dead_trees" => dead_trees::open(&root),
        "bijie_landslide" => bijie_landslide::open(&root),
        "cars_boxes" => cars_boxes::open(&root),
        "neon_tree_boxes" => neon_tree_boxes::open(&root),
        SCENES => aid_scenes::open(&root),
        "LandDiscover50K" => land_discover::open(&root),
        part if land_discover::PARTS.contains(&part) => {
            land_discover::open_part(&data_root.join("LandDiscover50K"), part)
        }
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
        _ => Err(DataError::UnknownSet {
            path: root,
            known: format!(
                "{}, {}, {SCENES}, {}, {}",
                NAMES.join(", "),
                NARROW.join(", "),
                PUBLISHED.join(", "),
                land_discover::PARTS.join(", ")
            ),
        }),
    }
}

/// The published evaluation of a set, which also says which of its words are base and which novel;
/// none for sets that papers do not compare on.
pub fn protocol(name: &str) -> Option<&'static Protocol> {
    match name {
        "FLAIR" => Some(&flair::PROTOCOL),
        "FAST" => Some(&fast::PROTOCOL),
        "Potsdam" | "PotsdamSplit" => Some(&potsdam::PROTOCOL),
        "FloodNet" => Some(&flood_net::PROTOCOL),
        _ => None,
    }
}

/// What a person must know of a copy of a published set that holds more or fewer images than its
/// publishers give out; none where all is as it should be, and where their count is not known. A
/// split that the copy leaves out whole is no difference: GSNet's copy of `FloodNet` has no
/// training part.
pub fn count_note(set: &DenseSet) -> Option<String> {
    let differs = |(split, published): (Split, usize)| {
        let found = set.len(split);
        let part = format!("{split:?}").to_lowercase();
        (found > 0 && found != published)
            .then(|| format!("{found} images in {part}, published are {published}"))
    };
    let differing: Vec<String> =
        published_counts(set.name()).iter().copied().filter_map(differs).collect();
    (!differing.is_empty())
        .then(|| format!("{}: {} (incomplete copy?)", set.name(), differing.join("; ")))
}

/// Masks of a set that [`label_note`] looks at, spread over the training split.
const MASKS_LOOKED_AT: usize = 16;

/// What a person must know of a set whose training masks seem to hold nothing of what it has
/// classes for: masks of two colours, 0 and 255, are common, and there 255 stands for unknown. None
/// where a class was seen, and where masks are no indices or cannot be read, which training tells
/// by itself.
pub fn label_note(set: &DenseSet) -> Option<String> {
    let count = set.len(Split::Train);
    let places = (0..count).step_by(count.div_ceil(MASKS_LOOKED_AT).max(1));
    let masks: Vec<BTreeSet<u8>> =
        places.map(|index| set.stored_indices(Split::Train, index)).collect::<Option<_>>()?;
    let found: BTreeSet<u8> = masks.iter().flatten().copied().collect();
    let is_labelled = set
        .classes()
        .concepts()
        .iter()
        .any(|concept| concept.positive.iter().any(|id| found.contains(id)));
    (!is_labelled && !masks.is_empty()).then(|| {
        let ids: Vec<String> = found.iter().map(u8::to_string).collect();
        format!(
            "{}: expected masks with some of its classes, found only {} in the {} looked at \
             ({IGNORE} stands for unknown: a mask of two colours has to hold \
             the index of its class instead)",
            set.name(),
            ids.join(" and "),
            masks.len()
        )
    })
}

/// Sources: `GSNet` for `LandDiscover50K` and its sources, the list of test patches in
/// IGNF/FLAIR-1, ISPRS, `FloodNet`'s, `LoveDA`'s and `OpenEarthMap`'s own pages. `FAST` publishes
/// the count of all its parts alone, and how `GSNet` cut Potsdam is open.
fn published_counts(name: &str) -> &'static [(Split, usize)] {
    match name {
        "LandDiscover50K" => &[(Split::Train, 51_846)],
        "FLAIR" => &[(Split::Val, 15_700)],
        "Potsdam" => &[(Split::Train, 23), (Split::Val, 14)],
        "FloodNet" => &[(Split::Train, 1_445), (Split::Val, 898)],
        "LoveDA" => &[(Split::Train, 2_522), (Split::Val, 1_669)],
        "OpenEarthMap" => &[(Split::Train, 3_000), (Split::Val, 500)],
        "DeepGlobe" => &[(Split::Train, 803)],
        "SOTA" => &[(Split::Train, 17_480)],
        "SIOR" => &[(Split::Train, 23_463)],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn a_copy_with_another_count_is_noted_with_both() {
        let folder = tempfile::tempdir().unwrap();
        fixtures::flood_net(folder.path()).unwrap();
        let note = count_note(&open("FloodNet", folder.path()).unwrap());
        let expected = "FloodNet: 3 images in train, published are 1445; 3 images in val, \
            published are 898 (incomplete copy?)";
        assert_eq!(note.as_deref(), Some(expected));
        fixtures::fast(folder.path()).unwrap();
        assert_eq!(count_note(&open("FAST", folder.path()).unwrap()), None, "not known");
    }

    #[test]
    fn masks_of_two_colours_are_noted() {
        let folder = tempfile::tempdir().unwrap();
        let root = fixtures::folder(folder.path()).unwrap();
        assert_eq!(label_note(&open("own_set", folder.path()).unwrap()), None);
        for name in ["a", "b", "c"] {
            let mask = image::GrayImage::from_fn(16, 12, |x, _| {
                image::Luma([if x < 8 { 0 } else { IGNORE }])
            });
            mask.save(root.join("masks").join(name).with_extension("png")).unwrap();
        }
        let note = label_note(&open("own_set", folder.path()).unwrap()).unwrap();
        assert!(
            note.starts_with(
                "own_set: expected masks with some of its classes, found only 0 and 255 in the 2"
            ),
            "{note}"
        );
    }

    #[test]
    fn a_set_that_is_not_there_is_named_with_its_folder() {
        let message = open("tarp", Path::new("nowhere")).unwrap_err().to_string();
        assert!(message.starts_with("nowhere/tarp: expected one of the sets dubai, "), "{message}");
    }

    #[test]
    fn a_split_that_a_copy_leaves_out_is_no_difference() {
        let folder = tempfile::tempdir().unwrap();
        fixtures::flood_net_held_out(folder.path()).unwrap();
        let note = count_note(&open("FloodNet", folder.path()).unwrap()).unwrap();
        assert!(!note.contains("train") && note.contains("2 images in val"), "{note}");
    }
}
