//! Which pixels of a frame hold an image.

use rszs_hot::words_per_row;

/// A bit a pixel, `[H, words_per_row(W)]` as in masks; nothing where every pixel is valid, which
/// costs nothing then.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validity {
    bits: Vec<u64>,
    words: usize,
    invalid_px: u64,
}

impl Validity {
    /// Every pixel is valid.
    pub fn everywhere() -> Self {
        Self::default()
    }

    /// From a flag a pixel, row by row.
    pub fn of(flags: &[bool], width_px: u32) -> Self {
        let invalid_px = flags.iter().filter(|&&flag| !flag).count() as u64;
        if invalid_px == 0 {
            return Self::everywhere();
        }
        let words = words_per_row(width_px);
        let mut bits = vec![0; flags.len() / width_px.max(1) as usize * words];
        for (row, out) in flags.chunks_exact(width_px as usize).zip(bits.chunks_exact_mut(words)) {
            for (x, _) in row.iter().enumerate().filter(|(_, flag)| **flag) {
                out[x / 64] |= 1 << (x % 64);
            }
        }
        Self { bits, words, invalid_px }
    }

    /// Whether no pixel is without an image.
    pub fn is_everywhere(&self) -> bool {
        self.invalid_px == 0
    }

    /// Pixels without an image.
    pub fn invalid_px(&self) -> u64 {
        self.invalid_px
    }

    /// Bits of one row; nothing where every pixel of the frame is valid.
    pub fn row(&self, y_px: u32) -> Option<&[u64]> {
        let row = y_px as usize * self.words..(y_px as usize + 1) * self.words;
        (!self.is_everywhere()).then(|| &self.bits[row])
    }

    /// Whether one pixel holds an image.
    pub fn is_valid(&self, x_px: u32, y_px: u32) -> bool {
        self.row(y_px).is_none_or(|row| row[x_px as usize / 64] >> (x_px % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_those_of_the_flags() {
        let flags: Vec<bool> = (0..140).map(|at| at % 3 != 0).collect();
        let validity = Validity::of(&flags, 70);
        assert_eq!(validity.invalid_px(), 47);
        for (at, &flag) in flags.iter().enumerate() {
            assert_eq!(validity.is_valid(at as u32 % 70, at as u32 / 70), flag, "{at}");
        }
        assert_eq!(validity.row(1).unwrap().len(), 2);
    }

    #[test]
    fn nothing_is_kept_where_every_pixel_is_valid() {
        let validity = Validity::of(&[true; 12], 4);
        assert_eq!(validity, Validity::everywhere());
        assert!(validity.row(2).is_none() && validity.is_valid(3, 2));
    }
}
