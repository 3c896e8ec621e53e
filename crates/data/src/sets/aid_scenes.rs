//! AID's images with what the name of a scene says about every pixel: a forest is vegetation all
//! over, and no road.
//!
//! Only such scenes label a word as are, by and large, one thing from edge to edge. Weak labels: a
//! meadow has a tree, a desert a track. They show thousands of places where the mask sets show
//! dozens.

use std::path::Path;

use crate::class_table::ClassTable;
use crate::dense_set::{DenseSet, Split};
use crate::error::DataError;
use crate::sets::aid_rsicd::AidRsicd;
use crate::words::{BARE_GROUND, BUILDING, FLOOD, ROAD, VEGETATION, WATER};

/// What an AID image shows from edge to edge: the words, the scenes that are it, and the scenes
/// that hold none of it worth mentioning.
const WORDS: &[(&[&str], &[&str], &[&str])] = &[
    (BARE_GROUND, &["bare land", "desert"], &["forest", "meadow", "parking"]),
    (VEGETATION, &["forest", "meadow"], &["desert"]),
    (&["forest", "woodland", "dense trees"], &["forest"], WITHOUT_TREES),
    (
        &["meadow", "grassland", "pasture"],
        &["meadow"],
        &[
            "beach",
            "commercial",
            "dense residential",
            "desert",
            "forest",
            "industrial",
            "parking",
            "port",
            "storage tanks",
        ],
    ),
    (
        &["farmland", "cropland", "farm fields", "agricultural land"],
        &["farmland"],
        &[
            "airport",
            "beach",
            "center",
            "commercial",
            "dense residential",
            "desert",
            "forest",
            "industrial",
            "mountain",
            "parking",
            "port",
            "square",
            "stadium",
        ],
    ),
    (
        &["desert", "sand dunes"],
        &["desert"],
        &[
            "airport",
            "bridge",
            "commercial",
            "dense residential",
            "farmland",
            "forest",
            "industrial",
            "meadow",
            "medium residential",
            "parking",
            "pond",
            "port",
            "river",
            "school",
        ],
    ),
    (
        &["mountain", "mountains", "mountain ridges"],
        &["mountain"],
        &[
            "airport",
            "beach",
            "center",
            "commercial",
            "dense residential",
            "farmland",
            "industrial",
            "meadow",
            "medium residential",
            "parking",
            "port",
            "stadium",
        ],
    ),
    (
        &["parking lot", "car park", "parked cars"],
        &["parking"],
        &[
            "bare land",
            "beach",
            "desert",
            "farmland",
            "forest",
            "meadow",
            "mountain",
            "pond",
            "river",
        ],
    ),
];
const WITHOUT_TREES: &[&str] = &[
    "airport",
    "bare land",
    "commercial",
    "dense residential",
    "desert",
    "industrial",
    "meadow",
    "parking",
    "port",
    "square",
    "storage tanks",
];

/// Words that no scene is from edge to edge, and scenes that show none of it worth mentioning. No
/// AID image is of a flood; river, pond and shore are left open, as elsewhere.
const RULED_OUT: &[(&[&str], &[&str])] = &[
    (
        WATER,
        &[
            "bare land",
            "dense residential",
            "desert",
            "forest",
            "meadow",
            "medium residential",
            "parking",
        ],
    ),
    (ROAD, &["beach", "desert", "forest", "meadow", "mountain"]),
    (BUILDING, &["bare land", "beach", "desert", "forest", "meadow", "mountain", "parking"]),
    (
        FLOOD,
        &[
            "airport",
            "bare land",
            "baseball field",
            "center",
            "church",
            "commercial",
            "dense residential",
            "desert",
            "farmland",
            "forest",
            "industrial",
            "meadow",
            "medium residential",
            "mountain",
            "parking",
            "playground",
            "railway station",
            "school",
            "sparse residential",
            "square",
            "stadium",
            "storage tanks",
            "viaduct",
        ],
    ),
];

