//! Roofs and water in colours that the data sets lack: a blue roof is no flood, and a flood is not
//! always brown.

use crate::image::RgbImage;
use crate::mask::IndexMask;
use crate::rng::Rng;

/// Tin, tiles, slate, gravel, paint.
const ROOFS: [[f32; 3]; 12] = [
    [60.0, 100.0, 170.0],
    [105.0, 145.0, 185.0],
    [160.0, 65.0, 50.0],
    [190.0, 115.0, 80.0],
    [75.0, 125.0, 85.0],
    [225.0, 225.0, 220.0],
    [190.0, 188.0, 182.0],
    [70.0, 72.0, 76.0],
    [130.0, 130.0, 132.0],
    [110.0, 82.0, 62.0],
    [150.0, 125.0, 100.0],
    [45.0, 48.0, 55.0],
];
/// Algae, mud, glare, sea, depth.
const WATERS: [[f32; 3]; 9] = [
    [75.0, 95.0, 65.0],
    [55.0, 75.0, 60.0],
    [135.0, 108.0, 78.0],
    [165.0, 140.0, 108.0],
    [170.0, 172.0, 168.0],
    [120.0, 125.0, 125.0],
    [45.0, 85.0, 125.0],
    [65.0, 140.0, 145.0],
    [32.0, 42.0, 48.0],
];
/// Largest change of a channel of those colours, either way.
const SPREAD: f32 = 22.0;
/// Smaller roofs keep their colour.
const ROOF_PX: usize = 16;
/// How often a roof of a recoloured crop keeps its colour.
const KEPT: f32 = 0.25;

/// Paints each connected patch of the indices `roofs` in a colour of its own, leaving out a few.
pub(crate) fn roofs(image: &mut RgbImage, mask: &IndexMask, roofs: &[u8], rng: &mut Rng) {
    let mut waiting: Vec<bool> = mask.ids.iter().map(|id| roofs.contains(id)).collect();
    let mut patch = Vec::new();
    for start in 0..waiting.len() {
        if waiting[start] {
            take_patch(&mut waiting, mask.width, start, &mut patch);
            if patch.len() >= ROOF_PX && !rng.chance(KEPT) {
                let colour = drawn(&ROOFS, rng);
                paint(image, &patch, colour, rng.range(0.7, 1.0));
            }
        }
    }
}

/// Paints all pixels of the indices `waters` in one colour.
pub(crate) fn water(image: &mut RgbImage, mask: &IndexMask, waters: &[u8], rng: &mut Rng) {
    let patch: Vec<usize> = mask
        .ids
        .iter()
        .enumerate()
        .filter(|(_, id)| waters.contains(id))
        .map(|(at, _)| at)
        .collect();
    let colour = drawn(&WATERS, rng);
    paint(image, &patch, colour, rng.range(0.6, 0.95));
}

/// Moves the waiting pixels that hang together with `start` into `patch`.
fn take_patch(waiting: &mut [bool], width: usize, start: usize, patch: &mut Vec<usize>) {
    patch.clear();
    patch.push(start);
    waiting[start] = false;
    let mut done = 0;
    while let Some(&at) = patch.get(done) {
        done += 1;
        let x = at % width;
        let neighbours = [
            (x > 0).then(|| at - 1),
            (x + 1 < width).then(|| at + 1),
            at.checked_sub(width),
            Some(at + width).filter(|&below| below < waiting.len()),
        ];
        for neighbour in neighbours.into_iter().flatten() {
            if std::mem::take(&mut waiting[neighbour]) {
                patch.push(neighbour);
            }
        }
    }
}

fn drawn(colours: &[[f32; 3]], rng: &mut Rng) -> [f32; 3] {
    colours[rng.below(colours.len())].map(|value| value + rng.range(-SPREAD, SPREAD))
}

/// Blends the pixels at `patch` with `colour`, which gets the light and dark of the patch.
fn paint(image: &mut RgbImage, patch: &[usize], colour: [f32; 3], strength: f32) {
    let pixels = image.pixels.as_chunks_mut::<3>().0;
    let luma =
        |[r, g, b]: [u8; 3]| (77 * u32::from(r) + 150 * u32::from(g) + 29 * u32::from(b)) >> 8;
    let sum: u64 = patch.iter().map(|&at| u64::from(luma(pixels[at]))).sum();
    let mean = (sum as f32 / patch.len().max(1) as f32).max(20.0);
    // The painted part of a value by the pixel's luma.
    let painted: [[f32; 3]; 256] = std::array::from_fn(|luma| {
        let texture = (luma as f32 / mean).clamp(0.3, 1.8) * strength;
        colour.map(|value| value.max(0.0) * texture + 0.5)
    });
    for &at in patch {
        let painted = painted[luma(pixels[at]) as usize];
        // The cast saturates at 255.
        pixels[at] = std::array::from_fn(|c| {
            (f32::from(pixels[at][c]) * (1.0 - strength) + painted[c]) as u8
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two roofs of index 2 on index 0, and water of index 1 below.
    fn scene() -> (RgbImage, IndexMask) {
        let mut mask = IndexMask::filled(32, 32, 0);
        for y in 2..12 {
            mask.ids[y * 32 + 2..][..10].fill(2);
            mask.ids[y * 32 + 18..][..10].fill(2);
        }
        mask.ids[32 * 24..].fill(1);
        let mut image = RgbImage::filled(32, 32, [128; 3]);
        image.set_pixel(4, 4, [60; 3]);
        (image, mask)
    }

    #[test]
    fn each_roof_gets_a_colour_of_its_own_and_nothing_else_changes() {
        let mut differing = 0;
        for seed in 0..16 {
            let (before, mask) = scene();
            let mut image = before.clone();
            roofs(&mut image, &mask, &[2], &mut Rng::new(seed));
            let spared = |at: &usize| mask.ids[*at] != 2;
            assert!(
                (0..1024)
                    .filter(spared)
                    .all(|at| image.pixels[at * 3..][..3] == before.pixels[at * 3..][..3])
            );
            differing += usize::from(image.pixel(5, 6) != image.pixel(20, 6));
            assert!(image.pixel(4, 4)[1] < image.pixel(5, 6)[1], "the texture stays");
        }
        assert!(differing > 10, "{differing} of 16");
    }

    #[test]
    fn all_water_gets_one_colour() {
        let (before, mask) = scene();
        let mut image = before.clone();
        water(&mut image, &mask, &[1], &mut Rng::new(1));
        assert_ne!(image.pixel(0, 24), [128; 3]);
        assert!((24..32).all(|y| (0..32).all(|x| image.pixel(x, y) == image.pixel(0, 24))));
        assert_eq!(image.pixels[..32 * 24 * 3], before.pixels[..32 * 24 * 3]);
    }

    #[test]
    fn without_such_indices_nothing_changes() {
        let (before, mask) = scene();
        let mut image = before.clone();
        roofs(&mut image, &mask, &[], &mut Rng::new(1));
        water(&mut image, &mask, &[9], &mut Rng::new(1));
        assert_eq!(image, before);
    }
}
