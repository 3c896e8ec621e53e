//! What training minimises: L = BCE + λ · `L_align` (paper, section 3.6).

use rszs_data::{NEGATIVE, POSITIVE, UNLABELLED};
use serde::{Deserialize, Serialize};
use tch::{Kind, Reduction, Tensor};

use crate::TrainError;
use crate::parallel::Communicator;

/// The form of `L_align`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Alignment {
    /// [`cosine_alignment`].
    Cosine,
    /// [`contrastive_alignment`].
    Contrastive,
}

/// τ of the contrastive form: where CLIP's starts (arXiv:2103.00020, section 2.5).
const TEMPERATURE: f64 = 0.07;

/// What is added to the binary cross-entropy, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// The form of `L_align`.
    pub alignment: Alignment,
    /// λ of `L_align`.
    pub alignment_weight: f64,
    /// Weight of [`patch_grid`]; the paper has no such term.
    pub patch_grid_weight: f64,
    /// G, patches along the side of a tile.
    pub grid: usize,
}

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

/// What the means are over. Those of a whole batch, given to the losses of its parts, make these add up to the batch's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counts {
    /// Labelled pixels of all queries, at least 1.
    labelled: f64,
    /// Pictures that show at least one query, at least 1.
    showing: f64,
    /// Maps of logits: pictures times queries.
    maps: f64,
}

impl Counts {
    /// Counts `targets: u8 [N, K, H, W]`.
    pub fn of(targets: &Tensor) -> Result<Self, TrainError> {
        Self::of_all(targets, &mut Communicator::Single)
    }

    /// Counts the targets of a batch that is shared by all ranks, `targets` being this one's.
    pub fn of_all(targets: &Tensor, communicator: &mut Communicator) -> Result<Self, TrainError> {
        let labelled = targets.f_ne(i64::from(UNLABELLED))?;
        let showing = shows(targets, POSITIVE)?.f_any_dim(1, false)?;
        let mut numbers = [0_i64; 2];
        let both = Tensor::f_stack(&[labelled.f_sum(Kind::Int64)?, showing.f_sum(Kind::Int64)?], 0)?;
        both.f_copy_data(&mut numbers, 2)?; // sync: once a step
        let (images, queries, ..) = targets.size4()?;
        let [labelled, showing] = numbers;
        let mut counts = [labelled, showing, images * queries].map(|count| count as f64);
        communicator.sum(&mut counts)?;
        let [labelled, showing, maps] = counts.map(|count| count.max(1.0));
        Ok(Self { labelled, showing, maps })
    }
}

/// BCE with logits at the resolution of the targets, plus λ times `L_align` and what else `terms` ask for.
///
/// `logits: [N, K, H/4, W/4]`, `aligned: [N, D]`, `queries: [K, D]`, both L2-normalised, `targets: u8 [N, K, H, W]` of
/// [`POSITIVE`], [`NEGATIVE`] and [`UNLABELLED`].
pub fn loss(
    logits: &Tensor,
    aligned: &Tensor,
    queries: &Tensor,
    targets: &Tensor,
    counts: Counts,
    terms: Terms,
) -> Result<Loss, TrainError> {
    let segmentation = segmentation_loss(logits, targets, counts)?;
    let alignment = match terms.alignment {
        Alignment::Cosine => cosine_alignment(aligned, queries, targets, counts)?,
        Alignment::Contrastive => contrastive_alignment(aligned, queries, targets, counts)?,
    };
    let mut total = segmentation.f_add(&alignment.f_mul_scalar(terms.alignment_weight)?)?;
    if terms.patch_grid_weight > 0.0 {
        total = total.f_add(&patch_grid(logits, terms.grid, counts)?.f_mul_scalar(terms.patch_grid_weight)?)?;
    }
    Ok(Loss { total, segmentation, alignment })
}

/// Binary cross-entropy of bilinearly upsampled logits, mean over labelled pixels of all queries; 0 if nothing is labelled.
///
/// The logits go up to the targets, not the targets down: so the loss sees what the runtime thresholds, and it costs
/// little beside the network.
pub fn segmentation_loss(logits: &Tensor, targets: &Tensor, counts: Counts) -> Result<Tensor, TrainError> {
    let (_, _, height, width) = targets.size4()?;
    let logits = logits.f_upsample_bilinear2d([height, width], false, None, None)?;
    let labelled = targets.f_ne(i64::from(UNLABELLED))?.f_to_kind(Kind::Float)?;
    let positive = targets.f_eq(i64::from(POSITIVE))?.f_to_kind(Kind::Float)?;
    let sum = logits.f_binary_cross_entropy_with_logits(&positive, Some(&labelled), None::<&Tensor>, Reduction::Sum)?;
    Ok(sum.f_div_scalar(counts.labelled)?)
}

