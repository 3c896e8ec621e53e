//! The readers of the sets that label one or a few things, on their fake copies.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests; the lint knows functions marked as such alone"
)]

use std::path::{Path, PathBuf};

use rszs_data::{
    DataError, DenseSet, IGNORE, NEGATIVE, POSITIVE, Split, UNLABELLED, catalogue, fixtures,
};

/// Writes the fake copy of a set below the folder and returns the set's own folder.
type Write = fn(&Path) -> Result<PathBuf, DataError>;

fn open(write: Write) -> (tempfile::TempDir, PathBuf, DenseSet) {
    let folder = tempfile::tempdir().unwrap();
    let root = write(folder.path()).unwrap();
    let set = reopen(&root).unwrap();
    (folder, root, set)
}

/// Opens the set of the name that its folder has.
fn reopen(root: &Path) -> Result<DenseSet, DataError> {
    catalogue::open(root.file_name().unwrap().to_str().unwrap(), root.parent().unwrap())
}

fn ids(set: &DenseSet) -> [Vec<&str>; 2] {
    [Split::Train, Split::Val].map(|split| set.ids(split).collect())
}

/// Targets of the first indices for `query`.
fn targets<const N: usize>(set: &DenseSet, query: &str) -> [u8; N] {
    set.classes().targets(query).unwrap()[..N].try_into().unwrap()
}

#[test]
fn every_narrow_set_has_a_fixture_that_decodes_and_a_concept_that_it_shows() {
    let fixtures: [Write; 9] = [
        fixtures::nyc_maps,
        fixtures::cil_roads,
        fixtures::ma_roads,
        fixtures::gsi_road,
        fixtures::gsi_solar,
        fixtures::dead_trees,
        fixtures::bijie_landslide,
        fixtures::cars_boxes,
        fixtures::neon_tree_boxes,
    ];
    for (write, name) in fixtures.into_iter().zip(catalogue::NARROW) {
        let (_folder, _, set) = open(write);
        assert_eq!(set.name(), name);
        let concept = &set.classes().concepts()[0];
        for (split, index) in [Split::Train, Split::Val]
            .into_iter()
            .flat_map(|split| (0..set.len(split)).map(move |index| (split, index)))
        {
            let sample = set.sample(split, index).unwrap();
            assert!(
                concept.positive.iter().all(|id| sample.mask.ids.contains(id)),
                "{name}: {}",
                sample.id
            );
        }
        let dry = set.classes().targets("flood").unwrap();
        assert!(
            set.classes().classes().iter().all(|class| dry[usize::from(class.id)] == NEGATIVE),
            "{name} is dry"
        );
    }
}

#[test]
fn nyc_maps_has_motorways_that_are_roads_and_water_that_only_what_is_built_rules_out() {
    const N: u8 = NEGATIVE;
    const P: u8 = POSITIVE;
    const U: u8 = UNLABELLED;
    let (_folder, _, set) = open(fixtures::nyc_maps);
    assert_eq!(ids(&set), [vec!["train_0002", "train_0003"], vec![]]);
    assert_eq!(targets(&set, "building"), [N, P, N, N, N, N, U, U]);
    assert_eq!(targets(&set, "road"), [N, N, P, P, N, N, U, U]);
    assert_eq!(targets(&set, "highway"), [N, N, N, P, N, N, U, U]);
    assert_eq!(targets(&set, "water"), [U, N, N, N, U, P, U, U]);
    assert_eq!(targets(&set, "vegetation"), [U, N, U, N, U, N, U, U]);
    assert!(set.classes().concept("vegetation").is_none());
}

#[test]
fn a_road_is_neither_building_nor_water() {
    for write in [fixtures::cil_roads as Write, fixtures::ma_roads, fixtures::gsi_road] {
        let (_folder, _, set) = open(write);
        assert_eq!((set.len(Split::Train), set.len(Split::Val)), (2, 0));
        assert_eq!(targets(&set, "building"), [UNLABELLED, NEGATIVE]);
        assert_eq!(targets(&set, "water"), [UNLABELLED, NEGATIVE]);
        assert_eq!(set.classes().targets("vegetation"), None);
    }
}

