//! From a sample to a training crop: another scale, another place, another side up, another light.

use serde::{Deserialize, Serialize};

use crate::colour::{self, Jitter};
use crate::dense_set::Sample;
use crate::error::DataError;
use crate::image::RgbImage;
use crate::mask::{IGNORE, IndexMask};
use crate::resample::{self, Window};
use crate::rng::Rng;

/// A square piece of a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crop {
    /// `[tile_px, tile_px, 3]`.
    pub image: RgbImage,
    /// `[tile_px, tile_px]`; [`IGNORE`] where the crop reaches outside the sample.
    pub mask: IndexMask,
}

/// How crops are made. Every default is [`Augment::train`]'s.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augment {
    /// Side of a crop.
    pub tile_px: usize,
    /// Smallest scale, crop pixels a sample pixel: 0.5 shows an area twice as wide as the crop. Drawn uniformly in its logarithm.
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
    /// How often a crop of one index alone is kept; otherwise it is drawn again, up to eight times. Open sea and open fields teach little.
    #[serde(default = "always")]
    pub uniform_probability: f32,
}

impl Augment {
    /// The usual training crops of a nadir view.
    pub fn train(tile_px: usize) -> Self {
        Self {
            tile_px,
            scale_min: 0.5,
            scale_max: 2.0,
            flip_horizontal: true,
            flip_vertical: true,
            quarter_turns: true,
            brightness: 0.25,
            contrast: 0.25,
            saturation: 0.3,
            hue_turns: 0.02,
            warmth: 0.08,
            blur_probability: 0.15,
            blur_sigma_px: 1.2,
            noise_probability: 0.15,
            noise_levels: 6.0,
            jpeg_probability: 0.15,
            jpeg_quality_min: 40,
            labelled_share: 0.3,
            uniform_probability: 0.5,
        }
    }

    /// [`Augment::train`] for oblique views: up stays up.
    pub fn train_oblique(tile_px: usize) -> Self {
        Self { flip_vertical: false, quarter_turns: false, ..Self::train(tile_px) }
    }

    /// Crops at scale 1, nothing changed but the place.
    pub fn plain(tile_px: usize) -> Self {
        Self {
            tile_px,
            scale_min: 1.0,
            scale_max: 1.0,
            flip_horizontal: false,
            flip_vertical: false,
            quarter_turns: false,
            brightness: 0.0,
            contrast: 0.0,
            saturation: 0.0,
            hue_turns: 0.0,
            warmth: 0.0,
            blur_probability: 0.0,
            blur_sigma_px: 0.0,
            noise_probability: 0.0,
            noise_levels: 0.0,
            jpeg_probability: 0.0,
            jpeg_quality_min: 95,
            labelled_share: 0.0,
            uniform_probability: always(),
        }
    }

    /// One crop of `sample`. The same `rng` state gives the same crop.
    pub fn crop(&self, sample: &Sample, rng: &mut Rng) -> Result<Crop, DataError> {
        assert!(self.tile_px > 0 && self.scale_min > 0.0 && self.scale_min <= self.scale_max, "{self:?}");
        let (window, mask) = self.place(sample, rng);
        let mut image = resample::cut_image(&sample.image, window);
        let turn = Turn {
            flip_x: self.flip_horizontal && rng.chance(0.5),
            flip_y: self.flip_vertical && rng.chance(0.5),
            transpose: self.quarter_turns && rng.chance(0.5),
        };
        image.pixels = turn.apply(self.tile_px, image.pixels.as_chunks::<3>().0).as_flattened().to_vec();
        let ids = turn.apply(self.tile_px, &mask.ids);
        let image = self.relight(image, rng)?;
        Ok(Crop { image, mask: IndexMask { ids, ..mask } })
    }