/// How much logits know of the grid of patches: the variance over the places in a patch of the mean over all patches, mean over maps of logits.
///
/// Nothing on the ground is laid out along patches, so this should be near 0. Transposed convolutions of tokens have weights of their own for each place
/// in a patch and learn to leave a pattern, visible as dots where scores are near a threshold (checkerboards: Odena et al. 2016, distill.pub/2016/deconv-checkerboard).
pub fn patch_grid(logits: &Tensor, grid: usize, counts: Counts) -> Result<Tensor, TrainError> {
    let (images, queries, height, width) = logits.size4()?;
    let grid = grid as i64;
    let of_patches = logits.f_reshape([images, queries, grid, height / grid, grid, width / grid])?;
    let pattern = of_patches.f_mean_dim([2_i64, 4].as_slice(), false, Kind::Float)?;
    let flat = pattern.f_mean_dim([2_i64, 3].as_slice(), true, Kind::Float)?;
    let variance = pattern.f_sub(&flat)?.f_square()?.f_mean_dim([2_i64, 3].as_slice(), false, Kind::Float)?;
    Ok(variance.f_sum(Kind::Float)?.f_div_scalar(counts.maps)?)
}

/// `1 - cos(aligned, mean of E(t_k) over the queries with a positive pixel)`, mean over pictures that have one.
pub fn cosine_alignment(
    aligned: &Tensor,
    queries: &Tensor,
    targets: &Tensor,
    counts: Counts,
) -> Result<Tensor, TrainError> {
    let present = shows(targets, POSITIVE)?.f_to_kind(Kind::Float)?;
    // A cosine does not change with the length of the text side, so the sum stands for the normalised mean.
    let texts = present.f_matmul(queries)?;
    let cosine = Tensor::f_cosine_similarity(aligned, &texts, 1, 1e-6)?;
    let counted = present.f_amax([1], false)?;
    let sum = cosine.f_neg()?.f_add_scalar(1.0)?.f_mul(&counted)?.f_sum(Kind::Float)?;
    Ok(sum.f_div_scalar(counts.showing)?)
}

/// `InfoNCE` with several positives (arXiv:2004.11362, equation 2): minus the logarithm of the share that a query with a
/// positive pixel has in the softmax of `cos(aligned, E(t_k)) / τ` over all queries with a labelled pixel; mean over
/// those with a positive pixel, then over pictures that have one. A query of which a picture says nothing is no negative.
pub fn contrastive_alignment(
    aligned: &Tensor,
    queries: &Tensor,
    targets: &Tensor,
    counts: Counts,
) -> Result<Tensor, TrainError> {
    let present = shows(targets, POSITIVE)?.f_to_kind(Kind::Float)?;
    let unknown = shows(targets, POSITIVE)?.f_logical_or(&shows(targets, NEGATIVE)?)?.f_logical_not()?;
    let scores = aligned.f_matmul(&queries.f_transpose(0, 1)?)?.f_div_scalar(TEMPERATURE)?;
    // Far below any cosine over τ, and finite: a picture without a labelled query must not divide by 0.
    let shares = scores.f_masked_fill(&unknown, -1e4)?.f_log_softmax(1, Kind::Float)?;
    let sums = shares.f_mul(&present)?.f_sum_dim_intlist([1].as_slice(), false, Kind::Float)?;
    let positives = present.f_sum_dim_intlist([1].as_slice(), false, Kind::Float)?.f_clamp_min(1.0)?;
    Ok(sums.f_div(&positives)?.f_sum(Kind::Float)?.f_div_scalar(-counts.showing)?)
}

