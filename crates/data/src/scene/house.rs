//! Houses and barns.

use super::BUILDING;
use super::canvas::{Canvas, Colour, mix, paint, scaled};
use super::light::SUN;
use super::noise::Noise;
use super::path::{Point, distance};
use crate::rng::Rng;

/// What covers a roof.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cover {
    Tiles(Colour),
    Metal(Colour),
    Flat(Colour),
}

/// A building with one ridge.
#[derive(Debug, Clone)]
pub(super) struct House {
    pub centre: Point,
    /// Direction of the ridge, of length 1.
    pub ridge: Point,
    /// Half of the side along the ridge, and half of the other.
    pub half_m: Point,
    eaves_m: f32,
    /// Rise from the eaves to the ridge, per metre.
    pitch: f32,
    /// The roof slopes to the short sides too.
    hipped: bool,
    cover: Cover,
    /// Along and across the ridge.
    chimney: Option<Point>,
    solar: bool,
    salt: f32,
}

impl House {
    /// A family house.
    pub(super) fn family(centre: Point, ridge: Point, rng: &mut Rng) -> Self {
        let tiles = [
            paint(148, 92, 72),
            paint(132, 78, 64),
            paint(152, 108, 88),
            paint(108, 78, 68),
            paint(92, 91, 93),
            paint(120, 115, 112),
        ];
        let half_m = [rng.range(5.2, 7.8), rng.range(3.8, 5.0)];
        Self {
            centre,
            ridge,
            half_m,
            eaves_m: rng.range(2.8, 5.2),
            pitch: rng.range(0.45, 0.8),
            hipped: rng.chance(0.3),
            cover: Cover::Tiles(tiles[rng.below(tiles.len())]),
            chimney: rng
                .chance(0.7)
                .then(|| [rng.range(-0.5, 0.5) * half_m[0], rng.range(-0.3, 0.3) * half_m[1]]),
            solar: rng.chance(0.2),
            salt: rng.range(0.0, 500.0),
        }
    }

    /// A garage or shed.
    pub(super) fn shed(centre: Point, ridge: Point, rng: &mut Rng) -> Self {
        let felt = [paint(150, 148, 144), paint(112, 110, 108), paint(176, 170, 158)];
        Self {
            centre,
            ridge,
            half_m: [rng.range(2.4, 3.6), rng.range(1.8, 2.6)],
            eaves_m: rng.range(2.2, 2.7),
            pitch: 0.03,
            hipped: false,
            cover: Cover::Flat(felt[rng.below(felt.len())]),
            chimney: None,
            solar: false,
            salt: rng.range(0.0, 500.0),
        }
    }

    /// A barn under sheet metal.
    pub(super) fn barn(centre: Point, ridge: Point, rng: &mut Rng) -> Self {
        let metal = [paint(196, 200, 202), paint(150, 164, 172), paint(158, 122, 108)];
        Self {
            centre,
            ridge,
            half_m: [rng.range(12.0, 16.0), rng.range(6.5, 8.5)],
            eaves_m: rng.range(4.5, 6.0),
            pitch: 0.28,
            hipped: false,
            cover: Cover::Metal(metal[rng.below(metal.len())]),
            chimney: None,
            solar: false,
            salt: rng.range(0.0, 500.0),
        }
    }

    /// Somebody lives here.
    pub(super) fn is_family_home(&self) -> bool {
        matches!(self.cover, Cover::Tiles(_))
    }

    /// Along and across the ridge, from the centre.
    fn local(&self, place: Point) -> Point {
        let (dx, dy) = (place[0] - self.centre[0], place[1] - self.centre[1]);
        [dx * self.ridge[0] + dy * self.ridge[1], dy * self.ridge[0] - dx * self.ridge[1]]
    }

    /// Half of the diagonal.
    pub(super) fn radius_m(&self) -> f32 {
        self.half_m[0].hypot(self.half_m[1])
    }

