//! The built-in scene at the size it was composed for, and the copy of it that the runtime ships.

use std::path::Path;
use std::sync::LazyLock;

use rszs_data::RgbImage;
use rszs_data::scene::{Scene, classes, generate};

static SCENE: LazyLock<Scene> = LazyLock::new(|| generate(1, 1024, 768));

#[test]
fn every_class_has_a_sensible_share() {
    let mask = &SCENE.mask;
    assert_eq!((mask.width, mask.height), (1024, 768));
    assert!(mask.present().iter().all(|&id| classes().allows(id)));
    let shares = [
        ("flood", 0.15..0.45),
        ("bare ground", 0.02..0.35),
        ("road", 0.01..0.10),
        ("building", 0.02..0.12),
        ("vegetation", 0.25..0.70),
    ];
    for (name, expected) in shares {
        let table = classes();
        let ids = &table.concept(name).unwrap().positive;
        let count: u32 = mask.ids.iter().map(|id| u32::from(ids.contains(id))).sum();
        let share = count as f32 / mask.ids.len() as f32;
        assert!(expected.contains(&share), "{name}: {share}");
    }
}

#[test]
fn the_shipped_image_is_this_scene() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runtime/assets/scene.jpg");
    let shipped = RgbImage::read(&path).unwrap();
    let drawn = &SCENE.image;
    assert_eq!((shipped.width, shipped.height), (drawn.width, drawn.height));
    let apart: u64 =
        shipped.pixels.iter().zip(&drawn.pixels).map(|(&a, &b)| u64::from(a.abs_diff(b))).sum();
    let mean = apart as f32 / drawn.pixels.len() as f32;
    // JPEG of quality 90 alone moves a value by about two levels.
    assert!(mean < 4.0, "{mean} levels apart; write it again with the example `scene`");
}

#[test]
fn the_shipped_image_is_small() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runtime/assets/scene.jpg");
    assert!(std::fs::metadata(&path).unwrap().len() <= 300_000);
}
