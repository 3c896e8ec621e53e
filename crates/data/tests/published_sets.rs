//! The readers of the published sets on their fake copies: splits, what a pixel says, and what is
//! refused with which words.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests; the lint knows functions marked as such alone"
)]

use std::path::{Path, PathBuf};

use rszs_data::{
    DataError, DenseSet, IGNORE, IndexMask, NEGATIVE, POSITIVE, RgbImage, Split, UNLABELLED,
    catalogue, fixtures,
};

/// Writes the fake copy of a set below the folder and returns the set's own folder.
type Write = fn(&Path) -> Result<PathBuf, DataError>;

/// A copy on disk and the set that it opens as.
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

fn error(root: &Path) -> String {
    reopen(root).unwrap_err().to_string()
}

/// The ids of both splits.
fn ids(set: &DenseSet) -> [Vec<&str>; 2] {
    [Split::Train, Split::Val].map(|split| set.ids(split).collect())
}

/// What the pixel of mask index `id` says about `query`. In a fake copy, that pixel is number `id`.
fn says(set: &DenseSet, split: Split, id: u8, query: &str) -> u8 {
    let sample = set.sample(split, 0).unwrap();
    assert_eq!(sample.mask.ids[usize::from(id)], id, "{}", set.name());
    set.classes().targets(query).unwrap()[usize::from(sample.mask.ids[usize::from(id)])]
}

/// Every sample decodes, and every concept is positive on its own index alone.
fn check(set: &DenseSet, indices: u8) {
    for split in [Split::Train, Split::Val] {
        for index in 0..set.len(split) {
            let sample = set.sample(split, index).unwrap();
            assert!(
                (0..indices).all(|id| sample.mask.ids.contains(&id)),
                "{}: {}",
                set.name(),
                sample.id
            );
        }
    }
    for concept in set.classes().concepts() {
        let targets = concept.targets();
        let shown: Vec<usize> = (0..256).filter(|&id| targets[id] == POSITIVE).collect();
        assert_eq!(shown.len(), 1, "{}: {}", set.name(), concept.name);
        let class = set.classes().class_name(shown[0] as u8).unwrap();
        assert_eq!(class, concept.name, "{}", set.name());
    }
}

#[test]
fn land_discover_trains_and_its_background_is_none_of_the_39() {
    let (_folder, _, set) = open(fixtures::land_discover);
    assert_eq!(ids(&set), [vec!["00001", "P0000_0", "aachen_1"], vec![]]);
    check(&set, 40);
    assert_eq!(set.classes().concepts().len(), 39);
    assert_eq!(says(&set, Split::Train, 32, "expresswalltoll station"), POSITIVE);
    assert_eq!(says(&set, Split::Train, 8, "buildings"), POSITIVE);
    assert_eq!(says(&set, Split::Train, 0, "buildings"), NEGATIVE);
    assert_eq!(set.classes().targets("background"), None);
}

#[test]
fn flair_is_held_out_and_its_other_counts_nowhere() {
    let (_folder, _, set) = open(fixtures::flair);
    assert_eq!(ids(&set), [vec![], vec!["062613", "062614"]]);
    check(&set, 13);
    assert_eq!(set.classes().concepts().len(), 12);
    assert_eq!(says(&set, Split::Val, 11, "plowed land"), POSITIVE);
    assert_eq!(says(&set, Split::Val, 2, "pervious-surface"), NEGATIVE);
    assert_eq!(says(&set, Split::Val, 12, "building"), UNLABELLED);
}

#[test]
fn flair_is_the_same_from_gsnet_and_from_ign() {
    let (_folder, root, tiff) = open(fixtures::flair_tiff);
    let (_other, _, png) = open(fixtures::flair);
    assert_eq!(ids(&tiff), ids(&png));
    assert_eq!(tiff.sample(Split::Val, 1).unwrap(), png.sample(Split::Val, 1).unwrap());
    let mask = root.join("flair_1_labels_test/D012_2019/Z10_UU/msk/MSK_062613.tif");
    let stored = IndexMask::read(&mask).unwrap();
    assert_eq!((stored.ids[0], stored.ids[11], stored.ids[12]), (1, 12, 13), "as IGN counts");
    IndexMask::filled(16, 12, 20).write_png(&mask).unwrap();
    let message = reopen(&root).unwrap().sample(Split::Val, 0).unwrap_err().to_string();
    assert!(message.contains("18, 19, found 20 at x 0, y 0"), "{message}");
    std::fs::remove_file(&mask).unwrap();
    assert!(error(&root).contains("MSK_062613.tif: expected this file beside"), "{}", error(&root));
}

