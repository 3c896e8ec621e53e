//! Closed lines along the sides of pixels.

use std::collections::HashMap;

/// A corner of pixels: column, row.
pub(super) type Corner = [u32; 2];

/// Splits a closed line where it passes a corner twice: rings that pass none twice.
pub(super) fn simple_rings(line: &[Corner]) -> Vec<Vec<Corner>> {
    let mut rings = Vec::new();
    let mut open: Vec<Corner> = Vec::with_capacity(line.len());
    let mut places: HashMap<Corner, usize> = HashMap::with_capacity(line.len());
    for &corner in line {
        if let Some(&place) = places.get(&corner) {
            let ring = open.split_off(place);
            for passed in &ring {
                places.remove(passed);
            }
            rings.push(turns(&ring));
        }
        places.insert(corner, open.len());
        open.push(corner);
    }
    rings.push(turns(&open));
    rings
}

/// Square pixels inside of a ring: above 0 where it runs counter-clockwise as displayed, rows
/// growing downwards.
pub(super) fn signed_area(ring: &[Corner]) -> i64 {
    let next = ring.iter().cycle().skip(1);
    let twice: i64 = ring
        .iter()
        .zip(next)
        .map(|(a, b)| i64::from(a[1]) * i64::from(b[0]) - i64::from(a[0]) * i64::from(b[1]))
        .sum();
    twice / 2
}

/// The corners at which a ring turns.
fn turns(ring: &[Corner]) -> Vec<Corner> {
    let count = ring.len();
    let is_turn = |at: usize| {
        let [before, here, behind] = [(at + count - 1) % count, at, (at + 1) % count];
        let is_straight = |axis: usize| {
            ring[before][axis] == ring[here][axis] && ring[here][axis] == ring[behind][axis]
        };
        !is_straight(0) && !is_straight(1)
    };
    (0..count).filter(|&at| is_turn(at)).map(|at| ring[at]).collect()
}