    /// A window with enough labelled pixels, or the last of eight tries.
    fn place(&self, sample: &Sample, rng: &mut Rng) -> (Window, IndexMask) {
        const TRIES: usize = 8;
        let mut tried = 0;
        loop {
            let step = 1.0 / rng.range(self.scale_min.ln(), self.scale_max.ln()).exp();
            let extent = step * self.tile_px as f32;
            // Inside the picture when the window fits; around the picture when it does not.
            let mut edge = |size: usize| {
                let slack = size as f32 - extent;
                rng.range(slack.min(0.0), slack.max(0.0))
            };
            let (mut x, mut y) = (edge(sample.image.width), edge(sample.image.height));
            if self.scale_min >= 1.0 && self.scale_max <= 1.0 {
                (x, y) = (x.round(), y.round());
            }
            let window = Window { x, y, step, side_px: self.tile_px };
            let mask = resample::cut_mask(&sample.mask, window);
            tried += 1;
            if tried == TRIES || self.is_worth_it(&mask, rng) {
                return (window, mask);
            }
        }
    }

    fn is_worth_it(&self, mask: &IndexMask, rng: &mut Rng) -> bool {
        let mut labelled = mask.ids.iter().filter(|&&id| id != IGNORE);
        let Some(first) = labelled.next() else { return self.labelled_share <= 0.0 };
        let (mut count, mut others) = (1_usize, 0_usize);
        for id in labelled {
            count += 1;
            others += usize::from(id != first);
        }
        count as f32 >= self.labelled_share * mask.ids.len() as f32
            && (others > 0 || self.uniform_probability >= 1.0 || rng.chance(self.uniform_probability))
    }

    fn relight(&self, mut image: RgbImage, rng: &mut Rng) -> Result<RgbImage, DataError> {
        let mut factor = |largest: f32| rng.range(1.0 - largest, 1.0 + largest);
        let jitter = Jitter {
            brightness: factor(self.brightness),
            contrast: factor(self.contrast),
            saturation: factor(self.saturation),
            hue_turns: factor(self.hue_turns) - 1.0,
            warmth: factor(self.warmth),
        };
        colour::jitter(&mut image, jitter);
        if rng.chance(self.blur_probability) {
            colour::blur(&mut image, rng.range(0.3, self.blur_sigma_px.max(0.3)));
        }
        if rng.chance(self.noise_probability) {
            let levels = rng.range(0.0, self.noise_levels);
            colour::noise(&mut image, levels, rng);
        }
        if rng.chance(self.jpeg_probability) {
            let quality = rng.range(f32::from(self.jpeg_quality_min), 95.0) as u8;
            image = colour::compress(&image, quality)?;
        }
        Ok(image)
    }
}

/// The probability of a configuration that does not mention one.
fn always() -> f32 {
    1.0
}

/// One of the eight ways to lay a square on itself.
#[derive(Debug, Clone, Copy)]
struct Turn {
    flip_x: bool,
    flip_y: bool,
    transpose: bool,
}

impl Turn {
    /// `source: [side, side]` of anything.
    fn apply<T: Copy>(self, side: usize, source: &[T]) -> Vec<T> {
        let mut turned = Vec::with_capacity(source.len());
        for y in 0..side {
            for x in 0..side {
                let (u, v) = if self.transpose { (y, x) } else { (x, y) };
                let u = if self.flip_x { side - 1 - u } else { u };
                let v = if self.flip_y { side - 1 - v } else { v };
                turned.push(source[v * side + u]);
            }
        }
        turned
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// A sample whose picture tells its mask: red is 40 times the index.
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
        let crop = |seed| augment.crop(&sample, &mut Rng::new(seed)).unwrap();
        assert_eq!(crop(4), crop(4));
        assert_ne!(crop(4), crop(5));
    }

    #[test]
    fn the_mask_follows_its_picture_through_every_scale_and_turn() {
        let sample = sample(120, 100);
        let geometry = Augment { scale_min: 0.5, scale_max: 2.0, ..Augment::plain(40) };
        let augment = Augment { flip_horizontal: true, flip_vertical: true, quarter_turns: true, ..geometry };
        for seed in 0..64 {
            let crop = augment.crop(&sample, &mut Rng::new(seed)).unwrap();
            let nearest = crop.image.pixels.iter().step_by(3).map(|&red| (red + 20) / 40);
            let wrong = nearest.zip(&crop.mask.ids).filter(|&(id, &mask)| mask != IGNORE && id != mask).count();
            // Only along the borders of the 20 by 15 pixel cells, where the picture blends and the mask does not.
            assert!(wrong < 40 * 40 / 5, "seed {seed}: {wrong} of 1600 pixels differ");
        }
    }

