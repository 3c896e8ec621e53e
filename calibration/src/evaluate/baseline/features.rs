//! What a pixel and its neighbourhood look like, as bytes.

use rszs_data::RgbImage;

use super::boosting::{FEATURES, Row};

/// Half sides of the squares that are averaged, in pixels.
const RADII: [usize; 3] = [2, 6, 16];

/// Of one scale: red, green, blue, excess green, saturation, darkest and brightest channel.
const COLOURS: usize = 7;

/// Of one square: spread of the brightness, mean gradient, brightness against the square's.
const TEXTURES: usize = 3;

const _: () = assert!(FEATURES == COLOURS * (1 + RADII.len()) + TEXTURES * RADII.len());

/// The features of every pixel, row by row.
pub(super) fn features(image: &RgbImage) -> Vec<Row> {
    let (width, height) = (image.width, image.height);
    let channel = |c: usize| image.pixels.iter().skip(c).step_by(3).map(|&byte| f32::from(byte));
    let channels: [Vec<f32>; 3] = std::array::from_fn(|c| channel(c).collect());
    let luma: Vec<f32> = (0..width * height)
        .map(|at| 0.299 * channels[0][at] + 0.587 * channels[1][at] + 0.114 * channels[2][at])
        .collect();
    let squares: Vec<f32> = luma.iter().map(|value| value * value).collect();
    let gradient: Vec<f32> = (0..width * height)
        .map(|at| {
            let right = if at % width + 1 < width { luma[at + 1] } else { luma[at] };
            let below = if at + width < luma.len() { luma[at + width] } else { luma[at] };
            (right - luma[at]).abs() + (below - luma[at]).abs()
        })
        .collect();
    let mut rows: Vec<Row> = vec![[0; FEATURES]; width * height];
    let mut put = |first: usize, at: usize, values: &[f32]| {
        for (feature, value) in rows[at][first..].iter_mut().zip(values) {
            *feature = value.round().clamp(0.0, 255.0) as u8;
        }
    };
    let [red, green, blue] = &channels;
    for (at, ((red, green), blue)) in red.iter().zip(green).zip(blue).enumerate() {
        put(0, at, &colours([*red, *green, *blue]));
    }
    for (scale, radius) in RADII.into_iter().enumerate() {
        let mean = |plane: &[f32]| box_mean(plane, width, height, radius);
        let means = channels.each_ref().map(|plane| mean(plane));
        let (bright, squared, rough) = (mean(&luma), mean(&squares), mean(&gradient));
        let first = COLOURS + scale * (COLOURS + TEXTURES);
        for at in 0..width * height {
            put(first, at, &colours(std::array::from_fn(|c| means[c][at])));
            let spread = (squared[at] - bright[at] * bright[at]).max(0.0).sqrt();
            let against = 128.0 + luma[at] - bright[at];
            put(first + COLOURS, at, &[2.0 * spread, 4.0 * rough[at], against]);
        }
    }
    rows
}

fn colours([red, green, blue]: [f32; 3]) -> [f32; COLOURS] {
    let (darkest, brightest) = (red.min(green).min(blue), red.max(green).max(blue));
    let excess_green = 128.0 + (2.0 * green - red - blue) / 2.0;
    let saturation = 255.0 * (brightest - darkest) / brightest.max(1.0);
    [red, green, blue, excess_green, saturation, darkest, brightest]
}

/// The mean over the square of `2 · radius + 1` pixels around each pixel, as far as it is in the
/// image: sums along rows, then along columns.
fn box_mean(plane: &[f32], width: usize, height: usize, radius: usize) -> Vec<f32> {
    let mut along = vec![0.0; plane.len()];
    for (row, sums) in plane.chunks_exact(width).zip(along.chunks_exact_mut(width)) {
        running_mean(|x| row[x], width, radius, |x, mean| sums[x] = mean);
    }
    let mut means = vec![0.0; plane.len()];
    for x in 0..width {
        running_mean(
            |y| along[y * width + x],
            height,
            radius,
            |y, mean| means[y * width + x] = mean,
        );
    }
    means
}

fn running_mean(
    value: impl Fn(usize) -> f32,
    length: usize,
    radius: usize,
    mut put: impl FnMut(usize, f32),
) {
    let mut sum: f64 = (0..radius.min(length)).map(|at| f64::from(value(at))).sum();
    for at in 0..length {
        if at + radius < length {
            sum += f64::from(value(at + radius));
        }
        if at > radius {
            sum -= f64::from(value(at - radius - 1));
        }
        let count = (at + radius + 1).min(length) - at.saturating_sub(radius);
        put(at, (sum / count as f64) as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_s_mean_is_that_of_the_pixels_in_the_image() {
        let (width, height) = (7, 5);
        let plane: Vec<f32> = (0..35).map(|at| (at * 13 % 29) as f32).collect();
        for radius in [1, 2, 9] {
            let means = box_mean(&plane, width, height, radius);
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                let ys = y.saturating_sub(radius)..(y + radius + 1).min(height);
                let xs = x.saturating_sub(radius)..(x + radius + 1).min(width);
                let inside: Vec<f32> = ys
                    .flat_map(|y| xs.clone().map(move |x| y * width + x))
                    .map(|at| plane[at])
                    .collect();
                let mean = inside.iter().sum::<f32>() / inside.len() as f32;
                assert!((means[y * width + x] - mean).abs() < 1e-3, "{x} {y} {radius}");
            }
        }
    }

    #[test]
    fn one_colour_has_no_texture() {
        let rows = features(&RgbImage::filled(9, 9, [10, 200, 30]));
        assert!(rows.iter().all(|row| row == &rows[0]));
        assert_eq!(rows[0][..3], [10, 200, 30]);
        let texture = &rows[0][COLOURS + COLOURS..][..TEXTURES];
        assert_eq!(texture, [0, 0, 128]);
    }
}
