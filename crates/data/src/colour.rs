//! What light, lens and compression do to a picture: colour as one affine map, blur, noise, JPEG.

use std::path::Path;

use crate::error::DataError;
use crate::image::{ImageLimits, RgbImage};
use crate::rng::Rng;

/// Luma of BT.601.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// Factors around 1, and a turn of the hue. The identity is [`Jitter::NONE`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Jitter {
    /// Factor on every value.
    pub brightness: f32,
    /// Factor on the distance from the picture's mean luma.
    pub contrast: f32,
    /// Factor on the distance from the pixel's own luma.
    pub saturation: f32,
    /// Turn of the hue, in full turns.
    pub hue_turns: f32,
    /// Factor on red and its inverse on blue: a warmer or cooler light.
    pub warmth: f32,
}

impl Jitter {
    /// Changes nothing.
    #[cfg(test)]
    pub(crate) const NONE: Self = Self { brightness: 1.0, contrast: 1.0, saturation: 1.0, hue_turns: 0.0, warmth: 1.0 };

    /// The whole change as `matrix * colour + offset`: every step is affine, so one pass over the pixels does.
    fn affine(self, mean_luma: f32) -> ([[f32; 3]; 3], f32) {
        let (sin, cos) = (self.hue_turns * std::f32::consts::TAU).sin_cos();
        // Rotation about the gray axis (1, 1, 1), by Rodrigues.
        let along = (1.0 - cos) / 3.0;
        let across = sin * (1.0_f32 / 3.0).sqrt();
        let hue = [
            [cos + along, along - across, along + across],
            [along + across, cos + along, along - across],
            [along - across, along + across, cos + along],
        ];
        let gain = [self.warmth, 1.0, 1.0 / self.warmth].map(|gain| gain * self.brightness * self.contrast);
        let matrix = std::array::from_fn(|row| {
            std::array::from_fn(|column| {
                let luma: f32 = (0..3).map(|inner| LUMA[inner] * hue[inner][column]).sum();
                gain[row] * (luma + self.saturation * (hue[row][column] - luma))
            })
        });
        (matrix, mean_luma * self.brightness * (1.0 - self.contrast))
    }
}

/// Applies `jitter` in place.
pub(crate) fn jitter(image: &mut RgbImage, jitter: Jitter) {
    let mut sums = [0_u64; 3];
    for pixel in image.pixels.chunks_exact(3) {
        sums.iter_mut().zip(pixel).for_each(|(sum, &value)| *sum += u64::from(value));
    }
    let count = (image.width * image.height).max(1) as f32;
    let mean_luma = (0..3).map(|channel| LUMA[channel] * sums[channel] as f32 / count).sum();
    let (matrix, offset) = jitter.affine(mean_luma);
    for pixel in image.pixels.chunks_exact_mut(3) {
        let [r, g, b] = [f32::from(pixel[0]), f32::from(pixel[1]), f32::from(pixel[2])];
        for (value, row) in pixel.iter_mut().zip(&matrix) {
            // The cast saturates at 0 and 255.
            *value = (row[0] * r + row[1] * g + row[2] * b + offset + 0.5) as u8;
        }
    }
}

/// Gaussian blur of standard deviation `sigma_px`, five taps each way; meant for `sigma_px` up to 1.2.
pub(crate) fn blur(image: &mut RgbImage, sigma_px: f32) {
    let mut taps: [f32; 5] = std::array::from_fn(|i| (-0.5 * ((i as f32 - 2.0) / sigma_px).powi(2)).exp());
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
            line.iter_mut().zip(&source[from..]).for_each(|(sum, &value)| *sum += tap * f32::from(value));
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

/// Adds sensor noise of standard deviation `levels` (of 255), the same for the three channels of a pixel.
pub(crate) fn noise(image: &mut RgbImage, levels: f32, rng: &mut Rng) {
    for pixel in image.pixels.chunks_exact_mut(3) {
        // Eight uniform bytes: their sum is near enough to normal for sensor noise, and one draw serves.
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
        .encode(&image.pixels, image.width as u32, image.height as u32, image::ExtendedColorType::Rgb8)
        .map_err(|error| DataError::malformed(name, "a picture of at most 65,535 pixels a side", error))?;
    RgbImage::decode(&encoded, name, ImageLimits::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> RgbImage {
        let mut rng = Rng::new(1);
        let pixels = (0..48 * 32 * 3).map(|_| 60 + rng.below(120) as u8).collect();
        RgbImage { width: 48, height: 32, pixels }
    }

    fn spread(image: &RgbImage) -> f32 {
        let mean = image.pixels.iter().map(|&v| f32::from(v)).sum::<f32>() / image.pixels.len() as f32;
        image.pixels.iter().map(|&v| (f32::from(v) - mean).powi(2)).sum::<f32>() / image.pixels.len() as f32
    }

    #[test]
    fn no_jitter_changes_nothing() {
        let mut image = picture();
        jitter(&mut image, Jitter::NONE);
        assert_eq!(image, picture());
    }

    #[test]
    fn gray_stays_gray_under_hue_and_saturation() {
        let mut image = RgbImage::filled(4, 4, [90; 3]);
        jitter(&mut image, Jitter { hue_turns: 0.3, saturation: 1.7, ..Jitter::NONE });
        assert_eq!(image, RgbImage::filled(4, 4, [90; 3]));
    }

    #[test]
    fn a_third_of_a_turn_makes_red_green() {
        let mut image = RgbImage::filled(1, 1, [200, 0, 0]);
        jitter(&mut image, Jitter { hue_turns: 1.0 / 3.0, ..Jitter::NONE });
        assert_eq!(image.pixel(0, 0), [0, 200, 0]);
    }

    #[test]
    fn contrast_keeps_the_mean_and_saturation_zero_gives_luma() {
        let mut image = RgbImage { width: 2, height: 1, pixels: vec![50, 50, 50, 150, 150, 150] };
        jitter(&mut image, Jitter { contrast: 0.5, ..Jitter::NONE });
        assert_eq!(image.pixels, [75, 75, 75, 125, 125, 125]);
        let mut image = RgbImage::filled(1, 1, [100, 200, 50]);
        jitter(&mut image, Jitter { saturation: 0.0, ..Jitter::NONE });
        assert_eq!(image.pixel(0, 0), [153; 3]);
    }

    #[test]
    fn blur_smooths_and_keeps_a_flat_picture() {
        let mut flat = RgbImage::filled(9, 3, [10, 20, 30]);
        blur(&mut flat, 1.0);
        assert_eq!(flat, RgbImage::filled(9, 3, [10, 20, 30]));
        let mut image = picture();
        blur(&mut image, 1.0);
        assert!(spread(&image) < 0.3 * spread(&picture()));
    }

    #[test]
    fn noise_has_the_deviation_asked_for() {
        let mut image = RgbImage::filled(128, 128, [128; 3]);
        noise(&mut image, 8.0, &mut Rng::new(2));
        assert!((spread(&image).sqrt() - 8.0).abs() < 0.3, "{}", spread(&image).sqrt());
    }

    #[test]
    fn compression_changes_values_and_not_the_picture() {
        let mut image = picture();
        blur(&mut image, 1.2);
        let compressed = compress(&image, 50).unwrap();
        assert_ne!(compressed, image);
        let apart = image.pixels.iter().zip(&compressed.pixels).map(|(&a, &b)| u32::from(a.abs_diff(b))).sum::<u32>();
        assert!(apart / (image.pixels.len() as u32) < 16, "{apart}");
    }
}
