//! The ways to lay a square on itself.

/// One of the eight ways.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    /// Left becomes right.
    pub flip_x: bool,
    /// Up becomes down.
    pub flip_y: bool,
    /// Rows become columns.
    pub transpose: bool,
}

impl Turn {
    /// `source: [side, side]` of anything.
    pub(crate) fn apply<T: Copy>(self, side: usize, source: &[T]) -> Vec<T> {
        let mut turned = Vec::with_capacity(source.len());
        for y in 0..side {
            for x in 0..side {
                let (u, v) = if self.transpose { (y, x) } else { (x, y) };
                let u = if self.flip_x { side - 1 - u } else { u };
                let v = if self.flip_y { side - 1 - v } else { v };
                turned.push(source[v * side + u]);
            }
        }
        turned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_turn_is_a_transposition_and_a_flip() {
        let turn = Turn { flip_x: false, flip_y: true, transpose: true };
        assert_eq!(turn.apply(2, &[1, 2, 3, 4]), [3, 1, 4, 2]);
        let stay = Turn { flip_x: false, flip_y: false, transpose: false };
        assert_eq!(stay.apply(2, &[1, 2, 3, 4]), [1, 2, 3, 4]);
    }
}
