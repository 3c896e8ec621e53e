//! From a sample to a training crop: another scale, another place, another side up, another light.

use serde::{Deserialize, Serialize};

use crate::dense_set::Sample;
use crate::error::DataError;
use crate::image::RgbImage;
use crate::mask::IndexMask;
use crate::resample;
use crate::rng::Rng;
use crate::roles::Roles;
use crate::turn::Turn;

/// A square piece of a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crop {
    /// `[tile_px, tile_px, 3]`.
    pub image: RgbImage,
    /// `[tile_px, tile_px]`; [`crate::IGNORE`] where the crop reaches outside the sample.
    pub mask: IndexMask,
}

/// How crops are made. Every default is [`Augment::train`]'s.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augment {
    /// Side of a crop.
    pub tile_px: usize,
    /// Smallest scale, crop pixels a sample pixel: 0.5 shows an area twice as wide as the crop.
    /// Drawn uniformly in its logarithm.
    pub scale_min: f32,
    /// Largest scale.
    pub scale_max: f32,
    /// Mirror left and right, half of the time.
    pub flip_horizontal: bool,
    /// Mirror up and down, half of the time. Wrong for oblique views, where the sky is up.
    pub flip_vertical: bool,
    /// Turn by a quarter, half of the time. Wrong for oblique views.
    pub quarter_turns: bool,
    /// Largest relative change of brightness, either way.
    pub brightness: f32,
    /// Largest relative change of contrast.
    pub contrast: f32,
    /// Largest relative change of saturation.
    pub saturation: f32,
    /// Largest turn of the hue, in full turns.
    pub hue_turns: f32,
    /// Largest relative change of red against blue.
    pub warmth: f32,
    /// Largest exponent of the three channels together, and the inverse of the smallest; 1 bends
    /// nothing. Drawn uniformly in its logarithm.
    #[serde(default = "always")]
    pub gamma: f32,
    /// Largest exponent of each channel beside that, likewise.
    #[serde(default = "always")]
    pub channel_gamma: f32,
    /// Largest relative change of each channel.
    #[serde(default)]
    pub channel_gain: f32,
    /// How often a crop gets large changes of colour instead of the ones above: any hue, no
    /// saturation to twice as much, brightness and contrast by half, gamma 1.8.
    #[serde(default)]
    pub strong_probability: f32,
    /// How often a crop loses its colours.
    #[serde(default)]
    pub grey_probability: f32,
    /// How often a crop is seen through haze.
    #[serde(default)]
    pub haze_probability: f32,
    /// Largest share of the haze in what is seen.
    #[serde(default)]
    pub haze: f32,
    /// How often the light falls off from one side of a crop to the other.
    #[serde(default)]
    pub illumination_probability: f32,
    /// Largest relative change of that light from the centre to a corner.
    #[serde(default)]
    pub illumination: f32,
    /// How often a crop gets shadows that nothing in it casts: see `shadow`.
    #[serde(default)]
    pub shadow_probability: f32,
    /// How often the roofs of a crop, and how often its water, get other colours: see `recolour`.
    #[serde(default)]
    pub recolour_probability: f32,
    /// How often a crop is seen through a lens of 1.5 to 2.5 times coarser resolution.
    #[serde(default)]
    pub soften_probability: f32,
    /// How often a crop is blurred.
    pub blur_probability: f32,
    /// Largest standard deviation of the blur.
    pub blur_sigma_px: f32,
    /// How often a crop gets sensor noise.
    pub noise_probability: f32,
    /// Largest standard deviation of the noise, of 255.
    pub noise_levels: f32,
    /// How often a crop is compressed as JPEG once more.
    pub jpeg_probability: f32,
    /// Lowest quality of that compression, 1 to 100; the highest is 95.
    pub jpeg_quality_min: u8,
    /// Crops with a smaller share of labelled pixels are drawn again, up to eight times.
    pub labelled_share: f32,
    /// How often a crop of one index alone is kept; otherwise it is drawn again, up to eight times.
    /// Open sea and open fields teach little.
    #[serde(default = "always")]
    pub uniform_probability: f32,
    /// How often a crop is laid around a pixel of a class, where each class that the sample shows
    /// is as likely as the others.
    #[serde(default)]
    pub class_share: f32,
}