#[test]
fn sources_of_land_discover_train_whole_and_say_nothing_of_what_has_no_label() {
    let (_folder, root, set) = open(fixtures::deep_globe);
    assert_eq!(ids(&set), [vec!["119", "998002"], vec![]]);
    check(&set, 7);
    assert_eq!(says(&set, Split::Train, 0, "urban land"), POSITIVE);
    assert_eq!(says(&set, Split::Train, 6, "urban land"), UNLABELLED);
    let mask = root.join("train/119_mask.png");
    let mut image = RgbImage::read(&mask).unwrap();
    image.set_pixel(4, 2, [200, 20, 20]);
    image.write_png(&mask).unwrap();
    let message = reopen(&root).unwrap().sample(Split::Train, 0).unwrap_err().to_string();
    assert!(message.contains("found (255, 0, 0) at x 4, y 2"), "{message}");

    let (_folder, _, set) = open(fixtures::sota);
    assert_eq!(ids(&set), [vec!["P0000__1024__0___0", "P0000__1024__0___824"], vec![]]);
    check(&set, 18);
    assert_eq!(says(&set, Split::Train, 17, "helipad"), POSITIVE);
    assert_eq!(set.sample(Split::Train, 0).unwrap().mask.ids.last(), Some(&IGNORE));

    let (_folder, root, set) = open(fixtures::sior);
    assert_eq!(ids(&set), [vec!["00001", "00002", "11726"], vec![]]);
    check(&set, 20);
    assert_eq!(says(&set, Split::Train, 19, "windmill"), POSITIVE);
    std::fs::copy(
        root.join("JPEGImages-trainval/00001.jpg"),
        root.join("JPEGImages-test/00001.jpg"),
    )
    .unwrap();
    assert!(
        error(&root).contains("00001.jpg: expected one image a name, found"),
        "{}",
        error(&root)
    );
}

#[test]
fn fast_is_the_same_in_gray_in_colour_and_in_one_folder() {
    let (_folder, root, gray) = open(fixtures::fast);
    let (_other, in_colours, colour) = open(fixtures::fast_in_colours);
    let painted =
        RgbImage::read(&in_colours.join("val/semlabels/color/1__600__0___0.png")).unwrap();
    let literals = [
        (0, [0, 127, 255]),
        (15, [64, 191, 127]),
        (20, [255, 127, 0]),
        (32, [100, 155, 0]),
        (36, [0, 191, 64]),
    ];
    for (at, expected) in literals.into_iter().chain([(191, [255; 3])]) {
        assert_eq!(
            painted.pixel(at % 16, at / 16),
            expected,
            "pixel {at}: index {at}, the last unlabelled"
        );
    }
    assert_eq!(ids(&gray), [vec![], vec!["1__600__0___0", "2__600__450___0"]]);
    check(&gray, 37);
    assert_eq!(says(&gray, Split::Val, 0, "A220"), POSITIVE);
    assert_eq!(says(&gray, Split::Val, 36, "Warship"), POSITIVE);
    assert_eq!(says(&gray, Split::Val, 25, "other-airplane"), NEGATIVE);
    let first = gray.sample(Split::Val, 0).unwrap();
    assert_eq!(first.mask.ids.last(), Some(&IGNORE));
    assert_eq!(first.mask, colour.sample(Split::Val, 0).unwrap().mask);
    for name in ["1__600__0___0.png", "2__600__450___0.png"] {
        std::fs::rename(
            root.join("val/semlabels/gray").join(name),
            root.join("val/semlabels").join(name),
        )
        .unwrap();
    }
    std::fs::remove_dir(root.join("val/semlabels/gray")).unwrap();
    assert_eq!(reopen(&root).unwrap().sample(Split::Val, 0).unwrap().mask, first.mask);
}

