//! What light and camera do to colours: a curve a channel, one affine map, and a gradient of light,
//! in one pass.

use crate::image::RgbImage;

/// Luma of BT.601.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];
/// Mean lumas of images that are neither black nor white.
const EXPOSED: [f32; 2] = [40.0, 195.0];
/// Pixels that the mean luma is taken of, at most.
const MEAN_OF_PX: usize = 4096;

/// Factors around 1, and a turn of the hue. The identity is [`Jitter::NONE`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Jitter {
    /// Exponent of each channel, whose values count as 0 to 1.
    pub gamma: [f32; 3],
    /// Factor on each channel.
    pub gain: [f32; 3],
    /// Factor on every value, nearer to 1 where the image would otherwise get darker or brighter
    /// than [`EXPOSED`] and than it was.
    pub brightness: f32,
    /// Factor on the distance from the image's mean luma.
    pub contrast: f32,
    /// Factor on the distance from the pixel's own luma.
    pub saturation: f32,
    /// Turn of the hue, in full turns.
    pub hue_turns: f32,
    /// Factor on red and its inverse on blue: a warmer or cooler light.
    pub warmth: f32,
    /// Change of the light from the centre to the right and to the lower edge, relative.
    pub gradient: [f32; 2],
    /// Share of the haze in what is seen.
    pub haze: f32,
    /// Its colour.
    pub haze_colour: [f32; 3],
}

impl Jitter {
    /// Changes nothing.
    pub(crate) const NONE: Self = Self {
        gamma: [1.0; 3],
        gain: [1.0; 3],
        brightness: 1.0,
        contrast: 1.0,
        saturation: 1.0,
        hue_turns: 0.0,
        warmth: 1.0,
        gradient: [0.0; 2],
        haze: 0.0,
        haze_colour: [0.0; 3],
    };

    /// Value of each byte after gamma and gain: `curves[byte][channel]`.
    fn curves(&self) -> Vec<[f32; 3]> {
        let curve = |byte: u8, channel: usize| {
            (f32::from(byte) / 255.0).powf(self.gamma[channel]) * 255.0 * self.gain[channel]
        };
        (0..=u8::MAX).map(|byte| std::array::from_fn(|channel| curve(byte, channel))).collect()
    }

    /// Every other change as `matrix * colour + offset`.
    fn affine(&self, mean_luma: f32) -> ([[f32; 3]; 3], [f32; 3]) {
        let (sin, cos) = (self.hue_turns * std::f32::consts::TAU).sin_cos();
        // Rotation about the gray axis (1, 1, 1), by Rodrigues.
        let along = (1.0 - cos) / 3.0;
        let across = sin * (1.0_f32 / 3.0).sqrt();
        let hue = [
            [cos + along, along - across, along + across],
            [along + across, cos + along, along - across],
            [along - across, along + across, cos + along],
        ];
        let clear = 1.0 - self.haze;
        let gain = [self.warmth, 1.0, 1.0 / self.warmth]
            .map(|gain| gain * self.brightness * self.contrast * clear);
        let matrix = std::array::from_fn(|row| {
            std::array::from_fn(|column| {
                let luma: f32 = (0..3).map(|inner| LUMA[inner] * hue[inner][column]).sum();
                gain[row] * (luma + self.saturation * (hue[row][column] - luma))
            })
        });
        let offset = mean_luma * self.brightness * (1.0 - self.contrast) * clear;
        (matrix, self.haze_colour.map(|value| offset + self.haze * value))
    }
}

