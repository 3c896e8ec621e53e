//! What belongs to a house: a driveway, a terrace, a vegetable bed, a hedge towards the neighbour.

use super::BARE_GROUND;
use super::canvas::{Canvas, mix, paint, scaled};
use super::house::House;
use super::noise::Noise;
use super::path::{Path, Point, distance};
use super::road;
use super::tree::Tree;
use crate::rng::Rng;

/// The plot around one house.
#[derive(Debug)]
pub(super) struct Yard {
    /// From beside the house to the street.
    driveway: Path,
    /// Bright gravel or dark paving stones.
    paved: bool,
    /// A car stands at the house's end of the driveway.
    parked: bool,
    /// Centre, direction and half sides of the terrace and of the bed.
    terrace: (Point, Point, Point),
    bed: Option<(Point, Point, Point)>,
    hedge: Option<(Point, Point)>,
}

impl Yard {
    /// The plot of `house` on `street`.
    pub(super) fn of(house: &House, street: &Path, rng: &mut Rng) -> Self {
        let from_house = |along: f32, across: f32| -> Point {
            let [a, b] = house.ridge;
            [house.centre[0] + a * along - b * across, house.centre[1] + b * along + a * across]
        };
        let nearest = |place: Point| street.at(street.beside(place).along).0;
        let gate = nearest(house.centre);
        // The terrace lies behind the house: on the side that is farther from the street.
        let side_m = house.half_m[1] + 1.8;
        let behind =
            if distance(from_house(0.0, side_m), gate) > distance(from_house(0.0, -side_m), gate) {
                1.0
            } else {
                -1.0
            };
        let end = house.half_m[0] + 2.3;
        let end = if rng.chance(0.5) { end } else { -end };
        let garage = from_house(end, 0.0);
        let bed = rng.chance(0.55).then(|| {
            let centre = from_house(-0.6 * end, behind * (house.half_m[1] + rng.range(7.5, 9.5)));
            (centre, house.ridge, [rng.range(2.2, 3.8), rng.range(1.5, 2.4)])
        });
        let hedge = rng.chance(0.6).then(|| {
            let line = 1.45 * end;
            (
                from_house(line, -1.1 * house.half_m[1] * behind),
                from_house(line, behind * (house.half_m[1] + 11.0)),
            )
        });
        Self {
            driveway: Path::through(&[garage, nearest(garage)]),
            paved: rng.chance(0.45),
            parked: rng.chance(0.6),
            terrace: (
                from_house(0.2 * end, behind * side_m),
                house.ridge,
                [rng.range(2.2, 3.6), 1.9],
            ),
            bed,
            hedge,
        }
    }

    pub(super) fn draw(&self, canvas: &mut Canvas, noise: Noise) {
        let stones = if self.paved { paint(140, 134, 128) } else { paint(166, 156, 138) };
        canvas.paint(self.driveway.bounds(2.0), |place, spot| {
            let ragged = 0.25 * noise.fractal(place[0], place[1], 1.2, 3);
            if self.driveway.beside(place).offset.abs() < 1.5 + ragged {
                let grain = 1.0 + 0.08 * noise.fractal(place[0], place[1], 0.6, 2);
                spot.colour = scaled(stones, grain);
                spot.id = BARE_GROUND;
            }
        });
        rectangle(canvas, self.terrace, |canvas_spot, [u, v]| {
            let joint = u.rem_euclid(0.8) < 0.1 || v.rem_euclid(0.8) < 0.1;
            canvas_spot.colour = scaled(paint(172, 162, 148), if joint { 0.8 } else { 1.0 });
            canvas_spot.id = BARE_GROUND;
        });
        if let Some(bed) = self.bed {
            rectangle(canvas, bed, |spot, [u, v]| {
                let row = (v * std::f32::consts::TAU / 0.9).sin();
                let leaves = (noise.fractal(u * 2.0 + bed.0[0], v, 1.0, 2) + row) * 0.4;
                spot.colour = mix(paint(116, 90, 66), paint(84, 116, 56), leaves);
                spot.id = BARE_GROUND;
            });
        }
    }

    /// A car at the end of the driveway, if one is at home.
    pub(super) fn park(&self, canvas: &mut Canvas, dry_above_m: f32, rng: &mut Rng) {
        let (place, forward) = self.driveway.at(1.2);
        let room = self.driveway.length() > 8.0;
        if self.parked && room && canvas.at(place).elevation > dry_above_m {
            road::car(canvas, place, forward, rng);
        }
    }

    /// Whether a tree of `radius_m` would stand on the driveway, the terrace or the bed.
    pub(super) fn blocks(&self, place: Point, radius_m: f32) -> bool {
        let on = |(centre, _, half): (Point, Point, Point)| {
            distance(place, centre) < half[0] + 0.5 * radius_m
        };
        self.driveway.beside(place).offset.abs() < 1.5 + 0.6 * radius_m
            || on(self.terrace)
            || self.bed.is_some_and(on)
    }

    /// The bushes of the hedge.
    pub(super) fn hedge(&self, rng: &mut Rng) -> Vec<Tree> {
        let Some((from, to)) = self.hedge else { return Vec::new() };
        let length = distance(from, to);
        let count = (length / 0.8) as usize;
        let at = |index: usize| {
            let t = index as f32 / count.max(1) as f32;
            [from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1])]
        };
        (0..count).map(|index| Tree::new(at(index), rng.range(0.65, 0.95), rng)).collect()
    }
}

/// Calls `brush` with the place along and across, for every spot of a turned rectangle.
fn rectangle(
    canvas: &mut Canvas,
    (centre, along, half): (Point, Point, Point),
    mut brush: impl FnMut(&mut super::canvas::Spot, Point),
) {
    let reach = half[0].hypot(half[1]);
    let bounds = (centre.map(|value| value - reach), centre.map(|value| value + reach));
    canvas.paint(bounds, |place, spot| {
        let (dx, dy) = (place[0] - centre[0], place[1] - centre[1]);
        let local = [dx * along[0] + dy * along[1], dy * along[0] - dx * along[1]];
        if local[0].abs() < half[0] && local[1].abs() < half[1] {
            brush(spot, local);
        }
    });
}
