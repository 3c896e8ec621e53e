//! A penalty on logits that know of the grid of patches.

use tch::{Kind, Tensor};

use super::Counts;
use crate::TrainError;

/// How much logits know of the grid of patches: the variance over the places in a patch of the mean
/// over all patches, mean over maps of logits.
///
/// Nothing on the ground is laid out along patches, so this should be near 0. Transposed
/// convolutions of tokens have weights of their own for each place in a patch and learn to leave a
/// pattern, visible as dots where scores are near a threshold (checkerboards: Odena et al. 2016,
/// distill.pub/2016/deconv-checkerboard).
pub(super) fn patch_grid(
    logits: &Tensor,
    grid: usize,
    counts: &Counts,
) -> Result<Tensor, TrainError> {
    let (images, queries, height, width) = logits.size4()?;
    let grid = grid as i64;
    let of_patches =
        logits.f_reshape([images, queries, grid, height / grid, grid, width / grid])?;
    let pattern = of_patches.f_mean_dim([2_i64, 4].as_slice(), false, Kind::Float)?;
    let flat = pattern.f_mean_dim([2_i64, 3].as_slice(), true, Kind::Float)?;
    let variance =
        pattern.f_sub(&flat)?.f_square()?.f_mean_dim([2_i64, 3].as_slice(), false, Kind::Float)?;
    Ok(variance.f_sum(Kind::Float)?.f_div_scalar(counts.maps)?)
}
