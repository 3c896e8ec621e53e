//! The ground that a flight saw, each place once.

use std::collections::HashMap;

use super::footprint::Footprint;
use crate::ellipsoid::{displaced, metres_per_degree};

/// Most cells: about half a gigabyte.
const MAX_CELLS: usize = 1 << 24;

/// Square cells of ground and what the first frame that saw each found there.
///
/// A cell is of the pixel that its middle is in. Areas are counts of cells; those of one frame
/// differ from counts of its pixels by what a coarser raster does.
#[derive(Debug)]
pub struct GroundGrid {
    origin: [f64; 2],
    cell_m: f64,
    cells: HashMap<[i32; 2], u8>,
    is_full: bool,
}

impl GroundGrid {
    /// Around the camera of `footprint`, with cells of `cell_m` metres.
    pub fn new(footprint: &Footprint, cell_m: f64) -> Self {
        let position = &footprint.pose().position;
        let origin = [position.longitude_deg, position.latitude_deg];
        Self { origin, cell_m, cells: HashMap::new(), is_full: false }
    }

    /// Adds what a frame saw: `class_at` is that of a pixel of the upright image, or nothing where
    /// no image is.
    pub fn add(&mut self, footprint: &Footprint, class_at: impl Fn([u32; 2]) -> Option<u8>) {
        let corners = footprint.corners().map(|corner| self.cell(corner));
        let range = |axis: usize| {
            let sides = corners.map(|corner| corner[axis].floor() as i32);
            let [first, .., last] = sorted(sides);
            first..=last
        };
        for down in range(1) {
            for right in range(0) {
                if self.cells.contains_key(&[right, down]) {
                    continue;
                }
                let place = self.place([f64::from(right) + 0.5, f64::from(down) + 0.5]);
                let Some(class) = footprint.pixel(place).and_then(&class_at) else { continue };
                if self.cells.len() >= MAX_CELLS {
                    self.is_full = true;
                    return;
                }
                self.cells.insert([right, down], class);
            }
        }
    }

    /// Square metres that were seen, and of them those of a class; nothing if the flight saw more
    /// than the grid holds.
    pub fn areas_m2(&self, class: u8) -> Option<[f64; 2]> {
        let found = self.cells.values().filter(|&&other| other == class).count();
        let areas = [self.cells.len(), found].map(|cells| cells as f64 * self.cell_m.powi(2));
        (!self.is_full).then_some(areas)
    }

    fn cell(&self, [longitude, latitude]: [f64; 2]) -> [f64; 2] {
        let [east, north] = metres_per_degree(self.origin[1]);
        let [from_longitude, from_latitude] = self.origin;
        let metres = [(longitude - from_longitude) * east, (latitude - from_latitude) * north];
        metres.map(|metres| metres / self.cell_m)
    }

    fn place(&self, cell: [f64; 2]) -> [f64; 2] {
        displaced(self.origin, cell.map(|cell| cell * self.cell_m))
    }
}

fn sorted(mut sides: [i32; 4]) -> [i32; 4] {
    sides.sort_unstable();
    sides
}

#[cfg(test)]
mod tests {
    use super::super::footprint::tests::footprint;
    use super::*;

    #[test]
    fn an_overlap_counts_once_and_the_first_frame_decides() {
        // 80 m by 60 m of ground under 800 by 600 pixels.
        let frame = footprint(1);
        let mut grid = GroundGrid::new(&frame, 0.5);
        grid.add(&frame, |[x, _]| Some(u8::from(x < 400)));
        for class in [1, 0] {
            let [seen, found] = grid.areas_m2(class).unwrap();
            assert!((seen - 4800.0).abs() < 1.0 && (found - 2400.0).abs() < 1.0, "{seen} {found}");
        }
        grid.add(&frame, |_| Some(1));
        let [seen, found] = grid.areas_m2(1).unwrap();
        assert!((seen - 4800.0).abs() < 1.0 && (found - 2400.0).abs() < 1.0, "{seen} {found}");
    }

    #[test]
    fn what_holds_no_image_was_not_seen() {
        let frame = footprint(1);
        let mut grid = GroundGrid::new(&frame, 0.5);
        grid.add(&frame, |[_, y]| (y >= 300).then_some(1));
        assert!((grid.areas_m2(1).unwrap()[0] - 2400.0).abs() < 1.0);
    }
}