#[test]
fn a_solar_panel_may_be_on_a_building_and_a_landslide_may_be_bare_ground() {
    let (_folder, _, set) = open(fixtures::gsi_solar);
    assert_eq!(targets(&set, "solar panels"), [NEGATIVE, POSITIVE]);
    assert_eq!(set.classes().targets("building"), None);
    let (_folder, _, set) = open(fixtures::bijie_landslide);
    assert_eq!(targets(&set, "debris flow"), [NEGATIVE, POSITIVE]);
    assert_eq!(set.classes().targets("bare ground"), None);
}

#[test]
fn dead_trees_are_split_by_state_and_say_nothing_about_vegetation() {
    let (_folder, _, set) = open(fixtures::dead_trees);
    let expected = [
        vec!["ar037_2019_n_07_05_0", "mo025_2018_n_01_01_0"],
        vec!["nm003_2018_n_01_01_0", "tx071_2018_n_01_01_0"],
    ];
    assert_eq!(ids(&set), expected);
    assert_eq!(set.classes().targets("vegetation"), None);
}

#[test]
fn cars_are_split_by_street_and_their_boxes_become_cores() {
    let (_folder, root, set) = open(fixtures::cars_boxes);
    assert_eq!(ids(&set), [vec!["MOS74", "MunichStreet02-MOS74"], vec!["MOS155"]]);
    let mask = set.sample(Split::Val, 0).unwrap().mask.clone();
    assert_eq!([mask.id(0, 0), mask.id(3, 3), mask.id(13, 8), mask.id(9, 2)], [IGNORE, 1, 3, 0]);
    assert_eq!(
        targets(&set, "vehicle"),
        [NEGATIVE, POSITIVE, UNLABELLED, UNLABELLED, UNLABELLED, UNLABELLED]
    );
    assert!(set.files().any(|file| file == root.join("boxes.jsonl")));
}

#[test]
fn crowns_are_trees_and_vegetation_and_the_border_is_open() {
    let (_folder, _, set) = open(fixtures::neon_tree_boxes);
    assert_eq!(ids(&set), [vec!["HARV_022", "SJER_002"], vec!["OSBS_022"]]);
    let mask = set.sample(Split::Val, 0).unwrap().mask.clone();
    assert_eq!(
        [mask.id(3, 22), mask.id(18, 18), mask.id(23, 22), mask.id(30, 22)],
        [IGNORE, IGNORE, 1, 0]
    );
    assert_eq!(targets(&set, "vegetation"), [UNLABELLED, POSITIVE]);
}

#[test]
fn an_image_without_a_line_a_line_without_an_image_and_another_size_are_named() {
    let (_folder, root, _) = open(fixtures::cars_boxes);
    let list = root.join("boxes.jsonl");
    let text = std::fs::read_to_string(&list).unwrap();
    let error = |text: String| {
        std::fs::write(&list, text).unwrap();
        reopen(&root).unwrap_err().to_string()
    };
    let first_line = text.lines().next().unwrap();
    let missing = error(text.replacen(&format!("{first_line}\n"), "", 1));
    assert!(
        missing.contains("boxes.jsonl: expected one line an image, found none for"),
        "{missing}"
    );
    let twice = error(format!("{text}{first_line}\n"));
    assert!(twice.contains("found MOS155.jpg twice"), "{twice}");
    let foreign = error(format!("{text}{}\n", first_line.replace("MOS155", "MOS999")));
    assert!(foreign.contains("MOS999.jpg: expected the image of a line"), "{foreign}");
    std::fs::write(&list, text.replace("\"w\": 16", "\"w\": 15")).unwrap();
    let size = reopen(&root).unwrap().sample(Split::Val, 0).unwrap_err().to_string();
    assert!(size.contains("found 15x12"), "{size}");
}
