//! What the image streams are told: the teacher's features and the sentences.
//!
//! Letters: N images, T cells, P components of the teacher, C sentences, D joint width.

use tch::{Kind, TchError, Tensor};

/// `1 - cosine` plus smooth L1, mean over cells. `predicted`, `target: [N, T, P]`.
pub fn distillation(predicted: &Tensor, target: &Tensor) -> Result<Tensor, TchError> {
    let cosine = Tensor::f_cosine_similarity(predicted, target, -1, 1e-6)?.f_mean(Kind::Float)?;
    let distance = predicted.f_smooth_l1_loss(target, tch::Reduction::Mean, 1.0)?;
    cosine.f_neg()?.f_add_scalar(1.0)?.f_add(&distance)
}

/// Softmax contrast in both directions with graded positives.
///
/// `images: [N, D]` and `sentences: [C, D]`, rows of length 1; `scale`: one number, the inverse
/// temperature; `positives: [N, C]`, not negative, with a positive number in every row and column:
/// how well each sentence fits. Source: CLIP, arXiv:2103.00020, with soft targets.
pub fn contrast(
    images: &Tensor,
    sentences: &Tensor,
    scale: &Tensor,
    positives: &Tensor,
) -> Result<Tensor, TchError> {
    let logits = images.f_matmul(&sentences.f_transpose(0, 1)?)?.f_mul(scale)?;
    let direction = |axis: i64| {
        let wanted = positives.f_div(&positives.f_sum_dim_intlist(
            [axis].as_slice(),
            true,
            Kind::Float,
        )?)?;
        let log_shares = logits.f_log_softmax(axis, Kind::Float)?;
        wanted
            .f_mul(&log_shares)?
            .f_sum_dim_intlist([axis].as_slice(), false, Kind::Float)?
            .f_neg()?
            .f_mean(Kind::Float)
    };
    direction(1)?.f_add(&direction(0)?)?.f_mul_scalar(0.5)
}

/// Cross-entropy of each image over all scene names. `images: [N, D]`, `scenes: [S, D]`,
/// `shown: i64 [N]`.
pub fn scene_naming(
    images: &Tensor,
    scenes: &Tensor,
    scale: &Tensor,
    shown: &Tensor,
) -> Result<Tensor, TchError> {
    images.f_matmul(&scenes.f_transpose(0, 1)?)?.f_mul(scale)?.f_cross_entropy_loss::<Tensor>(
        shown,
        None,
        tch::Reduction::Mean,
        -100,
        0.0,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rounding of a few operations in f32.
    const FLOAT32: f64 = 1e-5;

    fn rows(values: &[f32]) -> Tensor {
        Tensor::from_slice(values).reshape([-1, 2])
    }

    fn number(tensor: &Tensor) -> f64 {
        tensor.double_value(&[])
    }

    #[test]
    fn equal_features_cost_nothing_and_opposite_ones_cost_direction_and_distance() {
        let target = rows(&[1.0, 0.0]).reshape([1, 1, 2]);
        assert!(number(&distillation(&target, &target).unwrap()).abs() < FLOAT32);
        // Cosine -1 costs 2; smooth L1 of a distance of 2 is 1.5 in one of two components.
        let opposite = distillation(&target.neg(), &target).unwrap();
        assert!((number(&opposite) - 2.75).abs() < FLOAT32);
    }

    #[test]
    fn contrast_without_knowledge_is_the_logarithm_of_the_choices() {
        let same = rows(&[1.0, 0.0, 1.0, 0.0]);
        let loss = contrast(
            &same,
            &same,
            &Tensor::from(3.0_f32),
            &Tensor::eye(2, (Kind::Float, tch::Device::Cpu)),
        );
        assert!((number(&loss.unwrap()) - std::f64::consts::LN_2).abs() < FLOAT32);
    }

    #[test]
    fn a_sentence_that_fits_two_images_is_no_mistake_for_either() {
        let images = rows(&[1.0, 0.0, 1.0, 0.0]);
        let sentences = rows(&[1.0, 0.0]);
        let loss = contrast(
            &images,
            &sentences,
            &Tensor::from(1.0_f32),
            &Tensor::from_slice(&[1.0_f32, 1.0]).reshape([2, 1]),
        );
        // One sentence to choose from: certain. Two equal images, both right: ln 2 is the entropy
        // of the target itself.
        assert!((number(&loss.unwrap()) - 0.5 * std::f64::consts::LN_2).abs() < FLOAT32);
    }

    #[test]
    fn naming_the_scene_is_a_softmax_over_the_names() {
        let images = rows(&[1.0, 0.0]);
        let scenes = rows(&[1.0, 0.0, 0.0, 1.0]);
        let loss =
            scene_naming(&images, &scenes, &Tensor::from(2.0_f32), &Tensor::from_slice(&[0_i64]))
                .unwrap();
        assert!((number(&loss) - (1.0 + (-2.0_f64).exp()).ln()).abs() < FLOAT32);
    }
}