    /// Whether a place lies under the roof or within `margin` of it.
    pub(super) fn covers(&self, place: Point, margin: f32) -> bool {
        let [u, v] = self.local(place);
        u.abs() < self.half_m[0] + margin && v.abs() < self.half_m[1] + margin
    }

    /// Whether the two stand clear of each other.
    pub(super) fn clear_of(&self, other: &Self, gap_m: f32) -> bool {
        distance(self.centre, other.centre) > self.radius_m() + other.radius_m() + gap_m
    }

    pub(super) fn draw(&self, canvas: &mut Canvas, noise: Noise) {
        let ground = canvas.at(self.centre).elevation;
        let reach = self.radius_m() + 0.5;
        let [x, y] = self.centre;
        canvas.paint(([x - reach, y - reach], [x + reach, y + reach]), |place, spot| {
            let [u, v] = self.local(place);
            let inside = [self.half_m[0] - u.abs(), self.half_m[1] - v.abs()];
            if inside[0] < 0.0 || inside[1] < 0.0 {
                return;
            }
            let rise = if self.hipped { inside[0].min(inside[1]) } else { inside[1] };
            spot.elevation = ground + self.eaves_m + self.pitch * rise;
            spot.colour = self.colour(u, v, inside, noise);
            spot.id = BUILDING;
            if let Some(chimney) = self.chimney
                && (u - chimney[0]).abs() < 0.45
                && (v - chimney[1]).abs() < 0.4
            {
                spot.elevation = ground + self.eaves_m + self.pitch * self.half_m[1] + 0.7;
                spot.colour = paint(128, 92, 80);
            }
        });
    }

    fn colour(&self, u: f32, v: f32, inside: Point, noise: Noise) -> Colour {
        let (x, y) = (u + self.salt, v - self.salt);
        let weather = 1.0 + 0.13 * noise.fractal(x, y, 3.0, 4) + 0.05 * noise.fractal(x, y, 0.4, 2);
        let gutter = if inside[0].min(inside[1]) < 0.16 { 0.75 } else { 1.0 };
        match self.cover {
            Cover::Tiles(tile) => {
                let course = 1.0 + 0.07 * (inside[1] * std::f32::consts::TAU / 0.62).sin();
                let single = 1.0 + 0.14 * (noise.cell((x / 0.4) as i32, (y / 0.6) as i32) - 0.5);
                let moss = (noise.fractal(x + 60.0, y, 4.0, 3) - 0.25).max(0.0) * 1.2;
                // Across, towards the side that faces the sun.
                let sunny =
                    if self.ridge[0] * SUN[1] - self.ridge[1] * SUN[0] > 0.0 { v } else { -v };
                let on_ridge = inside[1] > self.half_m[1] - 0.18 && !self.hipped;
                let panel = self.solar
                    && sunny > 0.18 * self.half_m[1]
                    && sunny < 0.82 * self.half_m[1]
                    && u.abs() < 0.62 * self.half_m[0];
                if panel {
                    let frame = (u.rem_euclid(1.05) < 0.08)
                        || ((sunny - 0.18 * self.half_m[1]).rem_euclid(1.7) < 0.09);
                    return if frame { paint(120, 126, 134) } else { paint(38, 48, 74) };
                }
                let lit = if on_ridge { 1.12 } else { 1.0 };
                scaled(
                    mix(tile, paint(92, 100, 70), moss),
                    weather * course * single * gutter * lit,
                )
            }
            Cover::Metal(metal) => {
                let seam = if u.rem_euclid(1.0) < 0.1 { 0.86 } else { 1.0 };
                let rust = (noise.fractal(x, y * 0.3, 5.0, 4) - 0.15).max(0.0) * 0.9;
                scaled(mix(metal, paint(150, 104, 78), rust), weather * seam * gutter)
            }
            Cover::Flat(felt) => scaled(felt, weather * if gutter < 1.0 { 1.15 } else { 1.0 }),
        }
    }
}
