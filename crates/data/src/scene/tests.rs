//! What every generated scene holds.

use super::*;

#[test]
fn a_seed_is_a_scene() {
    assert_eq!(generate(1, 96, 64), generate(1, 96, 64));
    assert_ne!(generate(1, 96, 64).image, generate(2, 96, 64).image);
}

#[test]
fn a_close_up_shows_a_street_three_times_as_large() {
    let close = close_up(3, 256, 192);
    assert_eq!(close, close_up(3, 256, 192));
    let road =
        |scene: &Scene| scene.mask.ids.iter().map(|&id| usize::from(id == ROAD)).sum::<usize>();
    assert!(road(&close) > 2_000, "{} of 49152 pixels are road", road(&close));
}

#[test]
fn flood_pixels_look_muddy_and_vegetation_green() {
    let scene = generate(1, 512, 384);
    let mean = |id: u8| {
        let pixels =
            scene.image.pixels.chunks(3).zip(&scene.mask.ids).filter(|&(_, &found)| found == id);
        let (mut sum, mut count) = ([0.0_f32; 3], 0.0_f32);
        for (pixel, _) in pixels {
            (0..3).for_each(|channel| sum[channel] += f32::from(pixel[channel]));
            count += 1.0;
        }
        sum.map(|value| value / count)
    };
    let [red, green, blue] = mean(FLOOD_WATER);
    assert!(red > green && green > blue, "flood {:?}", mean(FLOOD_WATER));
    let [red, green, blue] = mean(VEGETATION);
    assert!(green > red && red > blue, "vegetation {:?}", mean(VEGETATION));
}

#[test]
fn a_query_of_the_scene_has_targets() {
    assert_eq!(classes().targets("flood"), classes().targets("water"));
    assert_eq!(classes().concept("roof").unwrap().name, "building");
}
