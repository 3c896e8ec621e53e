//! Smooth lines on the ground: rivers, roads, streets.

/// A place, in metres from the upper left corner of the scene.
pub(super) type Point = [f32; 2];

/// Distance between two places.
pub(super) fn distance(a: Point, b: Point) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// A polyline through given points, smoothed.
#[derive(Debug, Clone)]
pub(super) struct Path {
    points: Vec<Point>,
    /// Metres from the start to each point.
    mileage: Vec<f32>,
}

/// Where a place lies relative to a path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beside {
    /// Distance from the path; negative on the left of the direction of travel.
    pub offset: f32,
    /// Metres travelled up to the nearest point.
    pub along: f32,
}

impl Path {
    /// A Catmull-Rom curve through `corners` (at least two), a point every few metres.
    pub(super) fn through(corners: &[Point]) -> Self {
        const PARTS: usize = 10;
        let corner = |index: isize| corners[index.clamp(0, corners.len() as isize - 1) as usize];
        let mut points = Vec::new();
        for span in 0..corners.len() as isize - 1 {
            let [a, b, c, d] = [-1, 0, 1, 2].map(|step| corner(span + step));
            for part in 0..PARTS {
                let t = part as f32 / PARTS as f32;
                points.push(std::array::from_fn(|axis| {
                    let (a, b, c, d) = (a[axis], b[axis], c[axis], d[axis]);
                    let linear = c - a;
                    let square = 2.0 * a - 5.0 * b + 4.0 * c - d;
                    let cubic = 3.0 * b - a - 3.0 * c + d;
                    b + 0.5 * t * (linear + t * (square + t * cubic))
                }));
            }
        }
        points.push(corner(corners.len() as isize - 1));
        let mut mileage = vec![0.0];
        for pair in points.windows(2) {
            mileage.push(mileage[mileage.len() - 1] + distance(pair[0], pair[1]));
        }
        Self { points, mileage }
    }

    pub(super) fn length(&self) -> f32 {
        self.mileage[self.mileage.len() - 1]
    }

    /// The place `along` metres from the start, and the direction of travel there, of length 1.
    pub(super) fn at(&self, along: f32) -> (Point, Point) {
        let span =
            self.mileage.partition_point(|&mile| mile < along).clamp(1, self.points.len() - 1);
        let (a, b) = (self.points[span - 1], self.points[span]);
        let length = (self.mileage[span] - self.mileage[span - 1]).max(1e-6);
        let t = (along - self.mileage[span - 1]) / length;
        let direction = [(b[0] - a[0]) / length, (b[1] - a[1]) / length];
        ([a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])], direction)
    }

    /// Where `place` lies.
    pub(super) fn beside(&self, place: Point) -> Beside {
        let (mut nearest, mut side, mut along) = (f32::INFINITY, 1.0, 0.0);
        for (span, pair) in self.points.windows(2).enumerate() {
            let (a, b) = (pair[0], pair[1]);
            let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
            let (px, py) = (place[0] - a[0], place[1] - a[1]);
            let t = ((px * dx + py * dy) / (dx * dx + dy * dy).max(1e-9)).clamp(0.0, 1.0);
            let (rx, ry) = (px - t * dx, py - t * dy);
            let squared = rx * rx + ry * ry;
            if squared < nearest {
                nearest = squared;
                side = if dx * py - dy * px < 0.0 { -1.0 } else { 1.0 };
                along = self.mileage[span] + t * (self.mileage[span + 1] - self.mileage[span]);
            }
        }
        Beside { offset: side * nearest.sqrt(), along }
    }

    /// Smallest box around the path, `margin` wider on every side.
    pub(super) fn bounds(&self, margin: f32) -> (Point, Point) {
        let mut low = [f32::INFINITY; 2];
        let mut high = [f32::NEG_INFINITY; 2];
        for point in &self.points {
            for axis in 0..2 {
                low[axis] = low[axis].min(point[axis] - margin);
                high[axis] = high[axis].max(point[axis] + margin);
            }
        }
        (low, high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_path_measures_offset_and_mileage() {
        let path = Path::through(&[[0.0, 0.0], [10.0, 0.0]]);
        assert!((path.length() - 10.0).abs() < 1e-4);
        let beside = path.beside([4.0, 3.0]);
        assert!(
            (beside.offset - 3.0).abs() < 1e-4 && (beside.along - 4.0).abs() < 1e-4,
            "{beside:?}"
        );
        assert!((path.beside([4.0, -3.0]).offset + 3.0).abs() < 1e-4);
        assert!(distance(path.at(7.0).0, [7.0, 0.0]) < 1e-4);
    }

    #[test]
    fn a_curve_goes_through_its_corners() {
        let corners = [[0.0, 0.0], [10.0, 5.0], [20.0, -3.0], [35.0, 8.0]];
        let path = Path::through(&corners);
        assert!(corners.iter().all(|&corner| path.beside(corner).offset.abs() < 1e-3));
    }
}
