//! Random numbers that are the same on every machine and can be written into a checkpoint.

use serde::{Deserialize, Serialize};

/// xoshiro256++ (Blackman and Vigna, 2019), seeded through `SplitMix64`. Not for secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// A stream of its own for each `seed`.
    pub fn new(seed: u64) -> Self {
        Self::keyed(&[seed])
    }

    /// A stream of its own for each sequence of numbers, such as `[seed, step, slot]`. Nothing else
    /// enters, so a draw at step 7,000 needs none of the draws before it.
    pub fn keyed(key: &[u64]) -> Self {
        let mut mixer = 0x5EED_u64;
        for &part in key {
            mixer ^= part;
            mixer = split_mix(&mut mixer);
        }
        Self { state: std::array::from_fn(|_| split_mix(&mut mixer)) }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let result = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// Uniform in `[0, 1)`.
    pub fn unit(&mut self) -> f32 {
        (self.next_u64() >> 40) as f32 / (1_u64 << 24) as f32
    }

    /// Uniform in `[low, high)`; `low` when both are equal.
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Uniform in `0..count`. `count` must not be 0.
    pub fn below(&mut self, count: usize) -> usize {
        assert!(count > 0, "cannot choose among 0 things");
        ((u128::from(self.next_u64()) * count as u128) >> 64) as usize
    }

    /// True with probability `probability`.
    pub fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// Normal with mean 0 and variance 1 (Box and Muller).
    pub fn normal(&mut self) -> f32 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f32::consts::TAU * self.unit()).cos()
    }
}

/// `SplitMix64` (Steele, Lea and Flood, 2014).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number for a name, the same on every machine (FNV-1a, 64 bits, then `SplitMix64`).
pub fn hash_name(name: &str) -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    }
    split_mix(&mut hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_xoshiro256_plus_plus() {
        // The first outputs of the authors' C program for the state 1, 2, 3, 4.
        let mut rng = Rng { state: [1, 2, 3, 4] };
        let expected = [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386];
        assert_eq!(std::array::from_fn(|_| rng.next_u64()), expected);
    }

    #[test]
    fn split_mix_gives_the_published_numbers() {
        let mut state = 1_234_567;
        let expected =
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!(std::array::from_fn(|_| split_mix(&mut state)), expected);
    }

    #[test]
    fn a_state_written_and_read_goes_on_where_it_was() {
        let mut rng = Rng::new(3);
        rng.next_u64();
        let mut read: Rng = serde_json::from_str(&serde_json::to_string(&rng).unwrap()).unwrap();
        assert_eq!(read.next_u64(), rng.next_u64());
    }

    #[test]
    fn keys_that_differ_in_any_part_give_other_streams() {
        let keys: [&[u64]; 5] = [&[1, 2], &[2, 1], &[1, 3], &[1], &[1, 2, 0]];
        let firsts: std::collections::BTreeSet<u64> =
            keys.map(|key| Rng::keyed(key).next_u64()).into_iter().collect();
        assert_eq!(firsts.len(), keys.len());
    }

    #[test]
    fn draws_have_the_mean_and_variance_they_promise() {
        let mut rng = Rng::new(5);
        let count = 100_000;
        let (mut sum, mut square, mut unit, mut below) = (0.0_f64, 0.0_f64, 0.0_f64, [0_usize; 3]);
        for _ in 0..count {
            let normal = f64::from(rng.normal());
            sum += normal;
            square += normal * normal;
            unit += f64::from(rng.unit());
            below[rng.below(3)] += 1;
        }
        let n = f64::from(count);
        assert!(
            (sum / n).abs() < 0.02
                && (square / n - 1.0).abs() < 0.02
                && (unit / n - 0.5).abs() < 0.005
        );
        assert!(below.iter().all(|&hits| (hits as f64 / n - 1.0 / 3.0).abs() < 0.01));
    }
}