    #[test]
    fn all_eight_turns_occur_and_differ() {
        let sample = sample(32, 32);
        let plain = Augment::plain(32);
        let augment = Augment { flip_horizontal: true, flip_vertical: true, quarter_turns: true, ..plain };
        let crops: BTreeSet<Vec<u8>> =
            (0..80).map(|seed| augment.crop(&sample, &mut Rng::new(seed)).unwrap().mask.ids).collect();
        assert_eq!(crops.len(), 8);
    }

    #[test]
    fn oblique_views_keep_up_up() {
        let mut sample = sample(64, 64);
        sample.mask.ids.iter_mut().enumerate().for_each(|(at, id)| *id = u8::from(at >= 64 * 32));
        let augment = Augment { scale_min: 1.0, scale_max: 1.0, ..Augment::train_oblique(64) };
        for seed in 0..16 {
            let crop = augment.crop(&sample, &mut Rng::new(seed)).unwrap();
            assert_eq!((crop.mask.id(0, 0), crop.mask.id(0, 63)), (0, 1));
        }
    }

    #[test]
    fn plain_crops_are_pieces_of_the_sample() {
        let sample = sample(50, 40);
        for seed in 0..10 {
            let crop = Augment::plain(16).crop(&sample, &mut Rng::new(seed)).unwrap();
            let exact = crop.image.pixels.iter().step_by(3).zip(&crop.mask.ids).all(|(&red, &id)| red == id * 40);
            assert!(exact, "seed {seed}");
        }
    }

    #[test]
    fn a_sample_smaller_than_the_crop_is_padded_and_the_padding_ignored() {
        let sample = sample(10, 6);
        let crop = Augment::plain(32).crop(&sample, &mut Rng::new(1)).unwrap();
        assert_eq!(crop.mask.ids.iter().filter(|&&id| id != IGNORE).count(), 60);
        assert!(crop.image.pixels.chunks(3).all(|pixel| pixel[1] == 90));
    }

    #[test]
    fn crops_of_one_index_can_be_made_rare() {
        let mut sample = sample(400, 50);
        sample.mask.ids.iter_mut().enumerate().for_each(|(at, id)| *id = u8::from(at % 400 >= 350));
        let mixed = |augment: &Augment| {
            let crops = (0..50).map(|seed| augment.crop(&sample, &mut Rng::new(seed)).unwrap());
            crops.filter(|crop| crop.mask.present().len() > 1).count()
        };
        let plain = Augment::plain(32);
        assert!(mixed(&plain) < 12);
        assert!(mixed(&Augment { uniform_probability: 0.0, ..plain }) > 15);
    }

    #[test]
    fn a_configuration_without_the_probability_keeps_every_crop() {
        let mut written = serde_json::to_value(Augment::train(32)).unwrap();
        written.as_object_mut().unwrap().remove("uniform_probability");
        let read: Augment = serde_json::from_value(written).unwrap();
        assert_eq!(read, Augment { uniform_probability: 1.0, ..Augment::train(32) });
    }

    #[test]
    fn crops_prefer_labelled_places() {
        let mut sample = sample(400, 50);
        sample.mask.ids.iter_mut().enumerate().filter(|(at, _)| at % 400 >= 150).for_each(|(_, id)| *id = IGNORE);
        let labelled = |augment: &Augment| {
            let crops = (0..50).map(|seed| augment.crop(&sample, &mut Rng::new(seed)).unwrap());
            crops.filter(|crop| crop.mask.ids.iter().any(|&id| id != IGNORE)).count()
        };
        let plain = Augment::plain(32);
        assert!(labelled(&plain) < 35);
        assert!(labelled(&Augment { labelled_share: 0.3, ..plain }) > 45);
    }
}
