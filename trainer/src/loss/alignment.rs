//! `L_align`: a whole image with the words that are in it.

use rszs_data::{NEGATIVE, POSITIVE};
use tch::{Kind, Tensor};

use super::Counts;
use super::targets::shows;
use crate::TrainError;

/// τ of the contrastive form: where CLIP's starts (arXiv:2103.00020, section 2.5).
const TEMPERATURE: f64 = 0.07;

/// `1 - cos(aligned, mean of E(t_k) over the queries with a positive pixel)`, mean over images
/// that have one.
pub(super) fn cosine_alignment(
    aligned: &Tensor,
    queries: &Tensor,
    targets: &Tensor,
    counts: &Counts,
) -> Result<Tensor, TrainError> {
    let present = shows(targets, POSITIVE)?.f_to_kind(Kind::Float)?;
    // A cosine does not change with the length of the text side, so the sum stands for the
    // normalised mean.
    let texts = present.f_matmul(queries)?;
    let cosine = Tensor::f_cosine_similarity(aligned, &texts, 1, 1e-6)?;
    let counted = present.f_amax([1], false)?;
    let sum = cosine.f_neg()?.f_add_scalar(1.0)?.f_mul(&counted)?.f_sum(Kind::Float)?;
    Ok(sum.f_div_scalar(counts.showing)?)
}

/// `InfoNCE` with several positives (arXiv:2004.11362, equation 2): minus the logarithm of the
/// share that a query with a positive pixel has in the softmax of `cos(aligned, E(t_k)) / τ` over
/// all queries with a labelled pixel; mean over those with a positive pixel, then over images
/// that have one. A query of which an image says nothing is no negative.
pub(super) fn contrastive_alignment(
    aligned: &Tensor,
    queries: &Tensor,
    targets: &Tensor,
    counts: &Counts,
) -> Result<Tensor, TrainError> {
    let present = shows(targets, POSITIVE)?.f_to_kind(Kind::Float)?;
    let unknown =
        shows(targets, POSITIVE)?.f_logical_or(&shows(targets, NEGATIVE)?)?.f_logical_not()?;
    let scores = aligned.f_matmul(&queries.f_transpose(0, 1)?)?.f_div_scalar(TEMPERATURE)?;
    // Far below any cosine over τ, and finite: an image without a labelled query must not divide
    // by 0.
    let shares = scores.f_masked_fill(&unknown, -1e4)?.f_log_softmax(1, Kind::Float)?;
    let sums = shares.f_mul(&present)?.f_sum_dim_intlist([1].as_slice(), false, Kind::Float)?;
    let positives =
        present.f_sum_dim_intlist([1].as_slice(), false, Kind::Float)?.f_clamp_min(1.0)?;
    Ok(sums.f_div(&positives)?.f_sum(Kind::Float)?.f_div_scalar(-counts.showing)?)
}
