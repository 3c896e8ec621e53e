//! From a raster of classes to the polygons of its regions.

use super::ring::{Corner, signed_area, simple_rings};

/// Pixels of one class that touch by their sides.
///
/// Valid by OGC's rules: rings pass no corner twice and touch at corners at most. The first corner
/// of a ring is not repeated at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// The class.
    pub class: u8,
    /// Pixels of it.
    pub pixels: u64,
    /// Corners, column and row, counter-clockwise as displayed.
    pub exterior: Vec<[u32; 2]>,
    /// The same of each hole, clockwise.
    pub holes: Vec<Vec<[u32; 2]>>,
}

/// Traces rasters. Keeps its buffers.
///
/// A side of a pixel whose other side is of another class is walked once, with the pixel on the
/// left. At a corner where two pixels of a class touch by nothing else, the walk stays with its
/// pixel: regions are 4-connected, as those of GDAL's polygonize are.
#[derive(Debug, Default)]
pub struct RegionTracer {
    /// For each pixel, the sides that were walked, and whether its region is known.
    seen: Vec<u8>,
    stack: Vec<u32>,
    members: Vec<u32>,
}

/// In `seen`, beside one bit a side.
const IS_KNOWN: u8 = 1 << 4;

/// Sides of a pixel, in the order of a walk around it: top, left, bottom, right. Each has its way
/// out of the pixel and the way it is walked, in columns and rows.
const SIDES: [([i64; 2], [i64; 2]); 4] =
    [([0, -1], [-1, 0]), ([-1, 0], [0, 1]), ([0, 1], [1, 0]), ([1, 0], [0, -1])];

/// Where the walk along each side begins, from the pixel's upper left corner.
const STARTS: [Corner; 4] = [[1, 0], [0, 0], [0, 1], [1, 1]];

/// A raster of classes.
#[derive(Clone, Copy)]
struct Classes<'a> {
    pixels: &'a [u8],
    width: usize,
}

impl Classes<'_> {
    /// The pixel `step` from `index`, if there is one.
    fn neighbour(self, index: usize, [right, down]: [i64; 2]) -> Option<usize> {
        let x = (index % self.width) as i64 + right;
        let y = (index / self.width) as i64 + down;
        let is_inside = x >= 0 && y >= 0 && (x as usize) < self.width;
        is_inside
            .then(|| y as usize * self.width + x as usize)
            .filter(|&index| index < self.pixels.len())
    }

    /// The same, if it is of the same class.
    fn fellow(self, index: usize, step: [i64; 2]) -> Option<usize> {
        self.neighbour(index, step).filter(|&other| self.pixels[other] == self.pixels[index])
    }
}

impl RegionTracer {
    /// Hands out the regions of `classes`, `[H, W]` with `width` columns, in the order of their
    /// first pixels, those of the classes in `skipped` left out.
    ///
    /// # Panics
    ///
    /// If `classes` has not a whole number of rows.
    pub fn trace(
        &mut self,
        classes: &[u8],
        width: usize,
        skipped: &[u8],
        mut emit: impl FnMut(Region),
    ) {
        assert!(width > 0 && classes.len().is_multiple_of(width), "{} of {width}", classes.len());
        self.seen.clear();
        self.seen.resize(classes.len(), 0);
        let raster = Classes { pixels: classes, width };
        for (first, class) in classes.iter().enumerate() {
            if self.seen[first] & IS_KNOWN == 0 && !skipped.contains(class) {
                self.collect(raster, first);
                emit(self.region(raster, *class));
            }
        }
    }

    /// Takes the pixels of the region of `first` into `members`.
    fn collect(&mut self, raster: Classes<'_>, first: usize) {
        self.members.clear();
        self.seen[first] |= IS_KNOWN;
        self.stack.push(first as u32);
        while let Some(index) = self.stack.pop() {
            self.members.push(index);
            for (out, _) in SIDES {
                if let Some(other) = raster.fellow(index as usize, out)
                    && self.seen[other] & IS_KNOWN == 0
                {
                    self.seen[other] |= IS_KNOWN;
                    self.stack.push(other as u32);
                }
            }
        }
    }

