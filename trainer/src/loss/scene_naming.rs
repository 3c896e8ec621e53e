//! The name of a whole image among the names of all scenes.

use tch::{Kind, Reduction, Tensor};

use crate::TrainError;

/// τ of the softmax over names: where CLIP's starts (arXiv:2103.00020, section 2.5).
const TEMPERATURE: f64 = 0.07;
/// The place of an image whose scene has no name.
const UNNAMED: i64 = -100;

/// Which images of a batch are named, and by what.
#[derive(Debug)]
pub struct Scenes {
    /// `[S, D]`, L2-normalised: vectors of all names.
    names: Tensor,
    /// `i64 [N]`: the place of each image's name.
    places: Tensor,
    /// Images of the whole batch, which the mean is over.
    images: f64,
}

impl Scenes {
    /// `names: [S, D]`, the place of each image's name in it, and how many images the whole batch
    /// has, on all ranks.
    pub fn new(names: Tensor, places: &[Option<usize>], images: usize) -> Result<Self, TrainError> {
        let places: Vec<i64> =
            places.iter().map(|place| place.map_or(UNNAMED, |place| place as i64)).collect();
        let places = Tensor::f_from_slice(&places)?.f_to_device(names.device())?;
        Ok(Self { names, places, images: images as f64 })
    }

    /// Images `from` to `from + count`.
    pub fn narrow(&self, from: i64, count: i64) -> Result<Self, TrainError> {
        let places = self.places.f_narrow(0, from, count)?;
        Ok(Self { names: self.names.shallow_clone(), places, images: self.images })
    }
}

/// Cross-entropy of `cos(aligned, name) / τ` over all names, summed over named images, divided by
/// all images of the batch.
pub(super) fn scene_naming(aligned: &Tensor, scenes: &Scenes) -> Result<Tensor, TrainError> {
    let scores = aligned.f_matmul(&scenes.names.f_transpose(0, 1)?)?.f_div_scalar(TEMPERATURE)?;
    let sum = scores.f_cross_entropy_loss::<Tensor>(
        &scenes.places,
        None,
        Reduction::Sum,
        UNNAMED,
        0.0,
    )?;
    Ok(sum.f_to_kind(Kind::Float)?.f_div_scalar(scenes.images)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_images_are_compared_with_every_name_and_others_cost_nothing() {
        let names = Tensor::from_slice(&[1.0_f32, 0.0, 0.0, 1.0]).reshape([2, 2]);
        let aligned = Tensor::from_slice(&[1.0_f32, 0.0, 0.6, 0.8]).reshape([2, 2]);
        let scenes = Scenes::new(names, &[None, Some(1)], 4).unwrap();
        let found = scene_naming(&aligned, &scenes).unwrap().double_value(&[]);
        let expected = (1.0 + (-0.2_f64 / 0.07).exp()).ln() / 4.0;
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        let part = scenes.narrow(0, 1).unwrap();
        assert!(
            scene_naming(&aligned.narrow(0, 0, 1), &part).unwrap().double_value(&[]).abs() < 1e-9
        );
    }
}
