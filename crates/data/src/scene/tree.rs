//! Trees and bushes.

use super::VEGETATION;
use super::canvas::{Canvas, mix, paint, scaled};
use super::noise::Noise;
use super::path::Point;
use crate::rng::Rng;

/// A tree seen from above.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub centre: Point,
    pub radius_m: f32,
    height_m: f32,
    /// 0 light green, 1 dark green.
    dark: f32,
    /// 0 fresh, 1 turning yellow.
    autumn: f32,
    salt: f32,
}

impl Tree {
    pub(super) fn new(centre: Point, radius_m: f32, rng: &mut Rng) -> Self {
        Self {
            centre,
            radius_m,
            height_m: radius_m * rng.range(1.3, 2.2),
            dark: rng.unit(),
            autumn: if rng.chance(0.12) { rng.range(0.2, 0.6) } else { 0.0 },
            salt: rng.range(0.0, 900.0),
        }
    }

    pub(super) fn draw(&self, canvas: &mut Canvas, noise: Noise) {
        let ground = canvas.at(self.centre).elevation;
        let reach = self.radius_m * 1.35;
        let [x, y] = self.centre;
        let green = mix(paint(98, 128, 62), paint(56, 88, 44), self.dark);
        let green = mix(green, paint(160, 140, 66), self.autumn);
        canvas.paint(([x - reach, y - reach], [x + reach, y + reach]), |place, spot| {
            let (dx, dy) = (place[0] - x, place[1] - y);
            let lobes = noise.fractal(place[0] + self.salt, place[1], 0.6 * self.radius_m, 3);
            let out = dx.hypot(dy) / self.radius_m + 0.32 * lobes;
            if out >= 1.0 {
                return;
            }
            let leaves = noise.fractal(place[0], place[1] + self.salt, 0.9, 3);
            let dome = (1.0 - out.max(0.0).powi(2)).sqrt();
            let top = self.height_m * (0.45 + 0.55 * dome) + 0.45 * leaves * dome;
            // A crown behind a taller one stays behind it.
            if ground + top < spot.elevation {
                return;
            }
            spot.elevation = ground + top;
            spot.colour = scaled(green, 0.95 + 0.22 * leaves + 0.10 * lobes);
            spot.id = VEGETATION;
        });
    }
}