#[test]
fn potsdam_tiles_are_split_by_name_and_the_broken_one_is_left_out() {
    let (_folder, _, set) = open(fixtures::potsdam);
    assert_eq!(ids(&set), [vec!["2_10", "6_9"], vec!["7_13"]]);
    check(&set, 6);
    assert_eq!(set.classes().concepts().len(), 5);
    assert_eq!(says(&set, Split::Val, 0, "impervious surface"), POSITIVE);
    assert_eq!(says(&set, Split::Train, 4, "car"), POSITIVE);
    assert_eq!(says(&set, Split::Train, 3, "low vegetation"), NEGATIVE);
    assert_eq!(says(&set, Split::Train, 5, "building"), UNLABELLED, "clutter");
    assert_eq!(set.sample(Split::Train, 0).unwrap().mask.ids.last(), Some(&IGNORE), "an outline");
}

#[test]
fn potsdam_masks_with_boundary_are_read_where_the_others_are_not() {
    let (_folder, root, set) = open(fixtures::potsdam);
    let expected = set.sample(Split::Val, 0).unwrap();
    std::fs::create_dir(root.join("5_Labels_all")).unwrap();
    for tile in ["2_10", "6_9", "7_13", "4_12"] {
        let from = format!("5_Labels_all_noBoundary/top_potsdam_{tile}_label_noBoundary.tif");
        std::fs::rename(
            root.join(from),
            root.join(format!("5_Labels_all/top_potsdam_{tile}_label.tif")),
        )
        .unwrap();
    }
    std::fs::remove_dir(root.join("5_Labels_all_noBoundary")).unwrap();
    assert_eq!(reopen(&root).unwrap().sample(Split::Val, 0).unwrap(), expected);
}

#[test]
fn potsdam_small_tiles_have_both_splits_or_the_held_out_one_alone() {
    let (_folder, root, set) = open(fixtures::potsdam_split);
    assert_eq!(
        ids(&set),
        [vec!["2_10_0_0_512_512", "2_10_512_0_1024_512"], vec!["2_13_5488_0_6000_512"]]
    );
    check(&set, 6);
    assert_eq!(says(&set, Split::Val, 1, "building"), POSITIVE);
    std::fs::remove_dir_all(root.join("img_dir/train")).unwrap();
    let held_out = reopen(&root).unwrap();
    assert_eq!(ids(&held_out), [vec![], vec!["2_13_5488_0_6000_512"]]);
}

#[test]
fn potsdam_small_tiles_of_our_own_have_the_published_evaluation() {
    let (folder, _, large) = open(fixtures::potsdam);
    let small = folder.path().join("PotsdamSplit");
    let [side_px, threads] = [8, 2].map(|count| std::num::NonZeroUsize::new(count).unwrap());
    rszs_data::prepare::tiles(large, &small, side_px, threads, |_, _| {}).unwrap();
    let set = reopen(&small).unwrap();
    assert_eq!((set.name(), set.len(Split::Train), set.len(Split::Val)), ("PotsdamSplit", 8, 4));
    assert!(set.ids(Split::Val).all(|id| id.starts_with("7_13_")));
    assert_eq!(says(&set, Split::Val, 1, "building"), POSITIVE);
    std::fs::remove_file(small.join("classes.txt")).unwrap();
    assert!(error(&small).contains("was interrupted: give its command again"), "{}", error(&small));
}

#[test]
fn flood_net_holds_out_validation_and_test_and_its_background_counts_nowhere() {
    let (_folder, _, set) = open(fixtures::flood_net);
    assert_eq!(ids(&set), [vec!["10165", "6279", "6280"], vec!["6450", "6451", "6336"]]);
    check(&set, 10);
    assert_eq!(set.classes().concepts().len(), 9);
    assert_eq!(says(&set, Split::Train, 1, "building-flooded"), POSITIVE);
    assert_eq!(says(&set, Split::Train, 2, "building-flooded"), NEGATIVE);
    assert_eq!(says(&set, Split::Train, 0, "water"), UNLABELLED);
    let (_other, _, held_out) = open(fixtures::flood_net_held_out);
    assert_eq!(ids(&held_out), [vec![], vec!["6336", "6450"]]);
    check(&held_out, 10);
}

