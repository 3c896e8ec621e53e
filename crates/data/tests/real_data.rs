//! The readers on the real data, where it is: `shared/data` beside the folder of the project.
//! Elsewhere each test is ignored; the readers' own tests run on fixtures everywhere.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests; the lint knows functions marked as such alone"
)]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use rszs_data::{AidRsicd, ClipText, DenseSet, IGNORE, RgbImage, Split, catalogue, npz};
use rszs_tests::harness::{self, Need};
use rszs_tests::tests;

const BOTH: [Split; 2] = [Split::Train, Split::Val];

/// The data folder, whether it is there or not.
fn data_root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data")
}

/// Opens a set, decodes every sample, and checks counts and the indices that occur.
fn check(name: &str, train: usize, val: usize, expected: &[u8]) {
    let root = data_root();
    let set = catalogue::open(name, &root).unwrap();
    assert_eq!((set.len(Split::Train), set.len(Split::Val)), (train, val), "{name}");
    let mut present = BTreeSet::new();
    for (split, index) in
        BOTH.into_iter().flat_map(|split| (0..set.len(split)).map(move |index| (split, index)))
    {
        let sample = set.sample(split, index).unwrap();
        assert_eq!(sample.image.pixels.len(), sample.mask.ids.len() * 3);
        present.extend(sample.mask.present());
    }
    assert_eq!(present.into_iter().collect::<Vec<_>>(), expected, "{name}: indices that occur");
    places_do_not_meet(&set);
}

/// No place is in both splits; a place is the name up to its first underscore.
fn places_do_not_meet(set: &DenseSet) {
    if set.name() == "flood_area" {
        return;
    }
    let place = |id: &str| id.split('_').next().unwrap().to_owned();
    let [train, val] = BOTH.map(|split| set.ids(split).map(place).collect::<BTreeSet<_>>());
    assert!(train.is_disjoint(&val), "{}: {train:?} and {val:?}", set.name());
}

fn dubai_has_54_pairs_and_tile_2_is_validation() {
    check("dubai", 45, 9, &[1, 2, 3, 4, 5, IGNORE]);
}

fn oam_buildings_has_57_pairs_and_virac_is_validation() {
    check("oam_buildings", 53, 4, &[0, 1, IGNORE]);
}

fn naip_urban_trees_has_491_pairs_and_two_cities_are_validation() {
    check("naip_urban_trees", 391, 100, &[0, 1]);
}

fn flood_area_has_181_pairs_and_every_8th_is_validation() {
    check("flood_area", 158, 23, &[0, 1]);
}

fn narrow_sets_have_the_documented_counts_and_indices() {
    check("nyc_maps", 405, 0, &[0, 1, 2, 3, 4, 5, 6, 7]);
    check("cil_roads", 144, 0, &[0, 1]);
    check("ma_roads", 134, 0, &[0, 1]);
    check("gsi_road", 36, 0, &[0, 1]);
    check("gsi_solar", 36, 0, &[0, 1]);
    check("dead_trees", 125, 26, &[0, 1]);
    check("bijie_landslide", 36, 0, &[0, 1]);
    check("cars_boxes", 40, 25, &[0, 1, 3, 4, IGNORE]);
    check("neon_tree_boxes", 49, 5, &[0, 1, IGNORE]);
}

fn aid_rsicd_has_8973_described_images_and_about_a_twentieth_is_validation() {
    let root = data_root();
    let set = AidRsicd::open(&root.join("aid_rsicd")).unwrap();
    let [train, val] = BOTH.map(|split| set.images().len(split));
    assert_eq!(train + val, 8_973);
    assert!((400..500).contains(&val), "{val} validation images");
    assert_eq!(set.scenes().len(), 30);
    let seen: BTreeSet<usize> = (0..val).map(|index| set.scene(Split::Val, index)).collect();
    assert_eq!(seen.len(), 30, "every scene is in the validation split");
    for index in 0..val {
        let sample = set.images().sample(Split::Val, index).unwrap();
        assert_eq!((sample.image.width, sample.image.height), (150, 150));
        assert!(set.captions(Split::Val, index).iter().all(|caption| caption.len() > 10));
    }
}

fn clip_text_has_1612_names_and_related_words_are_near() {
    let root = data_root();
    let text = ClipText::open(&root.join("clip_text")).unwrap();
    assert_eq!((text.names.len(), text.width, text.vectors.len()), (1_612, 512, 1_612 * 512));
    let cosine = |a: &str, b: &str| -> f32 {
        let [a, b] = [a, b]
            .map(|name| text.vector(text.names.iter().position(|known| known == name).unwrap()));
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    };
    assert!(cosine("house", "building") > cosine("house", "banana") + 0.05);
}

fn teacher_backbones_have_the_documented_arrays() {
    let root = data_root();
    let resnet = npz::read(&root.join("weights/resnet50v2_s1_s3_f16.npz")).unwrap();
    let shape = |name: &str| resnet[&format!("resnetv24_{name}")].shape.clone();
    assert_eq!(shape("conv0_weight"), [64, 3, 7, 7]);
    for (stage, blocks, channels) in [(1, 3, 256), (2, 4, 512), (3, 6, 1024)] {
        assert_eq!(
            shape(&format!("stage{stage}_conv3_weight"))[0],
            channels,
            "shortcut of stage {stage}"
        );
        assert_eq!(
            shape(&format!("stage{stage}_conv{}_weight", blocks * 3))[0],
            channels,
            "last of stage {stage}"
        );
        assert!(
            !resnet.contains_key(&format!("resnetv24_stage{stage}_conv{}_weight", blocks * 3 + 1))
        );
    }
    assert_eq!(shape("stage4_batchnorm0_gamma"), [1024]);
    let mobile = npz::read(&root.join("weights/mobilenetv2_features_f16.npz")).unwrap();
    assert_eq!(mobile["mobilenetv20_features_conv1_weight"].shape, [1280, 320, 1, 1]);
    for (name, array) in resnet.iter().chain(&mobile) {
        assert!(array.values.iter().all(|value| value.is_finite()), "{name}");
        assert!(
            !name.ends_with("running_var") || array.values.iter().all(|&value| value >= 0.0),
            "{name}"
        );
    }
}

fn drone_frames_with_bytes_after_the_image_are_read() {
    let root = data_root();
    let folder = root.join("georef/brighton");
    for frame in std::fs::read_dir(&folder).unwrap() {
        let image = RgbImage::read(&frame.unwrap().path()).unwrap();
        assert_eq!((image.width, image.height), (4_000, 2_250));
    }
}

fn main() -> ExitCode {
    let missing = || format!("needs the real data in {}", data_root().display());
    let need = Need::unless((!data_root().is_dir()).then(missing));
    harness::run(tests![
        need;
        dubai_has_54_pairs_and_tile_2_is_validation,
        oam_buildings_has_57_pairs_and_virac_is_validation,
        naip_urban_trees_has_491_pairs_and_two_cities_are_validation,
        flood_area_has_181_pairs_and_every_8th_is_validation,
        narrow_sets_have_the_documented_counts_and_indices,
        aid_rsicd_has_8973_described_images_and_about_a_twentieth_is_validation,
        clip_text_has_1612_names_and_related_words_are_near,
        teacher_backbones_have_the_documented_arrays,
        drone_frames_with_bytes_after_the_image_are_read,
    ])
}
