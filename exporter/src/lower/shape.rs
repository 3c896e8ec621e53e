//! Target shapes of `Reshape` and `Expand` with symbols in them, and scales of `Resize`.

use rszs_graph::{Dim, Shape};

/// One axis of a target shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    /// Written as it is: a length, 0 (as in the input) or -1 (whatever is left).
    Written(i64),
    /// Known when inputs have arrived.
    AtRunTime(Dim),
}

/// What `Reshape` needs to turn `from` into `to`: lengths where fixed, 0 where an axis stays in its
/// place, one -1, and the rest at run time.
pub(super) fn reshape_target(from: &Shape, to: &Shape) -> Vec<Axis> {
    let unresolved =
        |index: usize, dim: Dim| dim.as_fixed().is_none() && from.0.get(index) != Some(&dim);
    // The axis with the most factors is the most work at run time: it is what is left.
    let factors = |dim: Dim| (dim.factors().1 + dim.factors().2, dim.factors().0);
    let open = to.0.iter().enumerate().filter(|&(index, &dim)| unresolved(index, dim));
    let left_over = open.max_by_key(|&(index, &dim)| (factors(dim), index)).map(|(index, _)| index);
    let axis = |(index, &dim): (usize, &Dim)| match dim.as_fixed() {
        Some(length) => Axis::Written(length as i64),
        None if left_over == Some(index) => Axis::Written(-1),
        None if unresolved(index, dim) => Axis::AtRunTime(dim),
        None => Axis::Written(0),
    };
    to.0.iter().enumerate().map(axis).collect()
}

/// What `Expand` needs to repeat `from` up to `to`: 1 where an axis stays as it is.
pub(super) fn expand_target(from: &Shape, to: &Shape) -> Vec<Axis> {
    let missing = to.rank() - from.rank();
    let axis = |(index, &dim): (usize, &Dim)| match dim.as_fixed() {
        Some(length) => Axis::Written(length as i64),
        None if index.checked_sub(missing).is_some_and(|index| from.0[index] == dim) => {
            Axis::Written(1)
        }
        None => Axis::AtRunTime(dim),
    };
    to.0.iter().enumerate().map(axis).collect()
}

/// The factor that makes `to` pixels of `from`. Engines round the product down, so it must not fall
/// short.
pub(super) fn resize_scale(from: usize, to: usize) -> f32 {
    let scale = to as f32 / from as f32;
    if (scale * from as f32) < to as f32 { scale.next_up() } else { scale }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rszs_graph::{K, N};

    fn text(target: &[Axis]) -> String {
        let axis = |axis: &Axis| match axis {
            Axis::Written(length) => length.to_string(),
            Axis::AtRunTime(dim) => dim.to_string(),
        };
        target.iter().map(axis).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_reshape_is_written_as_far_as_possible() {
        let d = Dim::fixed;
        let cases: [(Shape, Shape, &str); 5] = [
            ([N, d(16), d(8)].into(), [N, d(4), d(32)].into(), "0 4 32"),
            ([N, K, d(4), d(9)].into(), [N * K, d(4), d(3), d(3)].into(), "-1 4 3 3"),
            ([N, d(1), K, d(9)].into(), [N, K, d(1), d(9)].into(), "0 -1 1 9"),
            ([N * K, d(1), d(3), d(3)].into(), [N, K, d(3), d(3)].into(), "N -1 3 3"),
            ([d(2), d(3)].into(), [d(6)].into(), "6"),
        ];
        for (from, to, expected) in cases {
            assert_eq!(text(&reshape_target(&from, &to)), expected, "{from} to {to}");
        }
    }

    #[test]
    fn an_expansion_repeats_only_what_is_repeated() {
        let class_token = Shape::from([1, 1, 8]);
        assert_eq!(text(&expand_target(&class_token, &[N, 1.into(), 8.into()].into())), "N 1 8");
        let kept = Shape::from([N, 1.into(), 8.into()]);
        assert_eq!(text(&expand_target(&kept, &[N, 5.into(), 8.into()].into())), "1 5 8");
    }

    #[test]
    fn every_resize_scale_gives_the_wanted_size_when_rounded_down() {
        for from in 1..200 {
            for to in 1..200 {
                assert_eq!((resize_scale(from, to) * from as f32) as usize, to, "{from} to {to}");
            }
        }
    }
}
