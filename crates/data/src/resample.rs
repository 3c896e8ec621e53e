//! Cutting a square out of an image at another scale.

use crate::image::RgbImage;
use crate::mask::{IGNORE, IndexMask};

/// A square of the source: output pixel `i` covers `[x + i * step, x + (i + 1) * step)`, in source
/// pixels. It may reach outside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// Left edge.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// Source pixels for one output pixel: above 1 the image shrinks.
    pub step: f32,
    /// Side of the output.
    pub side_px: usize,
}

/// Source pixels and weights for one output coordinate. `weights[i]` belongs to the source
/// coordinate `first + i`.
struct Taps {
    first: isize,
    weights: Vec<f32>,
}

/// A triangle of half-width `max(1, step)`: bilinear when the image grows, an area average when
/// it shrinks.
fn taps(origin: f32, step: f32, side_px: usize) -> Vec<Taps> {
    let radius = step.max(1.0);
    let tap = |index: usize| {
        let centre = origin + (index as f32 + 0.5) * step - 0.5;
        let first = (centre - radius).floor() as isize + 1;
        let last = (centre + radius).ceil() as isize - 1;
        let mut weights: Vec<f32> = (first..=last.max(first))
            .map(|at| (1.0 - (at as f32 - centre).abs() / radius).max(0.0))
            .collect();
        let sum: f32 = weights.iter().sum();
        for weight in &mut weights {
            *weight /= sum;
        }
        Taps { first, weights }
    };
    (0..side_px).map(tap).collect()
}

/// A coordinate outside `0..size`, mirrored back; the edge pixel itself is repeated once.
fn reflect(at: isize, size: usize) -> usize {
    let size = size as isize;
    let folded = at.rem_euclid(2 * size);
    (if folded < size { folded } else { 2 * size - 1 - folded }) as usize
}

/// The window of `source`. Outside the image its mirror image continues.
pub(crate) fn cut_image(source: &RgbImage, window: Window) -> RgbImage {
    let side = window.side_px;
    let columns = taps(window.x, window.step, side);
    let rows = taps(window.y, window.step, side);
    // For each output column, where its source columns lie in a row.
    let offsets: Vec<Vec<usize>> = columns
        .iter()
        .map(|tap| {
            (0..tap.weights.len())
                .map(|i| reflect(tap.first + i as isize, source.width) * 3)
                .collect()
        })
        .collect();
    let left = offsets.iter().flatten().copied().min().unwrap_or(0);
    let right = offsets.iter().flatten().copied().max().unwrap_or(0) + 3;
    let mut pixels = Vec::with_capacity(side * side * 3);
    let mut line = vec![0.0_f32; right - left];
    for row in &rows {
        line.fill(0.0);
        for (i, &weight) in row.weights.iter().enumerate() {
            let y = reflect(row.first + i as isize, source.height);
            let start = y * source.width * 3;
            for (sum, &value) in line.iter_mut().zip(&source.pixels[start + left..start + right]) {
                *sum += weight * f32::from(value);
            }
        }
        for (column, offsets) in columns.iter().zip(&offsets) {
            let mut colour = [0.5_f32; 3];
            for (&weight, &offset) in column.weights.iter().zip(offsets) {
                let value = &line[offset - left..][..3];
                colour.iter_mut().zip(value).for_each(|(sum, value)| *sum += weight * value);
            }
            pixels.extend(colour.map(|value| value as u8));
        }
    }
    RgbImage { width: side, height: side, pixels }
}

