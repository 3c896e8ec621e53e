//! Roads, streets and the cars on them.

use super::canvas::{Canvas, Colour, mix, paint, scaled};
use super::ground::WATER_LEVEL_M;
use super::noise::Noise;
use super::path::{Path, Point};
use super::{BARE_GROUND, OTHER, ROAD};
use crate::rng::Rng;

/// How a road is built.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Surface {
    /// Asphalt with a dashed line in the middle.
    MainRoad,
    /// Asphalt.
    Street,
    /// Two ruts in the grass.
    Track,
}

/// A road.
#[derive(Debug, Clone)]
pub(super) struct Road {
    pub path: Path,
    pub half_width_m: f32,
    pub surface: Surface,
    /// Colour of asphalt, as a factor a channel: mixtures and ages differ.
    pub tint: Colour,
}

impl Road {
    /// Gravel beside the road; the ruts of a track.
    pub(super) fn draw_shoulder(&self, canvas: &mut Canvas, noise: Noise) {
        let shoulder = self.half_width_m + 1.1;
        canvas.paint(self.path.bounds(shoulder + 1.0), |[x, y], spot| {
            let offset = self.path.beside([x, y]).offset.abs();
            let ragged = 0.35 * noise.fractal(x, y, 1.8, 3);
            let (gravel, worn) = match self.surface {
                Surface::Track => {
                    (paint(164, 144, 114), (offset - 0.75).abs() < 0.38 + 0.5 * ragged)
                }
                Surface::MainRoad | Surface::Street => {
                    (paint(150, 142, 126), offset < shoulder + ragged)
                }
            };
            if worn {
                let grain = 1.0 + 0.05 * noise.fractal(x, y, 0.5, 2);
                spot.colour = scaled(mix(gravel, spot.colour, 0.2), grain);
                spot.id = BARE_GROUND;
            }
        });
    }

    /// The asphalt of a street or a main road.
    pub(super) fn draw(&self, canvas: &mut Canvas, noise: Noise) {
        canvas.paint(self.path.bounds(self.half_width_m), |[x, y], spot| {
            let beside = self.path.beside([x, y]);
            let offset = beside.offset.abs();
            if offset > self.half_width_m {
                return;
            }
            let grain =
                1.0 + 0.05 * noise.fractal(x, y, 0.5, 2) + 0.09 * noise.fractal(x, y, 12.0, 3);
            // Wheels darken two bands of each lane; repairs are darker patches.
            let wheels = 1.0 - 0.05 * (-((offset - 0.55 * self.half_width_m) / 0.35).powi(2)).exp();
            let repair = if noise.value(beside.along / 9.0 + 40.0, beside.offset / 3.0) > 0.72 {
                0.82
            } else {
                1.0
            };
            let asphalt = if self.surface == Surface::MainRoad {
                paint(122, 120, 118)
            } else {
                paint(136, 133, 128)
            };
            let asphalt = std::array::from_fn(|channel| asphalt[channel] * self.tint[channel]);
            spot.colour = scaled(asphalt, grain * wheels * repair);
            let edge_line = (offset - (self.half_width_m - 0.35)).abs() < 0.09;
            let dash = offset < 0.09 && beside.along.rem_euclid(9.0) < 4.0;
            if self.surface == Surface::MainRoad && (edge_line || dash) {
                spot.colour = mix(spot.colour, paint(222, 220, 212), 0.8);
            }
            spot.id = ROAD;
        });
    }

    /// Puts cars on the dry part.
    pub(super) fn drive(&self, canvas: &mut Canvas, spacing_m: f32, rng: &mut Rng) {
        let mut along = rng.range(5.0, spacing_m);
        while along < self.path.length() - 5.0 {
            let (centre, forward) = self.path.at(along);
            let lane = if rng.chance(0.5) { 0.5 } else { -0.5 } * self.half_width_m;
            let place = [centre[0] - forward[1] * lane, centre[1] + forward[0] * lane];
            if canvas.at(place).elevation > WATER_LEVEL_M + 0.3 {
                car(canvas, place, forward, rng);
            }
            along += rng.range(0.4, 1.6) * spacing_m;
        }
    }
}

/// A car seen from above: body, cabin, dark windows.
pub(super) fn car(canvas: &mut Canvas, place: Point, forward: Point, rng: &mut Rng) {
    let colours = [
        (226, 226, 224),
        (44, 46, 50),
        (168, 30, 34),
        (150, 156, 162),
        (40, 66, 120),
        (200, 200, 196),
    ];
    let (red, green, blue) = colours[rng.below(colours.len())];
    let ground = canvas.at(place).elevation;
    let bounds = ([place[0] - 3.0, place[1] - 3.0], [place[0] + 3.0, place[1] + 3.0]);
    canvas.paint(bounds, |at, spot| {
        let (dx, dy) = (at[0] - place[0], at[1] - place[1]);
        let along = dx * forward[0] + dy * forward[1];
        let across = dy * forward[0] - dx * forward[1];
        // Rounded corners.
        if (along / 2.2).powi(4) + (across / 0.9).powi(4) > 1.0 {
            return;
        }
        let cabin = (along + 0.2).abs() < 1.15 && across.abs() < 0.75;
        let roof = (along + 0.2).abs() < 0.7 && across.abs() < 0.62;
        spot.colour = if cabin && !roof { paint(38, 42, 48) } else { paint(red, green, blue) };
        spot.elevation = ground + if cabin { 1.45 } else { 0.95 };
        spot.id = OTHER;
    });
}
