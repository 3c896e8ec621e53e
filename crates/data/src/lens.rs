//! What lens, sensor and file do to an image: resolution, blur, noise, JPEG.

use std::path::Path;

use crate::error::DataError;
use crate::image::{ImageLimits, RgbImage};
use crate::resample::{self, Window};
use crate::rng::Rng;

/// A square image as seen by a lens of `factor` times coarser resolution.
pub(crate) fn soften(image: &RgbImage, factor: f32) -> RgbImage {
    let side_px = image.width;
    let coarse_px = (side_px as f32 / factor).ceil() as usize;
    let step = side_px as f32 / coarse_px as f32;
    let coarse = resample::cut_image(image, Window { x: 0.0, y: 0.0, step, side_px: coarse_px });
    resample::cut_image(&coarse, Window { x: 0.0, y: 0.0, step: 1.0 / step, side_px })
}

/// Gaussian blur of standard deviation `sigma_px`, five taps each way; meant for `sigma_px` up to
/// 1.2.
pub(crate) fn blur(image: &mut RgbImage, sigma_px: f32) {
    let mut taps: [f32; 5] =
        std::array::from_fn(|i| (-0.5 * ((i as f32 - 2.0) / sigma_px).powi(2)).exp());
    let sum: f32 = taps.iter().sum();
    for tap in &mut taps {
        *tap /= sum;
    }
    let (width, height) = (image.width, image.height);
    let source = image.pixels.clone();
    let mut line = vec![0.0_f32; width * 3];
    for y in 0..height {
        line.fill(0.0);
        for (i, tap) in taps.iter().enumerate() {
            let from = (y + i).saturating_sub(2).min(height - 1) * width * 3;
            line.iter_mut()
                .zip(&source[from..])
                .for_each(|(sum, &value)| *sum += tap * f32::from(value));
        }
        for x in 0..width {
            for channel in 0..3 {
                let at = |i: usize| line[(x + i).saturating_sub(2).min(width - 1) * 3 + channel];
                let value: f32 = taps.iter().enumerate().map(|(i, tap)| tap * at(i)).sum();
                image.pixels[(y * width + x) * 3 + channel] = (value + 0.5) as u8;
            }
        }
    }
}

/// Adds sensor noise of standard deviation `levels` (of 255), the same for the three channels of a
/// pixel.
pub(crate) fn noise(image: &mut RgbImage, levels: f32, rng: &mut Rng) {
    for pixel in image.pixels.chunks_exact_mut(3) {
        // Eight uniform bytes: their sum is near enough to normal for sensor noise, and one draw
        // serves.
        let sum: i32 = rng.next_u64().to_le_bytes().iter().map(|&byte| i32::from(byte)).sum();
        let shift = (sum - 1_020) as f32 / 209.0 * levels;
        for value in pixel {
            *value = (f32::from(*value) + shift + 0.5) as u8;
        }
    }
}

/// Compresses as JPEG of `quality` 1 to 100 and decompresses.
pub(crate) fn compress(image: &RgbImage, quality: u8) -> Result<RgbImage, DataError> {
    let mut encoded = Vec::with_capacity(image.pixels.len() / 4);
    let name = Path::new("JPEG in memory");
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut encoded, quality)
        .encode(
            &image.pixels,
            image.width as u32,
            image.height as u32,
            image::ExtendedColorType::Rgb8,
        )
        .map_err(|error| {
            DataError::malformed(name, "an image of at most 65,535 pixels a side", error)
        })?;
    RgbImage::decode(&encoded, name, ImageLimits::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> RgbImage {
        let mut rng = Rng::new(1);
        let pixels = (0..48 * 32 * 3).map(|_| 60 + rng.below(120) as u8).collect();
        RgbImage { width: 48, height: 32, pixels }
    }

    fn spread(image: &RgbImage) -> f32 {
        let mean =
            image.pixels.iter().map(|&v| f32::from(v)).sum::<f32>() / image.pixels.len() as f32;
        image.pixels.iter().map(|&v| (f32::from(v) - mean).powi(2)).sum::<f32>()
            / image.pixels.len() as f32
    }

    #[test]
    fn a_coarser_lens_smooths_and_moves_nothing() {
        let mut image = RgbImage::filled(33, 33, [40; 3]);
        (0..33).for_each(|y| (0..16).for_each(|x| image.set_pixel(x, y, [200; 3])));
        image.set_pixel(25, 16, [240; 3]);
        let soft = soften(&image, 2.0);
        assert!(soft.pixel(25, 16)[0] < 150);
        for (x, expected) in [(4, 200), (12, 200), (30, 40), (20, 40)] {
            assert!(
                soft.pixel(x, 4)[0].abs_diff(expected) < 6,
                "column {x}: {:?}",
                soft.pixel(x, 4)
            );
        }
    }

    #[test]
    fn blur_smooths_and_keeps_a_flat_image() {
        let mut flat = RgbImage::filled(9, 3, [10, 20, 30]);
        blur(&mut flat, 1.0);
        assert_eq!(flat, RgbImage::filled(9, 3, [10, 20, 30]));
        let mut image = sample();
        blur(&mut image, 1.0);
        assert!(spread(&image) < 0.3 * spread(&sample()));
    }

    #[test]
    fn noise_has_the_deviation_asked_for() {
        let mut image = RgbImage::filled(128, 128, [128; 3]);
        noise(&mut image, 8.0, &mut Rng::new(2));
        assert!((spread(&image).sqrt() - 8.0).abs() < 0.3, "{}", spread(&image).sqrt());
    }

    #[test]
    fn compression_changes_values_and_not_the_image() {
        let mut image = sample();
        blur(&mut image, 1.2);
        let compressed = compress(&image, 50).unwrap();
        assert_ne!(compressed, image);
        let apart = image
            .pixels
            .iter()
            .zip(&compressed.pixels)
            .map(|(&a, &b)| u32::from(a.abs_diff(b)))
            .sum::<u32>();
        assert!(apart / (image.pixels.len() as u32) < 16, "{apart}");
    }
}