/// Which queries have a pixel of this kind: `[N, K]`.
fn shows(targets: &Tensor, kind: u8) -> Result<Tensor, TrainError> {
    Ok(targets.f_eq(i64::from(kind))?.f_flatten(2, -1)?.f_any_dim(2, false)?)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let targets = Tensor::from_slice(&targets).reshape([1, 1, 2, 2]);
        number(&segmentation_loss(&logits, &targets, Counts::of(&targets).unwrap()).unwrap())
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
        segmentation_loss(&logits, &targets, Counts::of(&targets).unwrap()).unwrap().backward();
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
            let targets = targets_of_two_queries(first, second);
            number(&cosine_alignment(&aligned, &queries, &targets, Counts::of(&targets).unwrap()).unwrap())
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
        let alignment = cosine_alignment(&aligned, &queries, &targets, Counts::of(&targets).unwrap()).unwrap();
        assert!((number(&alignment) - 1.0).abs() < FLOAT32);
    }

    /// `aligned` has the cosines 0.6 and 0.8 with the two queries.
    fn contrast(first: [u8; 2], second: [u8; 2]) -> f64 {
        let queries = Tensor::from_slice(&[1.0_f32, 0.0, 0.0, 1.0]).reshape([2, 2]);
        let aligned = Tensor::from_slice(&[0.6_f32, 0.8]).reshape([1, 2]);
        let targets = Tensor::from_slice(&[first, second].concat()).reshape([1, 2, 1, 2]);
        number(&contrastive_alignment(&aligned, &queries, &targets, Counts::of(&targets).unwrap()).unwrap())
    }

    /// Ten operations in f32, one of them a division by τ.
    const CONTRAST: f64 = 1e-5;

    #[test]
    fn contrast_is_with_labelled_queries_that_are_absent() {
        // softmax(0.6 / 0.07, 0.8 / 0.07): the odds are e^(0.2 / 0.07) = e^2.857.
        let [near, far] = [(1.0 + (-0.2_f64 / 0.07).exp()).ln(), (1.0 + (0.2_f64 / 0.07).exp()).ln()];
        assert!((contrast([P, O], [O, O]) - far).abs() < CONTRAST);
        assert!((contrast([O, O], [P, O]) - near).abs() < CONTRAST);
        assert!((contrast([P, O], [P, O]) - f64::midpoint(near, far)).abs() < CONTRAST);
        assert!((contrast([P, O], [U, O]) - far).abs() < CONTRAST, "partly labelled");
    }

    #[test]
    fn contrast_is_not_with_what_nobody_labelled_and_is_nothing_without_a_query_in_sight() {
        assert!(contrast([P, O], [U, U]).abs() < CONTRAST);
        assert!(contrast([O, O], [O, O]).abs() < CONTRAST);
        assert!(contrast([U, U], [U, U]).abs() < CONTRAST);
    }

    #[test]
    fn parts_of_a_batch_add_up_to_the_batch_whatever_is_labelled_in_which() {
        tch::manual_seed(1);
        let random = |shape: &[i64]| Tensor::randn(shape, (Kind::Float, tch::Device::Cpu));
        let unit = |rows: Tensor| &rows / rows.norm_scalaropt_dim(2, [-1], true);
        let (logits, aligned, queries) = (random(&[4, 2, 2, 2]), unit(random(&[4, 3])), unit(random(&[2, 3])));
        let targets = Tensor::from_slice(&[[P; 8], [U; 8], [P, O, O, O, O, U, U, U], [O; 8]].concat());
        let targets = targets.reshape([4, 2, 2, 2]);
        let counts = Counts::of(&targets).unwrap();
        assert_eq!(counts, Counts { labelled: 8.0 + 5.0 + 8.0, showing: 2.0, maps: 8.0 });
        for alignment in [Alignment::Cosine, Alignment::Contrastive] {
            let terms = Terms { alignment, alignment_weight: 0.2, patch_grid_weight: 1.0, grid: 1 };
            let total = |from: i64, length: i64| {
                let part = |all: &Tensor| all.narrow(0, from, length);
                let (logits, aligned, targets) = (part(&logits), part(&aligned), part(&targets));
                number(&loss(&logits, &aligned, &queries, &targets, counts, terms).unwrap().total)
            };
            assert!((total(0, 1) + total(1, 3) - total(0, 4)).abs() < FLOAT32);
        }
    }

    /// One map of four patches of two by two places.
    fn grid_of(logits: [f32; 16]) -> f64 {
        let logits = Tensor::from_slice(&logits).reshape([1, 1, 4, 4]);
        let targets = Tensor::from_slice(&[U; 16]).reshape([1, 1, 4, 4]);
        number(&patch_grid(&logits, 2, Counts::of(&targets).unwrap()).unwrap())
    }

    #[test]
    fn a_pattern_that_every_patch_repeats_is_the_grid_s_and_edges_are_not() {
        let dots = [1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0].repeat(2);
        // A quarter of the places is 1: variance 3/16.
        assert!((grid_of(dots.try_into().unwrap()) - 3.0 / 16.0).abs() < FLOAT32);
        let edge = [5.0, 5.0, -5.0, -5.0].repeat(4);
        assert!(grid_of(edge.try_into().unwrap()).abs() < FLOAT32, "an edge between patches");
        // The same dot, in one patch up and in another down.
        let mut chance = [0.0; 16];
        (chance[0], chance[2]) = (3.0, -3.0);
        assert!(grid_of(chance).abs() < FLOAT32);
    }
}