#[test]
fn love_da_has_rural_and_urban_in_both_splits_and_no_data_counts_nowhere() {
    let (_folder, _, set) = open(fixtures::love_da);
    assert_eq!(ids(&set), [vec!["0", "1366"], vec!["2522", "3514"]]);
    check(&set, 8);
    assert_eq!(says(&set, Split::Val, 5, "barren"), POSITIVE);
    assert_eq!(says(&set, Split::Val, 1, "building"), NEGATIVE);
    assert_eq!(says(&set, Split::Val, 0, "building"), UNLABELLED);
}

#[test]
fn open_earth_map_is_split_by_its_lists() {
    let (_folder, root, set) = open(fixtures::open_earth_map);
    assert_eq!(ids(&set), [vec!["aachen_1", "tokyo_7"], vec!["aachen_2"]]);
    check(&set, 9);
    assert_eq!(says(&set, Split::Train, 8, "buildings"), POSITIVE);
    assert_eq!(says(&set, Split::Train, 3, "road"), NEGATIVE);
    assert_eq!(says(&set, Split::Train, 0, "road"), UNLABELLED);
    let image = root.join("tokyo/images/tokyo_7.tif");
    std::fs::remove_file(&image).unwrap();
    let expected = format!(
        "{}: expected an image and a mask for each of 2 names, found 1 files missing, the first \
         {}",
        root.join("train.txt").display(),
        image.display()
    );
    assert_eq!(error(&root), expected);
    std::fs::write(root.join("train.txt"), "aachen_1.tif\n").unwrap();
    for name in ["aachen_2.tiff", "aachen2.tif", "../OpenEarthMap/aachen_2.tif", ".._2.tif"] {
        std::fs::write(root.join("val.txt"), name).unwrap();
        let list = root.join("val.txt");
        let expected =
            format!("{}: expected file names <region>_<number>.tif, found {name}", list.display());
        assert_eq!(error(&root), expected);
    }
}

#[test]
fn ovrsis_is_read_under_both_of_its_folder_names() {
    let (_folder, root, set) = open(fixtures::ovrsis);
    assert_eq!(ids(&set), [vec!["000001", "000002"], vec!["000003"]]);
    check(&set, 35);
    assert_eq!(set.classes().concepts().len(), 34);
    assert_eq!(says(&set, Split::Val, 33, "intersection"), POSITIVE);
    assert_eq!(says(&set, Split::Val, 34, "roof"), NEGATIVE);
    for part in ["train", "val"] {
        for (from, to) in [("img", "images"), ("mask", "annotations")] {
            std::fs::rename(root.join(part).join(from), root.join(part).join(to)).unwrap();
        }
    }
    assert_eq!(ids(&reopen(&root).unwrap()), ids(&set));
}

#[test]
fn a_missing_folder_is_named_with_the_layouts_that_are_read() {
    let (_folder, root, _) = open(fixtures::flood_net);
    std::fs::remove_dir_all(root.join("val/val-label-img")).unwrap();
    let expected = format!(
        "{}: expected train/train-org-img/*.jpg with train/train-label-img/*_lab.png, \
         val/val-org-img/*.jpg with val/val-label-img/*_lab.png, test/test-org-img/*.jpg with \
         test/test-label-img/*_lab.png; \
         or val+test/img/*.jpg with val+test/lbl/*.png; found no folder val/val-label-img (unpack \
         the set as it is published)",
        root.display()
    );
    assert_eq!(error(&root), expected);
}

#[test]
fn a_set_that_is_not_there_names_its_first_folder() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("LandDiscover50K");
    let expected = format!(
        "{}: expected TR_Image/*.png with GT_ID/*.png; found no folder TR_Image (unpack the set as \
         it is published)",
        root.display()
    );
    assert_eq!(error(&root), expected);
}

