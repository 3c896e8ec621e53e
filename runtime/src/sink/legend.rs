//! What an overlay's colours mean: a strip below the image.

use font8x8::{BASIC_FONTS, GREEK_FONTS, LATIN_FONTS, UnicodeFonts};

/// Sides of a letter.
const LETTER_PX: usize = 8;

/// Widths from which letters are as many times larger.
const WIDTH_PER_SCALE_PX: usize = 640;

const BACKGROUND: [u8; 3] = [24; 3];
const TEXT: [u8; 3] = [255; 3];

/// One colour and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegendEntry {
    /// Red, green, blue.
    pub colour: [u8; 3],
    /// The query and its share of the image.
    pub text: String,
}

/// Appends rows with `entries` to `rgb: [H, W, 3]`. Gives back their number.
pub fn append_legend(rgb: &mut Vec<u8>, width_px: usize, entries: &[LegendEntry]) -> usize {
    let scale = (width_px / WIDTH_PER_SCALE_PX).max(1);
    let letter = LETTER_PX * scale;
    let line = letter * 2;
    let places = places(width_px, letter, entries);
    let lines = places.last().map_or(0, |(_, row)| row + 1);
    let start = rgb.len();
    let high = lines * line;
    rgb.extend(BACKGROUND.iter().cycle().take(high * width_px * 3));
    let strip = &mut rgb[start..];
    let mut paint = |x: usize, y: usize, colour: [u8; 3]| {
        if x < width_px {
            strip[(y * width_px + x) * 3..][..3].copy_from_slice(&colour);
        }
    };
    for (entry, (left, row)) in entries.iter().zip(places) {
        let top = row * line + letter / 2;
        for y in 0..letter {
            (0..letter).for_each(|x| paint(left + x, top + y, entry.colour));
        }
        for (place, character) in entry.text.chars().enumerate() {
            let left = left + (place + 1) * letter + letter / 2;
            let rows = glyph(character);
            for y in 0..letter {
                let bits = rows[y / scale];
                for x in (0..letter).filter(|x| bits >> (x / scale) & 1 == 1) {
                    paint(left + x, top + y, TEXT);
                }
            }
        }
    }
    high
}

/// Left edge and line of each entry: as many beside each other as fit.
fn places(width_px: usize, letter: usize, entries: &[LegendEntry]) -> Vec<(usize, usize)> {
    let margin = letter / 2;
    let (mut x, mut row) = (margin, 0);
    let mut places = Vec::with_capacity(entries.len());
    for entry in entries {
        let wide = (entry.text.chars().count() + 3) * letter;
        if x > margin && x + wide > width_px {
            (x, row) = (margin, row + 1);
        }
        places.push((x, row));
        x += wide;
    }
    places
}

/// Rows of a letter, the lowest bit on the left.
fn glyph(character: char) -> [u8; 8] {
    let known =
        [BASIC_FONTS.get(character), LATIN_FONTS.get(character), GREEK_FONTS.get(character)];
    known.into_iter().flatten().next().or_else(|| BASIC_FONTS.get('?')).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> LegendEntry {
        LegendEntry { colour: [200, 0, 0], text: text.to_owned() }
    }

    #[test]
    fn entries_stand_beside_each_other_until_the_line_is_full() {
        let entries = [entry("flood 12 %"), entry("road"), entry("building 2 %")];
        assert_eq!(places(200, 8, &entries), [(4, 0), (108, 0), (4, 1)]);
        let mut rgb = vec![7; 200 * 3];
        assert_eq!(append_legend(&mut rgb, 200, &entries), 32);
        assert_eq!(rgb.len(), 200 * 33 * 3);
        assert_eq!(rgb[(5 * 200 + 4) * 3..][..3], [200, 0, 0]);
        assert!(rgb.chunks_exact(3).any(|pixel| pixel == TEXT), "words");
    }

    #[test]
    fn a_narrow_image_cuts_the_words() {
        let mut rgb = vec![7; 3];
        assert_eq!(append_legend(&mut rgb, 1, &[entry("flood")]), 16);
        assert_eq!(rgb.len(), 17 * 3);
    }

    #[test]
    fn letters_without_a_form_are_question_marks() {
        assert_eq!(glyph('\u{6c34}'), glyph('?'));
        assert_ne!(glyph('\u{e4}'), glyph('?'));
    }
}
