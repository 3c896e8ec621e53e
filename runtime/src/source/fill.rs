//! What the network sees where no image is.
//!
//! The row's own image, mirrored at the nearest valid pixel, and in rows without one the nearest
//! row that has one: a collar then looks like what is beside it. Of five fills it is the one that
//! changes the scores of valid pixels least (`reports/bench.md`, fills).

use super::{Frame, Validity};

/// Fills the pixels of `frame` that hold no image; black where none does.
pub(super) fn fill_invalid(frame: &mut Frame) {
    if frame.valid.is_everywhere() {
        return;
    }
    let wide = frame.width_px as usize;
    let Frame { rgb, valid, .. } = frame;
    let mut last_filled = None;
    let mut empty_above = 0;
    for y in 0..frame.height_px as usize {
        let (above, row) = rgb.split_at_mut(y * wide * 3);
        let row = &mut row[..wide * 3];
        if fill_row(row, valid, y as u32) {
            let first_empty = y - empty_above;
            if last_filled.is_none() {
                for empty in above.chunks_exact_mut(wide * 3).skip(first_empty) {
                    empty.copy_from_slice(row);
                }
            } else {
                // The lower half of the empty rows is nearer to this row.
                for empty in above.chunks_exact_mut(wide * 3).skip(y - empty_above / 2) {
                    empty.copy_from_slice(row);
                }
            }
            (last_filled, empty_above) = (Some(y), 0);
        } else {
            match last_filled {
                Some(filled) => row.copy_from_slice(&above[filled * wide * 3..][..wide * 3]),
                None => row.fill(0),
            }
            empty_above += 1;
        }
    }
}

/// Fills one row from its own valid pixels; false if there are none.
fn fill_row(row: &mut [u8], valid: &Validity, y_px: u32) -> bool {
    let wide = row.len() / 3;
    let is_valid = |x: usize| valid.is_valid(x as u32, y_px);
    let end_of =
        |start: usize, flag: bool| (start..wide).find(|&x| is_valid(x) != flag).unwrap_or(wide);
    // First and last pixel of a run of valid ones.
    let mut before: Option<(usize, usize)> = None;
    let mut x = 0;
    while x < wide {
        let end = end_of(x, is_valid(x));
        if is_valid(x) {
            before = Some((x, end - 1));
            x = end;
            continue;
        }
        let after = (end < wide).then(|| (end, end_of(end, true) - 1));
        for gap in x..end {
            let left =
                before.map(|(first, last)| (gap - last, (2 * last - gap.min(2 * last)).max(first)));
            let right = after.map(|(first, last)| (first - gap, (2 * first - gap).min(last)));
            let Some((_, from)) = left.into_iter().chain(right).min_by_key(|(apart, _)| *apart)
            else {
                return false;
            };
            row.copy_within(from * 3..from * 3 + 3, gap * 3);
        }
        x = end;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame whose reds are `reds`, and valid where they are not 0.
    fn filled(wide: u32, reds: &[u8]) -> Vec<u8> {
        let flags: Vec<bool> = reds.iter().map(|&red| red > 0).collect();
        let mut frame = Frame {
            rgb: reds.iter().flat_map(|&red| [red, 7, 7]).collect(),
            width_px: wide,
            height_px: reds.len() as u32 / wide,
            valid: Validity::of(&flags, wide),
            ..Frame::default()
        };
        fill_invalid(&mut frame);
        frame.rgb.chunks_exact(3).map(|pixel| pixel[0]).collect()
    }

    #[test]
    fn a_run_of_one_pixel_is_repeated() {
        assert_eq!(filled(8, &[0, 5, 0, 0, 0, 9, 0, 0]), [5, 5, 5, 5, 9, 9, 9, 9]);
    }

    #[test]
    fn the_row_is_mirrored_at_its_last_valid_pixel() {
        assert_eq!(filled(9, &[0, 0, 1, 2, 3, 0, 0, 0, 0]), [3, 2, 1, 2, 3, 2, 1, 1, 1]);
        assert_eq!(filled(8, &[1, 2, 0, 0, 0, 0, 3, 4]), [1, 2, 1, 1, 4, 4, 3, 4]);
    }

    #[test]
    fn rows_without_an_image_repeat_the_nearest_row() {
        assert_eq!(filled(1, &[0, 4, 0, 0, 0, 8, 0]), [4, 4, 4, 4, 8, 8, 8]);
    }

    #[test]
    fn a_frame_without_an_image_is_black() {
        assert_eq!(filled(2, &[0, 0, 0, 0]), [0, 0, 0, 0]);
    }
}
