//! Parts of an image as annotation programs say them, drawn into a mask.

use rszs_data::IndexMask;

/// Where something is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Region {
    /// Closed lines of `[x, y]` in pixels from the upper left corner; what an odd number of them
    /// encloses is inside.
    Rings(Vec<Vec<[f64; 2]>>),
    /// COCO's runs down the columns, the first of them outside.
    Runs(Vec<usize>),
}

impl Region {
    /// Pixels inside, at least about: what is large is drawn before what is small.
    pub(super) fn area(&self) -> f64 {
        match self {
            Self::Rings(rings) => rings.iter().map(|ring| enclosed(ring)).sum::<f64>().abs(),
            Self::Runs(runs) => runs.iter().skip(1).step_by(2).sum::<usize>() as f64,
        }
    }

    /// Gives `index` to every pixel whose centre is inside. False if runs end before the mask or
    /// after it.
    #[must_use]
    pub(super) fn draw(&self, mask: &mut IndexMask, index: u8) -> bool {
        match self {
            Self::Rings(rings) => fill(mask, rings, index),
            Self::Runs(runs) => {
                if runs.iter().try_fold(0_usize, |sum, &run| sum.checked_add(run))
                    != Some(mask.ids.len())
                {
                    return false;
                }
                let mut at = 0;
                for (place, &run) in runs.iter().enumerate() {
                    for pixel in (at..at + run).filter(|_| place % 2 == 1) {
                        let (x, y) = (pixel / mask.height, pixel % mask.height);
                        mask.ids[y * mask.width + x] = index;
                    }
                    at += run;
                }
            }
        }
        true
    }
}

/// The area of a ring, by the shoelace formula.
fn enclosed(ring: &[[f64; 2]]) -> f64 {
    let next = ring.iter().cycle().skip(1);
    0.5 * ring.iter().zip(next).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum::<f64>()
}

/// Row by row: where the rings cross the row's centre line, inside and outside change.
fn fill(mask: &mut IndexMask, rings: &[Vec<[f64; 2]>], index: u8) {
    let mut crossings = Vec::new();
    for y in 0..mask.height {
        let line = y as f64 + 0.5;
        crossings.clear();
        for ring in rings {
            for (a, b) in ring.iter().zip(ring.iter().cycle().skip(1)) {
                if (a[1] <= line) != (b[1] <= line) {
                    crossings.push(a[0] + (line - a[1]) * (b[0] - a[0]) / (b[1] - a[1]));
                }
            }
        }
        crossings.sort_unstable_by(f64::total_cmp);
        for pair in crossings.as_chunks::<2>().0 {
            let [from, to] = pair.map(|x| (x - 0.5).ceil().clamp(0.0, mask.width as f64) as usize);
            mask.ids[y * mask.width..][from..to].fill(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(region: &Region) -> Vec<u8> {
        let mut mask = IndexMask::filled(4, 3, 0);
        assert!(region.draw(&mut mask, 7));
        mask.ids
    }

    #[test]
    fn a_square_with_a_hole_leaves_the_hole() {
        let square = |from: f64, to: f64| vec![[from, from], [to, from], [to, to], [from, to]];
        let region = Region::Rings(vec![square(0.0, 3.0), square(1.0, 2.0)]);
        assert_eq!(drawn(&region), [7, 7, 7, 0, 7, 0, 7, 0, 7, 7, 7, 0]);
    }

    #[test]
    fn a_ring_that_reaches_beyond_the_image_is_cut_at_its_edge() {
        let region = Region::Rings(vec![vec![[-5.0, -5.0], [9.0, -5.0], [9.0, 1.0], [-5.0, 1.0]]]);
        assert_eq!(drawn(&region), [7, 7, 7, 7, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn runs_go_down_the_columns_and_must_fill_the_image() {
        assert_eq!(drawn(&Region::Runs(vec![2, 2, 8])), [0, 7, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0]);
        let mut mask = IndexMask::filled(4, 3, 0);
        assert!(
            !Region::Runs(vec![2, 2]).draw(&mut mask, 1)
                && !Region::Runs(vec![usize::MAX, 2]).draw(&mut mask, 1)
        );
    }
}
