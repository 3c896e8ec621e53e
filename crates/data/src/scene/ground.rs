//! The land: a river valley, fields, gardens, and the water over them.

use super::canvas::{Canvas, Colour, mix, paint, scaled};
use super::noise::Noise;
use super::path::{Path, Point};
use super::{BARE_GROUND, FLOOD_WATER, VEGETATION};

/// Height of the flood above the river's bed.
pub(super) const WATER_LEVEL_M: f32 = 2.6;

/// The lie of the land.
#[derive(Debug)]
pub(super) struct Ground {
    noise: Noise,
    pub river: Path,
    /// Where people live: gardens instead of fields within reach of these streets.
    pub streets: Vec<Path>,
    /// Turn of the field grid.
    field_turn: f32,
}

/// What grows on a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Field {
    Crop(Colour),
    Meadow,
    Ploughed,
    Orchard,
}

/// A field and where a place lies in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct InField {
    pub field: Field,
    /// Metres to the nearest border.
    pub border: f32,
    /// Metres along and across the rows.
    pub rows: Point,
    /// Whether a hedge stands on the nearest border.
    pub hedge: bool,
}

impl Ground {
    pub(super) fn new(noise: Noise, river: Path, streets: Vec<Path>, field_turn: f32) -> Self {
        Self { noise, river, streets, field_turn }
    }

    /// Metres above the river's bed.
    pub(super) fn elevation(&self, place: Point) -> f32 {
        let [x, y] = place;
        let reach = self.river.beside(place).offset.abs();
        let valley = 0.05 * reach - 0.6 * (-(reach / 14.0).powi(2)).exp();
        let waves = 1.1 * self.noise.fractal(x, y, 70.0, 3)
            + 0.25 * self.noise.fractal(x + 900.0, y, 9.0, 3);
        valley + waves
    }

    /// Metres to the nearest street.
    pub(super) fn to_street(&self, place: Point) -> f32 {
        self.streets
            .iter()
            .map(|street| street.beside(place).offset.abs())
            .fold(f32::INFINITY, f32::min)
    }

    /// The street a house at this place would belong to.
    pub(super) fn nearest_street(&self, place: Point) -> Option<&Path> {
        let offset = |street: &&Path| street.beside(place).offset.abs();
        self.streets.iter().min_by(|a, b| offset(a).total_cmp(&offset(b)))
    }

    /// The field at a place: an irregular grid, turned.
    pub(super) fn field(&self, place: Point) -> InField {
        let (sin, cos) = self.field_turn.sin_cos();
        let (u, v) = (cos * place[0] + sin * place[1], cos * place[1] - sin * place[0]);
        let (column, left, right) = self.strip(u, 62.0, 11);
        let (row, top, bottom) = self.strip(v, 48.0, 100 + column);
        let hash = |salt: i32| self.noise.cell(column * 7 + salt, row * 13 - salt);
        let field = match (hash(1) * 10.0) as u32 {
            0..=1 => Field::Ploughed,
            2..=4 => Field::Meadow,
            5 => Field::Orchard,
            6 => Field::Crop(paint(118, 142, 62)),
            7 => Field::Crop(paint(74, 116, 54)),
            8 => Field::Crop(paint(136, 150, 76)),
            _ => Field::Crop(paint(92, 128, 66)),
        };
        let border = left.min(right).min(top).min(bottom);
        let rows = if hash(2) < 0.5 { [u, v] } else { [v, u] };
        // A hedge belongs to a line of the grid, so both fields beside it agree.
        let line = if left.min(right) < top.min(bottom) {
            self.noise.cell(column + i32::from(right < left), 77)
        } else {
            self.noise.cell(row + i32::from(bottom < top), 1_000 + column)
        };
        InField { field, border, rows, hedge: line < 0.45 }
    }

    /// The strip of about `width` metres that holds `position`, and the distances to its two ends.
    fn strip(&self, position: f32, width: f32, salt: i32) -> (i32, f32, f32) {
        let end = |index: i32| (index as f32 + 0.45 * (self.noise.cell(index, salt) - 0.5)) * width;
        let mut index = (position / width).floor() as i32;
        if position < end(index) {
            index -= 1;
        } else if position >= end(index + 1) {
            index += 1;
        }
        (index, position - end(index), end(index + 1) - position)
    }

