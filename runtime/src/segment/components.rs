//! The connected parts of a mask.

use rszs_hot::{Bounds, words_per_row};

/// One connected part: pixels that touch at a side or a corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Component {
    /// Pixels.
    pub pixels: u64,
    /// Smallest rectangle around it.
    pub bounds: Bounds,
    /// Mean of its pixels' centres, the first pixel's being (0.5, 0.5).
    pub centroid_px: (f64, f64),
    /// Mean score, in [0, 1].
    pub mean_score: f64,
}

/// Sums over a part.
#[derive(Debug, Clone, Copy)]
struct Sums {
    pixels: u64,
    x: u64,
    y: u64,
    score: u64,
    bounds: Bounds,
}

/// A run of a row: columns from `left` up to, not with, `right`, and its part.
#[derive(Debug, Clone, Copy)]
struct Run {
    left: u32,
    right: u32,
    part: usize,
}

/// The parts of `mask: [H, words_per_row(W)]`, the largest first, of equal ones the upper left one
/// first; at most `most`. `scores: [H, W]` are bytes, 255 being 1.
pub fn components(mask: &[u64], width_px: u32, scores: &[u8], most: usize) -> Vec<Component> {
    let words = words_per_row(width_px);
    let mut parts = Parts::default();
    let (mut above, mut row) = (Vec::new(), Vec::new());
    for (y, bits) in (0..).zip(mask.chunks_exact(words.max(1))) {
        row.clear();
        let scores = &scores[y as usize * width_px as usize..][..width_px as usize];
        runs(bits, width_px, |left, right| {
            let part = parts.add(left, right, y, &scores[left as usize..right as usize]);
            row.push(Run { left, right, part });
        });
        join_touching(&above, &row, &mut parts);
        std::mem::swap(&mut above, &mut row);
    }
    let mut all = parts.finish();
    all.sort_by_key(|sums| (u64::MAX - sums.pixels, sums.bounds.top_px, sums.bounds.left_px));
    all.truncate(most);
    all.iter().map(Sums::component).collect()
}

/// Hands out the runs of set bits of one row.
fn runs(bits: &[u64], width_px: u32, mut found: impl FnMut(u32, u32)) {
    let mut start = None;
    for (word, first) in bits.iter().zip((0..width_px).step_by(64)) {
        if (*word == 0 && start.is_none()) || (*word == u64::MAX && start.is_some()) {
            continue;
        }
        for x in first..(first + 64).min(width_px) {
            match (word >> (x - first) & 1 == 1, start) {
                (true, None) => start = Some(x),
                (false, Some(left)) => {
                    found(left, x);
                    start = None;
                }
                _ => {}
            }
        }
    }
    if let Some(left) = start {
        found(left, width_px);
    }
}

/// Joins runs of a row with those of the row above that they touch.
fn join_touching(above: &[Run], row: &[Run], parts: &mut Parts) {
    let mut first = 0;
    for run in row {
        while above.get(first).is_some_and(|upper| upper.right < run.left) {
            first += 1;
        }
        let touching = above[first..].iter().take_while(|upper| upper.left <= run.right);
        touching.for_each(|upper| parts.join(upper.part, run.part));
    }
}

/// Parts as trees of runs that have been joined.
#[derive(Debug, Default)]
struct Parts {
    parents: Vec<usize>,
    sums: Vec<Sums>,
}

impl Parts {
    fn add(&mut self, left: u32, right: u32, y: u32, scores: &[u8]) -> usize {
        let count = u64::from(right - left);
        let (first, last) = (u64::from(left), u64::from(right) - 1);
        self.sums.push(Sums {
            pixels: count,
            x: (first + last) * count / 2,
            y: u64::from(y) * count,
            score: scores.iter().map(|&score| u64::from(score)).sum(),
            bounds: Bounds { left_px: left, top_px: y, right_px: right - 1, bottom_px: y },
        });
        self.parents.push(self.parents.len());
        self.parents.len() - 1
    }

    fn root(&mut self, mut part: usize) -> usize {
        while self.parents[part] != part {
            self.parents[part] = self.parents[self.parents[part]];
            part = self.parents[part];
        }
        part
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        let (low, high) = (a.min(b), a.max(b));
        if low != high {
            self.parents[high] = low;
            let added = self.sums[high];
            self.sums[low].merge(&added);
        }
    }

    fn finish(self) -> Vec<Sums> {
        let is_root = self.parents.iter().enumerate().map(|(at, parent)| at == *parent);
        is_root.zip(self.sums).filter_map(|(is_root, sums)| is_root.then_some(sums)).collect()
    }
}

impl Sums {
    fn merge(&mut self, other: &Self) {
        self.pixels += other.pixels;
        self.x += other.x;
        self.y += other.y;
        self.score += other.score;
        let (a, b) = (self.bounds, other.bounds);
        self.bounds = Bounds {
            left_px: a.left_px.min(b.left_px),
            top_px: a.top_px.min(b.top_px),
            right_px: a.right_px.max(b.right_px),
            bottom_px: a.bottom_px.max(b.bottom_px),
        };
    }

    fn component(&self) -> Component {
        let mean = |sum: u64| sum as f64 / self.pixels as f64;
        Component {
            pixels: self.pixels,
            bounds: self.bounds,
            centroid_px: (mean(self.x) + 0.5, mean(self.y) + 0.5),
            mean_score: mean(self.score) / f64::from(u8::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts of a mask drawn with `#`, a row a line.
    fn parts(rows: &[&str], most: usize) -> Vec<Component> {
        let width = rows[0].len() as u32;
        let words = words_per_row(width);
        let mut mask = vec![0; rows.len() * words];
        for (y, row) in rows.iter().enumerate() {
            for (x, _) in row.bytes().enumerate().filter(|(_, letter)| *letter == b'#') {
                mask[y * words + x / 64] |= 1 << (x % 64);
            }
        }
        components(&mask, width, &vec![51; rows.len() * width as usize], most)
    }

    #[test]
    fn parts_touch_at_sides_and_corners_and_the_largest_is_first() {
        let found = parts(&["#..##.", ".#...#", "......", "#.....", "#.###."], 9);
        let sizes: Vec<u64> = found.iter().map(|one| one.pixels).collect();
        assert_eq!(sizes, [3, 3, 2, 2]);
        let first = found[0];
        assert_eq!(first.bounds, Bounds { left_px: 3, top_px: 0, right_px: 5, bottom_px: 1 });
        assert!((first.centroid_px.0 - 4.5).abs() < 1e-9);
        assert!((first.centroid_px.1 - (0.5 + 1.0 / 3.0)).abs() < 1e-9);
        assert!((first.mean_score - 0.2).abs() < 1e-9);
        assert_eq!(found[1].bounds.left_px, 2);
    }

    #[test]
    fn arms_that_meet_below_are_one() {
        assert_eq!(parts(&["#.#.#", "#.#.#", "#####"], 9).len(), 1);
        assert_eq!(parts(&["#####", "#...#", "#.#.#"], 9).len(), 2);
    }

    #[test]
    fn runs_cross_words_and_only_so_many_are_given() {
        let row = format!("{}{}{}", ".".repeat(60), "#".repeat(140), ".#");
        let found = parts(&[&row], 1);
        assert_eq!((found.len(), found[0].pixels), (1, 140));
        assert_eq!(found[0].bounds.left_px, 60);
        assert!(parts(&["..."], 5).is_empty());
    }
}