#[test]
fn a_missing_mask_and_a_missing_image_are_named_with_both_counts() {
    let (_folder, root, _) = open(fixtures::land_discover);
    let [image, mask] = ["TR_Image/aachen_1.png", "GT_ID/aachen_1.png"].map(|file| root.join(file));
    let message = |path: &Path, other: &Path, images: usize, masks: usize| {
        format!(
            "{}: expected this file beside {}, found none among {images} images and {masks} \
             masks \
             (incomplete copy of the set?)",
            path.display(),
            other.display()
        )
    };
    std::fs::rename(&mask, root.parent().unwrap().join("elsewhere.png")).unwrap();
    assert_eq!(error(&root), message(&mask, &image, 3, 2));
    std::fs::rename(root.parent().unwrap().join("elsewhere.png"), &mask).unwrap();
    std::fs::remove_file(&image).unwrap();
    assert_eq!(error(&root), message(&image, &mask, 2, 3));
}

#[test]
fn a_folder_without_any_file_of_its_pattern_is_empty() {
    let (_folder, root, _) = open(fixtures::flair);
    for name in ["062613", "062614"] {
        std::fs::rename(
            root.join(format!("test/mask/{name}.png")),
            root.join(format!("test/mask/{name}.tif")),
        )
        .unwrap();
    }
    let expected =
        format!("{}: expected files named *.png, found none", root.join("test/mask").display());
    assert_eq!(error(&root), expected);
}

#[test]
fn a_name_in_two_parts_is_refused() {
    let (_folder, root, _) = open(fixtures::love_da);
    for folder in ["images_png", "masks_png"] {
        let from = root.join(format!("Val/Urban/{folder}/3514.png"));
        std::fs::rename(from, root.join(format!("Val/Urban/{folder}/0.png"))).unwrap();
    }
    let expected = format!(
        "{}: expected one image a name in the whole set, found 0 twice",
        root.join("Val/Urban/images_png/0.png").display()
    );
    assert_eq!(error(&root), expected);
}

#[test]
fn an_index_out_of_range_is_named_with_its_pixel() {
    let (_folder, root, _) = open(fixtures::potsdam_split);
    let path = root.join("ann_dir/val/2_13_5488_0_6000_512.png");
    let mut mask = IndexMask::read(&path).unwrap();
    mask.ids[2 * mask.width + 3] = 6;
    mask.write_png(&path).unwrap();
    let expected = format!(
        "{}: expected class indices 0, 1, 2, 3, 4, 5 or 255, found 6 at x 3, y 2 \
         (another set's mask, or a resampled one?)",
        path.display()
    );
    assert_eq!(reopen(&root).unwrap().sample(Split::Val, 0).unwrap_err().to_string(), expected);
}

#[test]
fn a_colour_that_stands_for_nothing_is_named_with_its_pixel() {
    let (_folder, root, _) = open(fixtures::potsdam);
    let path = root.join("5_Labels_all_noBoundary/top_potsdam_7_13_label_noBoundary.tif");
    let mut image = RgbImage::read(&path).unwrap();
    image.set_pixel(5, 9, [252, 255, 0]);
    image.write_png(&path).unwrap();
    let expected = format!(
        "{}: expected the colours (255, 255, 255) (0, 0, 255) (0, 255, 255) (0, 255, 0) (255, 255, \
         0) (255, 0, 0) (0, 0, 0), \
         found (252, 255, 0) at x 5, y 9 (another set's mask, or a resampled or lossy copy?)",
        path.display()
    );
    assert_eq!(reopen(&root).unwrap().sample(Split::Val, 0).unwrap_err().to_string(), expected);
}

#[test]
fn every_published_name_opens_its_fake_copy_and_states_where_it_is_from() {
    let writers: [Write; 12] = [
        fixtures::land_discover,
        fixtures::flair,
        fixtures::fast,
        fixtures::potsdam,
        fixtures::potsdam_split,
        fixtures::flood_net,
        fixtures::love_da,
        fixtures::open_earth_map,
        fixtures::ovrsis,
        fixtures::deep_globe,
        fixtures::sota,
        fixtures::sior,
    ];
    for (name, write) in catalogue::PUBLISHED.into_iter().zip(writers) {
        let (_folder, _, set) = open(write);
        assert_eq!(set.name(), name);
        let provenance = set.provenance();
        assert!(!provenance.licence.is_empty() && !provenance.credit.is_empty());
        assert!(provenance.research_only || !provenance.licence.contains("not stated"), "{name}");
    }
}
