//! Another light, another paint, another camera: what a crop looks like, never what it shows.

use crate::augment::Augment;
use crate::colour::{self, Jitter};
use crate::error::DataError;
use crate::image::RgbImage;
use crate::mask::IndexMask;
use crate::rng::Rng;
use crate::roles::Roles;
use crate::{lens, recolour, shadow};

/// Largest changes of colour, as in the fields of [`Augment`] of these names.
struct Ranges {
    brightness: f32,
    contrast: f32,
    saturation: f32,
    hue_turns: f32,
    warmth: f32,
    gamma: f32,
    channel_gamma: f32,
    channel_gain: f32,
}

/// The ranges of a crop that [`Augment::strong_probability`] chose: no class can be told by its
/// colour.
const STRONG: Ranges = Ranges {
    brightness: 0.5,
    contrast: 0.5,
    saturation: 1.0,
    hue_turns: 0.5,
    warmth: 0.15,
    gamma: 1.8,
    channel_gamma: 1.25,
    channel_gain: 0.15,
};

impl Augment {
    /// `image` in another look. Its size and every pixel's place stay.
    pub(crate) fn relight(
        &self,
        mut image: RgbImage,
        mask: &IndexMask,
        roles: &Roles,
        rng: &mut Rng,
    ) -> Result<RgbImage, DataError> {
        if !roles.roofs.is_empty() && rng.chance(self.recolour_probability) {
            recolour::roofs(&mut image, mask, &roles.roofs, rng);
        }
        if !roles.waters.is_empty() && rng.chance(self.recolour_probability) {
            recolour::water(&mut image, mask, &roles.waters, rng);
        }
        if rng.chance(self.shadow_probability) {
            shadow::cast(&mut image, rng);
        }
        colour::jitter(&mut image, &self.jitter(rng));
        if rng.chance(self.soften_probability) {
            image = lens::soften(&image, rng.range(1.5, 2.5));
        }
        if rng.chance(self.blur_probability) {
            lens::blur(&mut image, rng.range(0.3, self.blur_sigma_px.max(0.3)));
        }
        if rng.chance(self.noise_probability) {
            let levels = rng.range(0.0, self.noise_levels);
            lens::noise(&mut image, levels, rng);
        }
        if rng.chance(self.jpeg_probability) {
            let quality = rng.range(f32::from(self.jpeg_quality_min), 95.0) as u8;
            image = lens::compress(&image, quality)?;
        }
        Ok(image)
    }

    /// One change of colour.
    fn jitter(&self, rng: &mut Rng) -> Jitter {
        let is_strong = rng.chance(self.strong_probability);
        let ranges = if is_strong { STRONG } else { self.ranges() };
        // Few turns of a strong crop are large: purple trees are to be rare.
        let hue_turns = rng.range(-1.0, 1.0);
        let hue_turns = ranges.hue_turns * if is_strong { hue_turns.powi(3) } else { hue_turns };
        let mut power = |largest: f32| rng.range(-largest.ln(), largest.ln()).exp();
        let gamma = power(ranges.gamma);
        let gamma = std::array::from_fn(|_| gamma * power(ranges.channel_gamma));
        let mut factor = |largest: f32| rng.range(1.0 - largest, 1.0 + largest);
        let mut jitter = Jitter {
            gamma,
            gain: std::array::from_fn(|_| factor(ranges.channel_gain)),
            brightness: factor(ranges.brightness),
            contrast: factor(ranges.contrast),
            saturation: factor(ranges.saturation),
            hue_turns,
            warmth: factor(ranges.warmth),
            ..Jitter::NONE
        };
        // More light spreads colours, too; both together would leave flat, glaring ones.
        jitter.saturation /= (jitter.brightness * jitter.contrast).max(1.0);
        if rng.chance(self.grey_probability) {
            (jitter.saturation, jitter.warmth) = (0.0, 1.0);
        }
        if rng.chance(self.haze_probability) {
            let grey = rng.range(170.0, 235.0);
            jitter.haze = rng.range(0.0, self.haze);
            jitter.haze_colour =
                if jitter.saturation > 0.0 { [grey - 6.0, grey, grey + 8.0] } else { [grey; 3] };
        }
        if rng.chance(self.illumination_probability) {
            let (sin, cos) = rng.range(0.0, std::f32::consts::TAU).sin_cos();
            // At the brightest and the darkest corner the change is whole.
            let change = rng.range(0.0, self.illumination) / (sin.abs() + cos.abs());
            jitter.gradient = [change * cos, change * sin];
        }
        jitter
    }

    fn ranges(&self) -> Ranges {
        Ranges {
            brightness: self.brightness,
            contrast: self.contrast,
            saturation: self.saturation,
            hue_turns: self.hue_turns,
            warmth: self.warmth,
            gamma: self.gamma,
            channel_gamma: self.channel_gamma,
            channel_gain: self.channel_gain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (RgbImage, IndexMask) {
        let mut rng = Rng::new(1);
        let pixels = (0..32 * 32 * 3).map(|_| 40 + rng.below(160) as u8).collect();
        let ids = (0..32 * 32).map(|at| u8::from(at % 32 > 15)).collect();
        (RgbImage { width: 32, height: 32, pixels }, IndexMask { width: 32, height: 32, ids })
    }

    fn relit(augment: &Augment, seed: u64) -> RgbImage {
        let (image, mask) = sample();
        let roles = Roles { wanted: vec![1], roofs: vec![1], waters: vec![0] };
        augment.relight(image, &mask, &roles, &mut Rng::new(seed)).unwrap()
    }

    #[test]
    fn without_probabilities_and_ranges_nothing_changes() {
        for seed in 0..8 {
            assert_eq!(relit(&Augment::plain(32), seed), sample().0);
        }
    }

    #[test]
    fn every_probability_alone_changes_the_image_and_always_the_same_way() {
        let plain = || Augment::plain(32);
        let each = [
            Augment { strong_probability: 1.0, ..plain() },
            Augment { grey_probability: 1.0, ..plain() },
            Augment { haze_probability: 1.0, haze: 0.5, ..plain() },
            Augment { illumination_probability: 1.0, illumination: 0.4, ..plain() },
            Augment { shadow_probability: 1.0, ..plain() },
            Augment { recolour_probability: 1.0, ..plain() },
            Augment { soften_probability: 1.0, ..plain() },
            Augment { gamma: 1.5, ..plain() },
            Augment { channel_gamma: 1.5, ..plain() },
            Augment { channel_gain: 0.2, ..plain() },
        ];
        for augment in each {
            assert_ne!(relit(&augment, 3), sample().0, "{augment:?}");
            assert_eq!(relit(&augment, 3), relit(&augment, 3));
            assert_ne!(relit(&augment, 3), relit(&Augment { grey_probability: 0.5, ..plain() }, 4));
        }
    }

    #[test]
    fn a_grey_crop_is_grey_in_any_light() {
        let augment = Augment {
            grey_probability: 1.0,
            jpeg_probability: 0.0,
            shadow_probability: 0.0,
            ..Augment::train(32)
        };
        for seed in 0..16 {
            let image = relit(&augment, seed);
            assert!(
                image
                    .pixels
                    .as_chunks::<3>()
                    .0
                    .iter()
                    .all(|[r, g, b]| r.abs_diff(*g) < 2 && g.abs_diff(*b) < 2)
            );
        }
    }
}
