//! What a scene is painted on: colour, elevation and class of every spot of ground.

use super::path::Point;

/// Reflectance of red, green and blue, linear in light, 0 to 1.
pub(super) type Colour = [f32; 3];

/// Reflectance from the 8-bit values one would see in bright sun. The square stands for the sRGB
/// curve.
pub(super) fn paint(red: u8, green: u8, blue: u8) -> Colour {
    [red, green, blue].map(|value| (f32::from(value) / 255.0).powi(2))
}

/// `a` where `t` is 0, `b` where `t` is 1.
pub(super) fn mix(a: Colour, b: Colour, t: f32) -> Colour {
    let t = t.clamp(0.0, 1.0);
    std::array::from_fn(|channel| a[channel] + (b[channel] - a[channel]) * t)
}

/// `colour`, `factor` times as bright.
pub(super) fn scaled(colour: Colour, factor: f32) -> Colour {
    colour.map(|value| value * factor)
}

/// One spot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    pub colour: Colour,
    /// Metres above the lowest ground.
    pub elevation: f32,
    /// Class index.
    pub id: u8,
}

/// The spots of a scene, row after row.
#[derive(Debug)]
pub(super) struct Canvas {
    pub width: usize,
    pub height: usize,
    /// Distance between two spots.
    pub spacing_m: f32,
    /// Metres from the scene's corner to the canvas's.
    pub origin: Point,
    pub spots: Vec<Spot>,
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize, spacing_m: f32, origin: Point) -> Self {
        let spot = Spot { colour: [0.0; 3], elevation: 0.0, id: 0 };
        Self { width, height, spacing_m, origin, spots: vec![spot; width * height] }
    }

    /// Calls `brush` for every spot between `low` and `high`.
    pub(super) fn paint(
        &mut self,
        (low, high): (Point, Point),
        mut brush: impl FnMut(Point, &mut Spot),
    ) {
        let index = |axis: usize, value: f32, size: usize| {
            ((value - self.origin[axis]) / self.spacing_m).clamp(0.0, size as f32) as usize
        };
        let columns = index(0, low[0], self.width)..index(0, high[0] + self.spacing_m, self.width);
        for row in index(1, low[1], self.height)..index(1, high[1] + self.spacing_m, self.height) {
            for column in columns.clone() {
                let place = self.place(column, row);
                brush(place, &mut self.spots[row * self.width + column]);
            }
        }
    }

    /// Calls `brush` for every spot.
    pub(super) fn paint_all(&mut self, brush: impl FnMut(Point, &mut Spot)) {
        self.paint((self.origin, self.place(self.width, self.height)), brush);
    }

    /// The middle of a spot.
    fn place(&self, column: usize, row: usize) -> Point {
        let along =
            |axis: usize, index: usize| self.origin[axis] + (index as f32 + 0.5) * self.spacing_m;
        [along(0, column), along(1, row)]
    }

    /// The spot at a place; the nearest one for places outside.
    pub(super) fn at(&self, place: Point) -> Spot {
        let index = |axis: usize, size: usize| {
            ((place[axis] - self.origin[axis]) / self.spacing_m).clamp(0.0, size as f32 - 1.0)
                as usize
        };
        self.spots[index(1, self.height) * self.width + index(0, self.width)]
    }
}