/// The window of `source`, nearest index. Outside the mask: [`IGNORE`].
pub(crate) fn cut_mask(source: &IndexMask, window: Window) -> IndexMask {
    let place = |origin: f32, index: usize, size: usize| {
        let at = (origin + (index as f32 + 0.5) * window.step).floor();
        (at >= 0.0 && at < size as f32).then_some(at as usize)
    };
    let side = window.side_px;
    let columns: Vec<Option<usize>> = (0..side).map(|x| place(window.x, x, source.width)).collect();
    let mut ids = Vec::with_capacity(side * side);
    for row in 0..side {
        match place(window.y, row, source.height) {
            None => ids.resize(ids.len() + side, IGNORE),
            Some(y) => {
                let line = &source.ids[y * source.width..][..source.width];
                ids.extend(columns.iter().map(|x| x.map_or(IGNORE, |x| line[x])));
            }
        }
    }
    IndexMask { width: side, height: side, ids }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(width: usize, height: usize) -> RgbImage {
        let mut image = RgbImage::filled(width, height, [0; 3]);
        for y in 0..height {
            for x in 0..width {
                image.set_pixel(x, y, [(x * 10) as u8, (y * 10) as u8, 128]);
            }
        }
        image
    }

    #[test]
    fn at_scale_one_the_window_is_a_copy() {
        let cut = cut_image(&ramp(12, 9), Window { x: 3.0, y: 2.0, step: 1.0, side_px: 5 });
        for y in 0..5 {
            for x in 0..5 {
                assert_eq!(cut.pixel(x, y), [(x as u8 + 3) * 10, (y as u8 + 2) * 10, 128]);
            }
        }
    }

    #[test]
    fn shrinking_averages_and_a_checkerboard_turns_gray() {
        let mut board = RgbImage::filled(64, 64, [0; 3]);
        (0..64).for_each(|y| {
            (0..64).filter(|x| (x + y) % 2 == 0).for_each(|x| board.set_pixel(x, y, [200; 3]));
        });
        let cut = cut_image(&board, Window { x: 0.0, y: 0.0, step: 4.0, side_px: 16 });
        assert!(
            cut.pixels.iter().all(|&value| (95..=105).contains(&value)),
            "{:?}",
            &cut.pixels[..12]
        );
    }

    #[test]
    fn shrinking_and_growing_do_not_move_the_image() {
        for step in [0.5, 1.0, 2.0, 3.0] {
            let side_px = (12.0 / step) as usize;
            let cut = cut_image(&ramp(24, 24), Window { x: 6.0, y: 6.0, step, side_px });
            for x in 0..side_px {
                let expected = (6.0 + (x as f32 + 0.5) * step - 0.5) * 10.0;
                assert!(
                    (f32::from(cut.pixel(x, 0)[0]) - expected).abs() <= 0.51,
                    "step {step}, x {x}"
                );
            }
        }
    }

    #[test]
    fn outside_the_image_lies_its_mirror_image_and_an_ignored_mask() {
        let window = Window { x: -2.0, y: 0.0, step: 1.0, side_px: 7 };
        let cut = cut_image(&ramp(3, 7), window);
        assert_eq!([0, 1, 2, 3, 4, 5, 6].map(|x| cut.pixel(x, 0)[0]), [10, 0, 0, 10, 20, 20, 10]);
        let mask = cut_mask(&IndexMask { width: 3, height: 7, ids: [1, 2, 3].repeat(7) }, window);
        assert_eq!(mask.ids[..7], [255, 255, 1, 2, 3, 255, 255]);
    }

    #[test]
    fn an_image_of_one_pixel_fills_a_window_of_any_size() {
        let cut = cut_image(
            &RgbImage::filled(1, 1, [7, 8, 9]),
            Window { x: -30.0, y: 11.0, step: 0.7, side_px: 40 },
        );
        assert!(cut.pixels.chunks(3).all(|pixel| pixel == [7, 8, 9]));
    }

    #[test]
    fn image_and_mask_are_cut_at_the_same_place() {
        let mut image = RgbImage::filled(100, 80, [0; 3]);
        let mut mask = IndexMask::filled(100, 80, 0);
        for y in 31..54 {
            for x in 22..71 {
                image.set_pixel(x, y, [255; 3]);
                mask.ids[y * 100 + x] = 1;
            }
        }
        for (x, y, step) in [(5.3, 8.7, 0.6), (2.0, 1.0, 1.3), (0.4, -9.5, 2.4), (10.1, 20.2, 1.0)]
        {
            let window = Window { x, y, step, side_px: 32 };
            let (cut, ids) = (cut_image(&image, window), cut_mask(&mask, window).ids);
            let bright = |value: u8| u8::from(value > 127);
            let wrong = cut
                .pixels
                .iter()
                .step_by(3)
                .zip(&ids)
                .filter(|&(&v, &id)| id != 255 && bright(v) != id)
                .count();
            assert!(wrong <= 8, "{wrong} of 1024 pixels differ in {window:?}");
        }
    }
}