/// Applies `jitter` in place.
pub(crate) fn jitter(image: &mut RgbImage, jitter: &Jitter) {
    let curves = jitter.curves();
    let curved =
        |pixel: &[u8; 3]| -> [f32; 3] { std::array::from_fn(|c| curves[usize::from(pixel[c])][c]) };
    let (width, height) = (image.width.max(1), image.height.max(1));
    let pixels = image.pixels.as_chunks_mut::<3>().0;
    // An odd distance, so that the pixels looked at lie in all columns.
    let every = (pixels.len() / MEAN_OF_PX) | 1;
    let luma = |colour: [f32; 3]| {
        colour.iter().zip(LUMA).map(|(value, weight)| value * weight).sum::<f32>()
    };
    let (mut before, mut after, mut count) = (0.0, 0.0, 0.0_f32);
    for pixel in pixels.iter().step_by(every) {
        before += luma(pixel.map(f32::from));
        after += luma(curved(pixel));
        count += 1.0;
    }
    let (before, mean) = (before / count.max(1.0), after / count.max(1.0));
    let (darkest, brightest) = (before.min(EXPOSED[0]), before.max(EXPOSED[1]));
    let brightness = (mean * jitter.brightness).clamp(darkest, brightest) / mean.max(1.0);
    let jitter = Jitter { brightness, ..*jitter };
    let (matrix, offset) = jitter.affine(mean);
    let offset = offset.map(|value| value + 0.5);
    let [right, down] = jitter.gradient;
    for (y, line) in pixels.chunks_exact_mut(width).enumerate() {
        let mut light = 1.0 + down * (2.0 * (y as f32 + 0.5) / height as f32 - 1.0) - right;
        let step = right * 2.0 / width as f32;
        light += step * 0.5;
        for pixel in line {
            let [r, g, b] = curved(pixel).map(|value| value * light);
            // The cast saturates at 0 and 255.
            *pixel = std::array::from_fn(|c| {
                let row = matrix[c];
                (row[0] * r + row[1] * g + row[2] * b + offset[c]) as u8
            });
            light += step;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn sample() -> RgbImage {
        let mut rng = Rng::new(1);
        let pixels = (0..48 * 32 * 3).map(|_| 60 + rng.below(120) as u8).collect();
        RgbImage { width: 48, height: 32, pixels }
    }

    #[test]
    fn no_jitter_changes_nothing() {
        let mut image = sample();
        jitter(&mut image, &Jitter::NONE);
        assert_eq!(image, sample());
    }

    #[test]
    fn gray_stays_gray_under_hue_and_saturation() {
        let mut image = RgbImage::filled(4, 4, [90; 3]);
        jitter(&mut image, &Jitter { hue_turns: 0.3, saturation: 1.7, ..Jitter::NONE });
        assert_eq!(image, RgbImage::filled(4, 4, [90; 3]));
    }

    #[test]
    fn a_third_of_a_turn_makes_red_green() {
        let mut image = RgbImage::filled(1, 1, [200, 0, 0]);
        jitter(&mut image, &Jitter { hue_turns: 1.0 / 3.0, ..Jitter::NONE });
        assert_eq!(image.pixel(0, 0), [0, 200, 0]);
    }

    #[test]
    fn contrast_keeps_the_mean_and_saturation_zero_gives_luma() {
        let mut image = RgbImage { width: 2, height: 1, pixels: vec![50, 50, 50, 150, 150, 150] };
        jitter(&mut image, &Jitter { contrast: 0.5, ..Jitter::NONE });
        assert_eq!(image.pixels, [75, 75, 75, 125, 125, 125]);
        let mut image = RgbImage::filled(1, 1, [100, 200, 50]);
        jitter(&mut image, &Jitter { saturation: 0.0, ..Jitter::NONE });
        assert_eq!(image.pixel(0, 0), [153; 3]);
    }

    #[test]
    fn gamma_and_gain_bend_and_scale_each_channel_alone() {
        let mut image = RgbImage::filled(1, 1, [64, 64, 64]);
        jitter(
            &mut image,
            &Jitter { gamma: [0.5, 1.0, 2.0], gain: [1.0, 1.5, 1.0], ..Jitter::NONE },
        );
        assert_eq!(image.pixel(0, 0), [128, 96, 16]);
        let mut ends = RgbImage { width: 2, height: 1, pixels: vec![0, 0, 0, 255, 255, 255] };
        jitter(&mut ends, &Jitter { gamma: [1.7; 3], ..Jitter::NONE });
        assert_eq!(ends.pixels, [0, 0, 0, 255, 255, 255]);
    }

    #[test]
    fn no_light_makes_an_image_black_or_white() {
        for (factor, expected) in [(0.1, 40), (4.0, 195), (0.5, 60)] {
            let mut image = RgbImage::filled(2, 2, [120; 3]);
            jitter(&mut image, &Jitter { brightness: factor, ..Jitter::NONE });
            assert_eq!(image.pixel(0, 0), [expected; 3]);
        }
        let mut bright = RgbImage::filled(2, 2, [240; 3]);
        jitter(&mut bright, &Jitter { brightness: 1.5, ..Jitter::NONE });
        assert_eq!(bright.pixel(0, 0), [240; 3]);
    }

    #[test]
    fn haze_moves_every_colour_towards_its_own() {
        let mut image = RgbImage { width: 2, height: 1, pixels: vec![0, 100, 200, 40, 40, 40] };
        jitter(&mut image, &Jitter { haze: 0.5, haze_colour: [220.0; 3], ..Jitter::NONE });
        assert_eq!(image.pixels, [110, 160, 210, 130, 130, 130]);
    }

    #[test]
    fn a_gradient_is_brighter_on_one_side_and_keeps_the_centre() {
        let mut image = RgbImage::filled(65, 9, [100; 3]);
        jitter(&mut image, &Jitter { gradient: [0.4, 0.0], ..Jitter::NONE });
        let reds = [0, 32, 64].map(|x| image.pixel(x, 4)[0]);
        assert_eq!(reds, [61, 100, 139]);
        assert_eq!(image.pixel(10, 0), image.pixel(10, 8));
    }
}