    /// The polygon of `members`. Every ring has a top side: it goes left somewhere.
    fn region(&mut self, raster: Classes<'_>, class: u8) -> Region {
        let mut region = Region {
            class,
            pixels: self.members.len() as u64,
            exterior: Vec::new(),
            holes: Vec::new(),
        };
        for at in 0..self.members.len() {
            let index = self.members[at] as usize;
            if self.seen[index] & 1 != 0 || raster.fellow(index, SIDES[0].0).is_some() {
                continue;
            }
            for ring in simple_rings(&self.walk(raster, index)) {
                if signed_area(&ring) > 0 {
                    region.exterior = ring;
                } else {
                    region.holes.push(ring);
                }
            }
        }
        region
    }

    /// The corners from the top side of a pixel around to it.
    fn walk(&mut self, raster: Classes<'_>, start: usize) -> Vec<Corner> {
        let mut corners = Vec::new();
        let (mut pixel, mut side) = (start, 0);
        while self.seen[pixel] & (1 << side) == 0 {
            self.seen[pixel] |= 1 << side;
            let [right, down] = STARTS[side];
            let column = (pixel % raster.width) as u32 + right;
            corners.push([column, (pixel / raster.width) as u32 + down]);
            let (out, ahead) = SIDES[side];
            (pixel, side) = match raster.fellow(pixel, ahead) {
                None => (pixel, (side + 1) % 4),
                Some(next) => match raster.fellow(next, out) {
                    None => (next, side),
                    Some(beyond) => (beyond, (side + 3) % 4),
                },
            };
        }
        corners
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regions(width: usize, rows: &str) -> Vec<Region> {
        let classes: Vec<u8> =
            rows.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect();
        let mut found = Vec::new();
        RegionTracer::default().trace(&classes, width, &[0], |region| found.push(region));
        found
    }

    #[test]
    fn a_region_with_a_hole_has_both_rings() {
        let found = regions(4, "1110 1010 1110");
        let [region] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((region.class, region.pixels), (1, 8));
        assert_eq!(region.exterior, [[0, 0], [0, 3], [3, 3], [3, 0]]);
        assert_eq!(region.holes, [vec![[2, 2], [1, 2], [1, 1], [2, 1]]]);
    }

    #[test]
    fn pixels_that_touch_at_a_corner_are_two_regions() {
        let found = regions(2, "12 21");
        assert_eq!(found.len(), 4);
        assert!(found.iter().all(|region| region.pixels == 1 && region.exterior.len() == 4));
    }

    #[test]
    fn a_hole_that_reaches_the_border_by_a_corner_is_a_ring_of_its_own() {
        // The empty pixel at the right border and the one in the middle touch at a corner.
        let found = regions(3, "111 101 110");
        let [region] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(region.pixels, 7);
        assert_eq!(region.holes.len(), 1);
        assert_eq!(signed_area(&region.exterior) + signed_area(&region.holes[0]), 7);
    }

    /// Areas of rings are counts of pixels, in rasters of noise.
    #[test]
    fn rings_enclose_the_pixels_of_their_region() {
        let mut state = 1_u32;
        for width in 1..40 {
            let classes: Vec<u8> = (0..width * 31)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 30) as u8
                })
                .collect();
            let mut pixels = 0;
            RegionTracer::default().trace(&classes, width, &[0], |region| {
                let holes: i64 = region.holes.iter().map(|hole| signed_area(hole)).sum();
                assert_eq!(signed_area(&region.exterior) + holes, region.pixels as i64);
                assert!(region.holes.iter().all(|hole| signed_area(hole) < 0));
                pixels += region.pixels;
            });
            let expected = classes.iter().filter(|&&class| class != 0).count();
            assert_eq!(pixels, expected as u64);
        }
    }
}