/// Opens the folder `aid_rsicd` as a set of which every pixel of an image has the index of its
/// scene.
pub fn open(root: &Path) -> Result<DenseSet, DataError> {
    let set = AidRsicd::open(root)?;
    let mut images = Vec::new();
    for split in [Split::Train, Split::Val] {
        for (index, id) in set.images().ids(split).enumerate() {
            let path = set.images().image_path(split, index).to_owned();
            images.push((split, id.to_owned(), path, set.scene(split, index) as u8));
        }
    }
    Ok(DenseSet::of_scenes(set.images().provenance().clone(), classes(set.scenes()), images))
}

/// What `scenes` say, an index each in their order. Scenes that the tables of this file do not
/// mention are no statement about anything.
pub fn classes(scenes: &[String]) -> ClassTable {
    let ids = |names: &[&str]| -> Vec<u8> {
        scenes
            .iter()
            .enumerate()
            .filter(|(_, scene)| names.contains(&scene.as_str()))
            .map(|(id, _)| id as u8)
            .collect()
    };
    let indices: Vec<(u8, &str)> =
        scenes.iter().enumerate().map(|(id, scene)| (id as u8, scene.as_str())).collect();
    let table = ClassTable::exclusive(&indices, &[]);
    let table = WORDS.iter().fold(table, |table, (words, are, are_not)| {
        table.labelling(words, &ids(are), &ids(are_not))
    });
    RULED_OUT.iter().fold(table, |table, (words, are_not)| table.ruling_out(words, &ids(are_not)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class_table::{NEGATIVE, POSITIVE, UNLABELLED};
    use crate::fixtures;

    const SCENES: [&str; 30] = [
        "airport",
        "bare land",
        "baseball field",
        "beach",
        "bridge",
        "center",
        "church",
        "commercial",
        "dense residential",
        "desert",
        "farmland",
        "forest",
        "industrial",
        "meadow",
        "medium residential",
        "mountain",
        "park",
        "parking",
        "playground",
        "pond",
        "port",
        "railway station",
        "resort",
        "river",
        "school",
        "sparse residential",
        "square",
        "stadium",
        "storage tanks",
        "viaduct",
    ];

    #[test]
    fn every_scene_that_a_table_names_is_one_of_the_thirty() {
        let named = WORDS.iter().flat_map(|(_, are, are_not)| are.iter().chain(*are_not));
        for scene in named.chain(RULED_OUT.iter().flat_map(|(_, are_not)| *are_not)) {
            assert!(SCENES.contains(scene), "{scene}");
        }
        for (words, are, are_not) in WORDS {
            assert!(!are.iter().any(|scene| are_not.contains(scene)), "{words:?}");
        }
    }

    #[test]
    fn a_scene_says_what_it_is_what_it_is_not_and_nothing_more() {
        let table = classes(&SCENES.map(str::to_owned));
        let says = |query: &str, scene: &str| {
            let id = SCENES.iter().position(|name| *name == scene).unwrap();
            table.targets(query).unwrap()[id]
        };
        assert_eq!(says("woodland", "forest"), POSITIVE);
        assert_eq!(says("vegetation", "forest"), POSITIVE);
        assert_eq!(says("vegetation", "park"), UNLABELLED);
        assert_eq!(says("flood", "square"), NEGATIVE);
        assert_eq!(says("flood", "river"), UNLABELLED);
        assert!(table.concept("flood").is_none(), "nobody can be evaluated on it");
        assert_eq!(table.targets("zebra"), None);
    }

    #[test]
    fn every_pixel_of_an_image_has_its_scene() {
        let folder = tempfile::tempdir().unwrap();
        let set = open(&fixtures::aid_rsicd(folder.path()).unwrap()).unwrap();
        for index in 0..set.len(Split::Val) {
            let sample = set.sample(Split::Val, index).unwrap();
            let name = set.classes().class_name(sample.mask.ids[0]).unwrap();
            assert_eq!(name.starts_with("river"), sample.id.starts_with("River"));
            assert!(sample.mask.ids.iter().all(|&id| id == sample.mask.ids[0]));
        }
    }
}
