//! What training minimises: L = BCE + λ · `L_align` (paper, section 3.6).

use rszs_data::{POSITIVE, UNLABELLED};
use tch::{Kind, Reduction, Tensor};

use crate::TrainError;

/// The parts of a loss, each a number with a gradient.
#[derive(Debug)]
pub struct Loss {
    /// What is minimised.
    pub total: Tensor,
    /// Binary cross-entropy, mean over labelled pixels of all queries.
    pub segmentation: Tensor,
    /// `L_align`, mean over pictures that show at least one query; 0 if none does.
    pub alignment: Tensor,
}

/// BCE with logits at the resolution of the targets, plus `alignment_weight` (λ) times [`alignment_loss`].
///
/// `logits: [N, K, H/4, W/4]`, `aligned: [N, D]`, `queries: [K, D]`, `targets: u8 [N, K, H, W]` of [`POSITIVE`],
/// [`rszs_data::NEGATIVE`] and [`UNLABELLED`].
pub fn loss(
    logits: &Tensor,
    aligned: &Tensor,
    queries: &Tensor,
    targets: &Tensor,
    alignment_weight: f64,
) -> Result<Loss, TrainError> {
    let segmentation = segmentation_loss(logits, targets)?;
    let alignment = alignment_loss(aligned, queries, targets)?;
    let total = segmentation.f_add(&alignment.f_mul_scalar(alignment_weight)?)?;
    Ok(Loss { total, segmentation, alignment })
}

/// Binary cross-entropy of bilinearly upsampled logits, mean over labelled pixels of all queries; 0 if nothing is labelled.
///
/// The logits go up to the targets, not the targets down: so the loss sees what the runtime thresholds, and it costs
/// little beside the network.
pub fn segmentation_loss(logits: &Tensor, targets: &Tensor) -> Result<Tensor, TrainError> {
    let (_, _, height, width) = targets.size4()?;
    let logits = logits.f_upsample_bilinear2d([height, width], false, None, None)?;
    let labelled = targets.f_ne(i64::from(UNLABELLED))?.f_to_kind(Kind::Float)?;
    let positive = targets.f_eq(i64::from(POSITIVE))?.f_to_kind(Kind::Float)?;
    let sum = logits.f_binary_cross_entropy_with_logits(&positive, Some(&labelled), None::<&Tensor>, Reduction::Sum)?;
    Ok(sum.f_div(&labelled.f_sum(Kind::Float)?.f_clamp_min(1.0)?)?)
}

/// `1 - cos(aligned, mean of E(t_k) over the queries with a positive pixel)`, mean over pictures that have one.
pub fn alignment_loss(aligned: &Tensor, queries: &Tensor, targets: &Tensor) -> Result<Tensor, TrainError> {
    let present = targets.f_eq(i64::from(POSITIVE))?.f_flatten(2, -1)?.f_any_dim(2, false)?.f_to_kind(Kind::Float)?;
    // A cosine does not change with the length of the text side, so the sum stands for the normalised mean.
    let texts = present.f_matmul(queries)?;
    let cosine = Tensor::f_cosine_similarity(aligned, &texts, 1, 1e-6)?;
    let counted = present.f_amax([1], false)?;
    let sum = cosine.f_neg()?.f_add_scalar(1.0)?.f_mul(&counted)?.f_sum(Kind::Float)?;
    Ok(sum.f_div(&counted.f_sum(Kind::Float)?.f_clamp_min(1.0)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rszs_data::NEGATIVE;

    const P: u8 = POSITIVE;
    const O: u8 = NEGATIVE;
    const U: u8 = UNLABELLED;
    /// Rounding of a few operations in f32.
    const FLOAT32: f64 = 1e-6;

    fn number(tensor: &Tensor) -> f64 {
        tensor.double_value(&[])
    }

    /// One picture, one query, two by two pixels, logits of the same size.
    fn segmentation(logits: [f32; 4], targets: [u8; 4]) -> f64 {
        let logits = Tensor::from_slice(&logits).reshape([1, 1, 2, 2]);
        number(&segmentation_loss(&logits, &Tensor::from_slice(&targets).reshape([1, 1, 2, 2])).unwrap())
    }

    #[test]
    fn unlabelled_pixels_do_not_count_whatever_their_logit() {
        // ln(1 + e^0) = ln 2 for both labelled pixels.
        let ln2 = std::f64::consts::LN_2;
        assert!((segmentation([0.0, 0.0, 90.0, -90.0], [P, O, U, U]) - ln2).abs() < FLOAT32);
        // ln(1 + e^-2) for a right pixel, ln(1 + e^2) for a wrong one, halved; the third says nothing.
        let expected = f64::midpoint((1.0_f64 + (-2.0_f64).exp()).ln(), (1.0_f64 + 2.0_f64.exp()).ln());
        assert!((segmentation([2.0, 2.0, 5.0, 5.0], [P, O, U, U]) - expected).abs() < FLOAT32);
    }

    #[test]
    fn a_batch_without_labels_costs_nothing() {
        assert!(segmentation([3.0, -3.0, 1.0, 0.0], [U; 4]).abs() < FLOAT32);
    }

    #[test]
    fn unlabelled_pixels_send_no_gradient() {
        let logits = Tensor::from_slice(&[1.0_f32, 2.0, 3.0, 4.0]).reshape([1, 1, 2, 2]).set_requires_grad(true);
        let targets = Tensor::from_slice(&[P, O, U, U]).reshape([1, 1, 2, 2]);
        segmentation_loss(&logits, &targets).unwrap().backward();
        let gradient = Vec::<f32>::try_from(logits.grad().reshape([4])).unwrap();
        assert!(gradient[0] < 0.0 && gradient[1] > 0.0 && gradient[2] == 0.0 && gradient[3] == 0.0, "{gradient:?}");
    }

    fn targets_of_two_queries(first: u8, second: u8) -> Tensor {
        Tensor::from_slice(&[first, O, second, O]).reshape([1, 2, 1, 2])
    }

    #[test]
    fn alignment_is_with_the_queries_that_are_present() {
        let queries = Tensor::from_slice(&[1.0_f32, 0.0, 0.0, 1.0]).reshape([2, 2]);
        let aligned = Tensor::from_slice(&[1.0_f32, 0.0]).reshape([1, 2]);
        let align = |first, second| {
            number(&alignment_loss(&aligned, &queries, &targets_of_two_queries(first, second)).unwrap())
        };
        assert!(align(P, O).abs() < FLOAT32);
        assert!((align(O, P) - 1.0).abs() < FLOAT32);
        assert!((align(P, P) - (1.0 - 0.5_f64.sqrt())).abs() < FLOAT32);
        assert!(align(U, O).abs() < FLOAT32, "no query present: nothing to align with");
    }

    #[test]
    fn pictures_without_a_query_do_not_dilute_the_alignment_of_others() {
        let queries = Tensor::from_slice(&[0.0_f32, 1.0]).reshape([1, 2]);
        let aligned = Tensor::from_slice(&[1.0_f32, 0.0, 1.0, 0.0]).reshape([2, 2]);
        let targets = Tensor::from_slice(&[P, O, U, U]).reshape([2, 1, 1, 2]);
        assert!((number(&alignment_loss(&aligned, &queries, &targets).unwrap()) - 1.0).abs() < FLOAT32);
    }
}
