//! The picture that the runtime ships is the one this crate draws.

use std::path::Path;

use rszs_data::{RgbImage, scene};

#[test]
fn the_shipped_picture_is_the_scene_of_seed_1() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runtime/assets/scene.jpg");
    let shipped = RgbImage::read(&path).unwrap();
    let drawn = scene::generate(1, 1024, 768).image;
    assert_eq!((shipped.width, shipped.height), (drawn.width, drawn.height));
    let apart: u64 = shipped.pixels.iter().zip(&drawn.pixels).map(|(&a, &b)| u64::from(a.abs_diff(b))).sum();
    let mean = apart as f32 / drawn.pixels.len() as f32;
    // JPEG of quality 90 alone moves a value by about two levels.
    assert!(mean < 4.0, "{mean} levels apart; write it again with the example `scene`");
    assert!(std::fs::metadata(&path).unwrap().len() <= 300_000);
}