impl Augment {
    /// One crop of `sample`, whose indices have `roles`. The same `rng` state gives the same crop.
    pub fn crop(&self, sample: &Sample, roles: &Roles, rng: &mut Rng) -> Result<Crop, DataError> {
        assert!(
            self.tile_px > 0 && self.scale_min > 0.0 && self.scale_min <= self.scale_max,
            "{self:?}"
        );
        assert!(self.gamma >= 1.0 && self.channel_gamma >= 1.0, "{self:?}");
        let (window, mask) = self.place(sample, roles, rng);
        let mut image = resample::cut_image(&sample.image, window);
        let turn = Turn {
            flip_x: self.flip_horizontal && rng.chance(0.5),
            flip_y: self.flip_vertical && rng.chance(0.5),
            transpose: self.quarter_turns && rng.chance(0.5),
        };
        image.pixels =
            turn.apply(self.tile_px, image.pixels.as_chunks::<3>().0).as_flattened().to_vec();
        let ids = turn.apply(self.tile_px, &mask.ids);
        let mask = IndexMask { ids, ..mask };
        let image = self.relight(image, &mask, roles, rng)?;
        Ok(Crop { image, mask })
    }
}

/// The probability, and the factor, of a configuration that does not mention one.
pub(crate) fn always() -> f32 {
    1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::IGNORE;
    use std::collections::BTreeSet;

    /// A sample whose image tells its mask: red is 40 times the index.
    fn sample(width: usize, height: usize) -> Sample {
        let mut image = RgbImage::filled(width, height, [0; 3]);
        let mut mask = IndexMask::filled(width, height, 0);
        for y in 0..height {
            for x in 0..width {
                let id = ((x / 20 + y / 15) % 4) as u8;
                image.set_pixel(x, y, [id * 40, 90, 90]);
                mask.ids[y * width + x] = id;
            }
        }
        Sample { id: "test".to_owned(), image, mask }
    }

    #[test]
    fn the_same_state_gives_the_same_crop_and_another_state_another() {
        let sample = sample(90, 70);
        let augment = Augment::train(32);
        let crop = |seed| augment.crop(&sample, &Roles::default(), &mut Rng::new(seed)).unwrap();
        assert_eq!(crop(4), crop(4));
        assert_ne!(crop(4), crop(5));
    }

    #[test]
    fn the_mask_follows_its_image_through_every_scale_and_turn() {
        let sample = sample(120, 100);
        let geometry = Augment { scale_min: 0.5, scale_max: 2.0, ..Augment::plain(40) };
        let augment =
            Augment { flip_horizontal: true, flip_vertical: true, quarter_turns: true, ..geometry };
        for seed in 0..64 {
            let crop = augment.crop(&sample, &Roles::default(), &mut Rng::new(seed)).unwrap();
            let nearest = crop.image.pixels.iter().step_by(3).map(|&red| (red + 20) / 40);
            let wrong = nearest
                .zip(&crop.mask.ids)
                .filter(|&(id, &mask)| mask != IGNORE && id != mask)
                .count();
            // Only along the borders of the 20 by 15 pixel cells, where the image blends and the
            // mask does not.
            assert!(wrong < 40 * 40 / 5, "seed {seed}: {wrong} of 1600 pixels differ");
        }
    }

    #[test]
    fn all_eight_turns_occur_and_differ() {
        let sample = sample(32, 32);
        let plain = Augment::plain(32);
        let augment =
            Augment { flip_horizontal: true, flip_vertical: true, quarter_turns: true, ..plain };
        let crops: BTreeSet<Vec<u8>> = (0..80)
            .map(|seed| {
                augment.crop(&sample, &Roles::default(), &mut Rng::new(seed)).unwrap().mask.ids
            })
            .collect();
        assert_eq!(crops.len(), 8);
    }

    #[test]
    fn oblique_views_keep_up_up() {
        let mut sample = sample(64, 64);
        sample.mask.ids.iter_mut().enumerate().for_each(|(at, id)| *id = u8::from(at >= 64 * 32));
        let augment = Augment { scale_min: 1.0, scale_max: 1.0, ..Augment::train_oblique(64) };
        for seed in 0..16 {
            let crop = augment.crop(&sample, &Roles::default(), &mut Rng::new(seed)).unwrap();
            assert_eq!((crop.mask.id(0, 0), crop.mask.id(0, 63)), (0, 1));
        }
    }

    #[test]
    fn plain_crops_are_pieces_of_the_sample() {
        let sample = sample(50, 40);
        for seed in 0..10 {
            let crop =
                Augment::plain(16).crop(&sample, &Roles::default(), &mut Rng::new(seed)).unwrap();
            let exact = crop
                .image
                .pixels
                .iter()
                .step_by(3)
                .zip(&crop.mask.ids)
                .all(|(&red, &id)| red == id * 40);
            assert!(exact, "seed {seed}");
        }
    }

    #[test]
    fn a_sample_smaller_than_the_crop_is_padded_and_the_padding_ignored() {
        let sample = sample(10, 6);
        let crop = Augment::plain(32).crop(&sample, &Roles::default(), &mut Rng::new(1)).unwrap();
        assert_eq!(crop.mask.ids.iter().filter(|&&id| id != IGNORE).count(), 60);
        assert!(crop.image.pixels.chunks(3).all(|pixel| pixel[1] == 90));
    }

    #[test]
    fn a_configuration_without_the_probability_keeps_every_crop() {
        let mut written = serde_json::to_value(Augment::train(32)).unwrap();
        written.as_object_mut().unwrap().remove("uniform_probability");
        let read: Augment = serde_json::from_value(written).unwrap();
        assert_eq!(read, Augment { uniform_probability: 1.0, ..Augment::train(32) });
    }

    #[test]
    fn a_configuration_of_former_fields_alone_has_nothing_of_the_new_ones() {
        let mut written = serde_json::to_value(Augment::train(32)).unwrap();
        let plain = serde_json::to_value(Augment::plain(32)).unwrap();
        let former = [
            "tile_px",
            "scale_min",
            "scale_max",
            "flip_horizontal",
            "flip_vertical",
            "quarter_turns",
            "brightness",
            "contrast",
            "saturation",
            "hue_turns",
            "warmth",
            "blur_probability",
            "blur_sigma_px",
            "noise_probability",
            "noise_levels",
            "jpeg_probability",
            "jpeg_quality_min",
            "labelled_share",
        ];
        written.as_object_mut().unwrap().retain(|name, _| former.contains(&name.as_str()));
        let read =
            serde_json::to_value(serde_json::from_value::<Augment>(written).unwrap()).unwrap();
        let new =
            read.as_object().unwrap().iter().filter(|(name, _)| !former.contains(&name.as_str()));
        assert!(
            new.clone().count() > 12 && new.clone().all(|(name, value)| plain[name] == *value),
            "{read}"
        );
    }

    #[test]
    fn labels_do_not_depend_on_light() {
        let sample = sample(120, 100);
        let roles = Roles { wanted: vec![1, 2], roofs: vec![1], waters: vec![2] };
        // The place and the side are drawn first, so equal states show equal pixels.
        let lit = Augment::train(40);
        let unlit = Augment {
            scale_min: lit.scale_min,
            scale_max: lit.scale_max,
            flip_horizontal: true,
            flip_vertical: true,
            quarter_turns: true,
            labelled_share: lit.labelled_share,
            uniform_probability: lit.uniform_probability,
            class_share: lit.class_share,
            ..Augment::plain(40)
        };
        for seed in 0..32 {
            let crop =
                |augment: &Augment| augment.crop(&sample, &roles, &mut Rng::new(seed)).unwrap();
            assert_eq!(crop(&lit).mask, crop(&unlit).mask);
            assert_ne!(crop(&lit).image, crop(&unlit).image);
        }
    }
}