    /// Paints fields and gardens.
    pub(super) fn paint_land(&self, canvas: &mut Canvas) {
        canvas.paint_all(|place, spot| {
            let [x, y] = place;
            spot.elevation = self.elevation(place);
            let grain = 1.0
                + 0.10 * self.noise.fractal(x, y, 1.1, 2)
                + 0.12 * self.noise.fractal(x, y, 13.0, 3);
            let village = self.to_street(place) + 6.0 * self.noise.fractal(x, y, 18.0, 2) < 32.0;
            let (colour, id) = if village { self.garden(place) } else { self.farmland(place) };
            // Soil soaks up water near the shore.
            let wet = (1.0 - (spot.elevation - WATER_LEVEL_M) / 0.5).clamp(0.0, 1.0);
            let mud = paint(112, 92, 68);
            spot.colour = scaled(mix(colour, mud, 0.75 * wet * wet), grain);
            spot.id = if wet > 0.8 { BARE_GROUND } else { id };
        });
    }

    fn farmland(&self, place: Point) -> (Colour, u8) {
        let [x, y] = place;
        let InField { field, border, rows, .. } = self.field(place);
        let grass = self.grass(place);
        if border < 0.9 + 0.4 * self.noise.fractal(x, y, 4.0, 2) {
            return (scaled(grass, 0.85), VEGETATION);
        }
        let wobble = 0.3 * self.noise.fractal(x, y, 25.0, 2);
        let furrow = ((rows[1] + wobble) * std::f32::consts::TAU / 1.3).sin();
        // The sprayer's wheels leave two lines every 18 m.
        let wheel = (rows[1] + wobble).rem_euclid(18.0);
        let tramline = (wheel < 0.5) || (2.0..2.5).contains(&wheel);
        let soil = self.soil(place);
        match field {
            Field::Meadow => (grass, VEGETATION),
            Field::Orchard => (scaled(grass, 0.9 + 0.08 * furrow), VEGETATION),
            Field::Ploughed => (scaled(soil, 0.92 + 0.10 * furrow), BARE_GROUND),
            Field::Crop(crop) => {
                let thin = 0.12 + 0.14 * furrow + 0.22 * self.noise.fractal(x, y, 22.0, 3);
                let bare = if tramline { 0.55 } else { thin.max(0.0) };
                (mix(crop, soil, bare), VEGETATION)
            }
        }
    }

    fn garden(&self, place: Point) -> (Colour, u8) {
        let [x, y] = place;
        let worn = self.noise.fractal(x, y + 500.0, 6.0, 3);
        let lawn = self.grass(place);
        if worn > 0.52 {
            return (mix(lawn, self.soil(place), 0.8), BARE_GROUND);
        }
        (mix(lawn, self.soil(place), 0.5 * (worn - 0.2)), VEGETATION)
    }

    fn grass(&self, [x, y]: Point) -> Colour {
        let dry = 0.5 + 0.8 * self.noise.fractal(x, y + 200.0, 30.0, 4);
        let tuft = 1.0 + 0.16 * self.noise.fractal(x, y, 2.5, 3);
        scaled(mix(paint(88, 118, 62), paint(132, 136, 84), dry), tuft)
    }

    fn soil(&self, [x, y]: Point) -> Colour {
        let damp = 0.5 + 0.7 * self.noise.fractal(x - 400.0, y, 16.0, 3);
        mix(paint(150, 122, 92), paint(120, 96, 72), damp)
    }

    /// Covers everything below [`WATER_LEVEL_M`]. Shallow water lets the ground through.
    pub(super) fn flood(&self, canvas: &mut Canvas) {
        canvas.paint_all(|place, spot| {
            let depth = WATER_LEVEL_M - spot.elevation;
            if depth <= 0.0 {
                return;
            }
            let [x, y] = place;
            let beside = self.river.beside(place);
            // Streaks follow the current, faster in the middle.
            let current = (-(beside.offset / 26.0).powi(2)).exp();
            let bend = 2.5 * self.noise.fractal(x, y, 20.0, 2);
            let streak =
                self.noise.fractal(beside.along * 0.10, (beside.offset + bend) * 0.55, 1.6, 4);
            let calm = self.noise.fractal(x, y + 700.0, 34.0, 3);
            let silt = mix(paint(126, 108, 84), paint(158, 134, 102), 0.5 + 0.5 * calm);
            let water = scaled(silt, 1.0 + (0.06 + 0.14 * current) * streak);
            let clear = (-depth / 0.22).exp();
            spot.colour = mix(water, scaled(spot.colour, 0.7), 0.65 * clear);
            let ripple = self.noise.fractal(x * 1.4, y * 1.4, 1.0, 2);
            spot.elevation = WATER_LEVEL_M + 0.012 * ripple * (0.4 + current);
            spot.id = FLOOD_WATER;
        });
    }
}
