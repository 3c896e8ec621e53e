//! Binary cross-entropy and Dice over labelled pixels.

use rszs_data::{POSITIVE, UNLABELLED};
use tch::{Kind, Reduction, Tensor};

use super::{Counts, Targets, Terms};
use crate::TrainError;

/// Binary cross-entropy of bilinearly upsampled logits over labelled pixels, plus the Dice loss; 0
/// if nothing is labelled.
///
/// The logits go up to the targets, not the targets down: so the loss sees what the runtime
/// thresholds. Maps without a labelled pixel, most of them where sets label different words, are
/// left out before.
pub(super) fn segmentation_loss(
    logits: &Tensor,
    targets: &Targets,
    counts: &Counts,
    terms: Terms,
) -> Result<Tensor, TrainError> {
    let (images, queries, height, width) = targets.labels.size4()?;
    let device = logits.device();
    let maps = targets.labelled()?.f_flatten(0, 1)?.f_gt(0.0)?.f_nonzero()?.f_flatten(0, 1)?;
    let pick = |x: &Tensor| x.f_flatten(0, 1)?.f_index_select(0, &maps);
    let logits =
        pick(logits)?.f_unsqueeze(1)?.f_upsample_bilinear2d([height, width], false, None, None)?;
    let labels = pick(&targets.labels)?.f_unsqueeze(1)?;
    let factors = Tensor::f_from_slice(&counts.factors(terms.averaging))?.f_to_kind(Kind::Float)?;
    let factors = factors
        .f_to_device(device)?
        .f_repeat([images])?
        .f_index_select(0, &maps)?
        .f_view([-1, 1, 1, 1])?;
    let mut weights = labels.f_ne(i64::from(UNLABELLED))?.f_to_kind(Kind::Float)?;
    if let Some(of_pixels) = &targets.weights {
        let image = maps.f_floor_divide_scalar(queries)?;
        let _ = weights.f_mul_(&of_pixels.f_index_select(0, &image)?)?;
    }
    let positive = labels.f_eq(i64::from(POSITIVE))?.f_to_kind(Kind::Float)?;
    let of_pixels = weights.f_mul(&factors)?;
    let sum = logits.f_binary_cross_entropy_with_logits(
        &positive,
        Some(&of_pixels),
        None::<&Tensor>,
        Reduction::Sum,
    )?;
    if terms.dice_weight <= 0.0 {
        return Ok(sum);
    }
    let worth =
        targets.worth_dice()?.f_flatten(0, 1)?.f_index_select(0, &maps)?.f_to_kind(Kind::Float)?;
    let dice = dice(&logits, &positive, &weights)?.f_mul(&worth)?.f_sum(Kind::Float)?;
    Ok(sum.f_add(&dice.f_mul_scalar(terms.dice_weight / counts.dice_maps)?)?)
}

/// `1 - 2 Σ p y / (Σ p + Σ y)` of each map over what its pixels count (Milletari et al. 2016,
/// arXiv:1606.04797, without squares).
fn dice(logits: &Tensor, positive: &Tensor, weights: &Tensor) -> Result<Tensor, TrainError> {
    let over_map = |x: &Tensor| x.f_sum_dim_intlist([1_i64, 2, 3].as_slice(), false, Kind::Float);
    let score = logits.f_sigmoid()?.f_mul(weights)?;
    let both = over_map(&score.f_mul(positive)?)?.f_mul_scalar(2.0)?;
    let sizes =
        over_map(&score)?.f_add(&over_map(&positive.f_mul(weights)?)?)?.f_add_scalar(1.0)?;
    Ok(both.f_div(&sizes)?.f_neg()?.f_add_scalar(1.0)?)
}
