//! Smooth random fields over the plane.

/// A family of fields; every `seed` is another one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noise {
    seed: u32,
}

impl Noise {
    pub(super) fn new(seed: u32) -> Self {
        Self { seed }
    }

    /// White noise: a number in `[0, 1)` for each cell of the integer grid.
    pub(super) fn cell(self, x: i32, y: i32) -> f32 {
        let mut hash =
            (x as u32).wrapping_mul(0x9E37_79B1) ^ (y as u32).wrapping_mul(0x85EB_CA77) ^ self.seed;
        // The finisher of MurmurHash3.
        hash = (hash ^ (hash >> 16)).wrapping_mul(0x85EB_CA6B);
        hash = (hash ^ (hash >> 13)).wrapping_mul(0xC2B2_AE35);
        ((hash ^ (hash >> 16)) >> 8) as f32 / 16_777_216.0
    }

    /// Value noise in `[-1, 1]`, features one unit wide.
    pub(super) fn value(self, x: f32, y: f32) -> f32 {
        let (left, top) = (x.floor(), y.floor());
        let ease = |t: f32| t * t * (3.0 - 2.0 * t);
        let (along, down) = (ease(x - left), ease(y - top));
        let (i, j) = (left as i32, top as i32);
        let mix = |a: f32, b: f32, t: f32| a + (b - a) * t;
        let upper = mix(self.cell(i, j), self.cell(i + 1, j), along);
        let lower = mix(self.cell(i, j + 1), self.cell(i + 1, j + 1), along);
        mix(upper, lower, down) * 2.0 - 1.0
    }

    /// Sum of `octaves` fields, each twice as fine and half as strong; about `[-1, 1]`. The
    /// coarsest is `scale` wide.
    pub(super) fn fractal(self, x: f32, y: f32, scale: f32, octaves: u32) -> f32 {
        let (mut sum, mut strength, mut total, mut frequency) = (0.0, 1.0, 0.0, 1.0 / scale);
        for octave in 0..octaves {
            let field = Self { seed: self.seed.wrapping_add(octave.wrapping_mul(0x632B_E5AB)) };
            sum += strength * field.value(x * frequency + 17.3, y * frequency - 5.7);
            total += strength;
            strength *= 0.5;
            frequency *= 2.03;
        }
        sum / total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_continuous_bounded_and_not_constant() {
        let noise = Noise::new(3);
        let values: Vec<f32> =
            (0..4_000).map(|i| noise.fractal(i as f32 * 0.01, 2.0, 1.0, 3)).collect();
        assert!(values.iter().all(|value| value.abs() <= 1.0));
        assert!(values.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 0.1));
        assert!(
            values.iter().any(|&value| value > 0.2) && values.iter().any(|&value| value < -0.2)
        );
    }
}
