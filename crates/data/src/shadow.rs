//! Shadows that nothing in the image casts: dark, slightly blue, soft at the edge. Labels stay, so
//! that dark is no class.

use crate::image::RgbImage;
use crate::rng::Rng;

/// How dark a shadow is: the factor on red. Green and blue lose less, as the sky still lights the
/// ground.
const DARKEST: f32 = 0.2;
const LIGHTEST: f32 = 0.55;

/// Lays one to three shadows on a square image: of something with corners, or of trees.
pub(crate) fn cast(image: &mut RgbImage, rng: &mut Rng) {
    let mut shade = Shade { side: image.width, cover: vec![0; image.width * image.height] };
    for _ in 0..=rng.below(3) {
        if rng.chance(0.5) { shade.polygon(rng) } else { shade.trees(rng) }
    }
    let red = rng.range(DARKEST, LIGHTEST);
    let blue = rng.range(1.05, 1.3);
    let light = [red, red * blue.sqrt(), red * blue];
    // Factors by cover, of 256.
    let factors: [[u32; 3]; 256] = std::array::from_fn(|cover| {
        light.map(|light| ((1.0 - (1.0 - light) * cover as f32 / 255.0) * 256.0) as u32)
    });
    for (pixel, &cover) in image.pixels.as_chunks_mut::<3>().0.iter_mut().zip(&shade.cover) {
        if cover > 0 {
            let factors = factors[usize::from(cover)];
            *pixel = std::array::from_fn(|c| ((u32::from(pixel[c]) * factors[c]) >> 8) as u8);
        }
    }
}

/// How much of each pixel lies in shadow, of 255.
struct Shade {
    side: usize,
    cover: Vec<u8>,
}

impl Shade {
    /// A convex polygon with its corners on an ellipse: a house, a wall, a tower.
    fn polygon(&mut self, rng: &mut Rng) {
        let side = self.side as f32;
        let centre = [rng.range(0.0, side), rng.range(0.0, side)];
        let long = side * rng.range(0.08, 0.4);
        let wide = long * rng.range(0.2, 0.9);
        let (sin, cos) = rng.range(0.0, std::f32::consts::TAU).sin_cos();
        let soft_px = rng.range(1.0, 5.0);
        let corners = 4 + rng.below(3);
        let corner = |n: usize, rng: &mut Rng| {
            let angle = (n as f32 + rng.range(-0.3, 0.3)) / corners as f32 * std::f32::consts::TAU;
            let (across, along) = angle.sin_cos();
            let (along, across) = (along * long, across * wide);
            [centre[0] + along * cos - across * sin, centre[1] + along * sin + across * cos]
        };
        let corners: Vec<[f32; 2]> = (0..corners).map(|n| corner(n, rng)).collect();
        // Distance to each edge, positive outside, divided by the softness: `a x + b y + c`.
        let edges: Vec<[f32; 3]> = (0..corners.len())
            .map(|n| {
                let ([x, y], [next_x, next_y]) = (corners[n], corners[(n + 1) % corners.len()]);
                let (a, b) = (next_y - y, x - next_x);
                let length = a.hypot(b).max(1e-3) * soft_px;
                [a / length, b / length, -(a * x + b * y) / length]
            })
            .collect();
        self.fill(centre, long + soft_px, |x, y| {
            let outside = edges.iter().map(|[a, b, c]| a * x + b * y + c).fold(f32::MIN, f32::max);
            0.5 - outside
        });
    }

    /// One to five crowns along a line, each of overlapping discs.
    fn trees(&mut self, rng: &mut Rng) {
        let side = self.side as f32;
        let mut at = [rng.range(0.0, side), rng.range(0.0, side)];
        let typical = side * rng.range(0.03, 0.12);
        let (sin, cos) = rng.range(0.0, std::f32::consts::TAU).sin_cos();
        let spread = rng.range(0.8, 2.5);
        for _ in 0..=rng.below(5) {
            let crown = typical * rng.range(0.6, 1.3);
            for _ in 0..10 + rng.below(10) {
                let (along, across) = (rng.normal() * 0.4 * crown, rng.normal() * 0.4 * crown);
                self.disc([at[0] + along, at[1] + across], crown * rng.range(0.2, 0.55));
            }
            at[0] += typical * (spread * cos + rng.range(-0.5, 0.5));
            at[1] += typical * (spread * sin + rng.range(-0.5, 0.5));
        }
    }

    fn disc(&mut self, centre: [f32; 2], radius: f32) {
        let soft_px = 2.0;
        let scale = 0.5 / (radius.max(1.0) * soft_px);
        self.fill(centre, radius + soft_px, |x, y| {
            let (x, y) = (x - centre[0], y - centre[1]);
            // Near the edge this is (radius - distance) / softness, without a root.
            0.5 + (radius * radius - x * x - y * y) * scale
        });
    }

    /// Covers the square around `centre` by `cover(x, y)`, in `[0, 1]` once clamped.
    fn fill(&mut self, centre: [f32; 2], reach: f32, cover: impl Fn(f32, f32) -> f32) {
        // The casts saturate at 0.
        let range = |at: f32| {
            ((at - reach) as usize).min(self.side)..((at + reach + 1.0) as usize).min(self.side)
        };
        let columns = range(centre[0]);
        for y in range(centre[1]) {
            let line = &mut self.cover[y * self.side..][columns.clone()];
            for (x, shade) in columns.clone().zip(line) {
                *shade = (*shade).max((cover(x as f32, y as f32) * 255.0) as u8);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shadows_darken_some_pixels_and_lighten_none() {
        let bright = RgbImage::filled(64, 64, [200; 3]);
        let mut shaded_crops = 0;
        for seed in 0..32 {
            let mut image = bright.clone();
            cast(&mut image, &mut Rng::new(seed));
            assert!(image.pixels.iter().all(|&value| (39..=200).contains(&value)));
            assert!(image.pixels.as_chunks::<3>().0.iter().all(|[red, _, blue]| red <= blue));
            let shaded = image.pixels.iter().step_by(3).filter(|&&red| red < 150).count();
            assert!(shaded < 64 * 64 * 9 / 10, "seed {seed}: {shaded} of 4096 pixels");
            shaded_crops += usize::from(shaded > 16);
        }
        assert!(shaded_crops > 28, "{shaded_crops} of 32");
    }

    #[test]
    fn the_same_state_casts_the_same_shadow() {
        let shaded = |seed| {
            let mut image = RgbImage::filled(40, 40, [120; 3]);
            cast(&mut image, &mut Rng::new(seed));
            image
        };
        assert_eq!(shaded(3), shaded(3));
        assert_ne!(shaded(3), shaded(4));
    }
}
