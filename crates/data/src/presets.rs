//! The usual ways to make crops.

use crate::augment::{Augment, always};

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
            gamma: 1.3,
            channel_gamma: 1.1,
            channel_gain: 0.06,
            strong_probability: 0.4,
            grey_probability: 0.06,
            haze_probability: 0.15,
            haze: 0.5,
            illumination_probability: 0.3,
            illumination: 0.4,
            shadow_probability: 0.3,
            recolour_probability: 0.3,
            soften_probability: 0.15,
            blur_probability: 0.15,
            blur_sigma_px: 1.2,
            noise_probability: 0.15,
            noise_levels: 6.0,
            jpeg_probability: 0.15,
            jpeg_quality_min: 40,
            labelled_share: 0.3,
            uniform_probability: 0.5,
            class_share: 0.55,
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
            gamma: 1.0,
            channel_gamma: 1.0,
            channel_gain: 0.0,
            strong_probability: 0.0,
            grey_probability: 0.0,
            haze_probability: 0.0,
            haze: 0.0,
            illumination_probability: 0.0,
            illumination: 0.0,
            shadow_probability: 0.0,
            recolour_probability: 0.0,
            soften_probability: 0.0,
            blur_probability: 0.0,
            blur_sigma_px: 0.0,
            noise_probability: 0.0,
            noise_levels: 0.0,
            jpeg_probability: 0.0,
            jpeg_quality_min: 95,
            labelled_share: 0.0,
            uniform_probability: always(),
            class_share: 0.0,
        }
    }
}
