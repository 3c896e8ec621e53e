//! What training minimises: L = BCE + λ · `L_align` (paper, section 3.5).

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
    /// Weight of the Dice loss; the paper has no such term.
    pub dice_weight: f64,
    /// What the mean of the binary cross-entropy is over.
    pub averaging: Averaging,
    /// G, patches along the side of a tile.
    pub grid: usize,
}

impl Terms {
    /// The paper's loss: L = BCE + 0.2 · `L_align`.
    pub fn paper(grid: usize) -> Self {
        Self {
            alignment: Alignment::Cosine,
            alignment_weight: 0.2,
            patch_grid_weight: 0.0,
            dice_weight: 0.0,
            averaging: Averaging::Pixels,
            grid,
        }
    }
}

/// What the mean of the binary cross-entropy is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Averaging {
    /// Labelled pixels of all queries together.
    Pixels,
    /// Queries, each by its own labelled pixels: one that few images label counts as much as the others.
    Queries,
}

/// The parts of a loss, each a number with a gradient.
#[derive(Debug)]
pub struct Loss {
    /// What is minimised.
    pub total: Tensor,
    /// Binary cross-entropy over labelled pixels, and the Dice loss where it is asked for.
    pub segmentation: Tensor,
    /// `L_align`, mean over images that show at least one query; 0 if none does.
    pub alignment: Tensor,
}

/// What a batch says of each pixel.
#[derive(Debug)]
pub struct Targets {
    /// `u8 [N, K, H, W]` of [`POSITIVE`], [`NEGATIVE`] and [`UNLABELLED`].
    labels: Tensor,
    /// What a labelled pixel counts, `[N, 1, H, W]`; 1 without it.
    weights: Option<Tensor>,
}

impl Targets {
    /// Labels and what each pixel counts, 1 without `weights`.
    pub fn new(labels: Tensor, weights: Option<Tensor>) -> Self {
        Self { labels, weights }
    }

    /// Images `from` to `from + count`.
    pub fn narrow(&self, from: i64, count: i64) -> Result<Self, TrainError> {
        let weights = self.weights.as_ref().map(|weights| weights.f_narrow(0, from, count)).transpose()?;
        Ok(Self { labels: self.labels.f_narrow(0, from, count)?, weights })
    }

    /// Sum of what labelled pixels count, `[N, K]`.
    fn labelled(&self) -> Result<Tensor, TrainError> {
        let labelled = self.labels.f_ne(i64::from(UNLABELLED))?;
        let sums = match &self.weights {
            None => labelled.f_sum_dim_intlist([2_i64, 3].as_slice(), false, Kind::Int64)?.f_to_kind(Kind::Double)?,
            Some(weights) => labelled.f_mul(weights)?.f_sum_dim_intlist([2_i64, 3].as_slice(), false, Kind::Double)?,
        };
        Ok(sums)
    }

    /// Maps with enough positive pixels for the Dice loss, `[N, K]`.
    fn worth_dice(&self) -> Result<Tensor, TrainError> {
        let positive = self.labels.f_eq(i64::from(POSITIVE))?;
        Ok(positive.f_sum_dim_intlist([2_i64, 3].as_slice(), false, Kind::Int64)?.f_ge(DICE_PIXELS)?)
    }
}

/// Fewer positive pixels than these say little about an overlap.
const DICE_PIXELS: i64 = 50;

/// What the means are over. Those of a whole batch, given to the losses of its parts, make these add up to the batch's.
#[derive(Debug, Clone, PartialEq)]
pub struct Counts {
    /// Of each query, what its labelled pixels count in sum.
    labelled: Vec<f64>,
    /// Images that show at least one query, at least 1.
    showing: f64,
    /// Maps of logits: images times queries.
    maps: f64,
    /// Maps with a Dice loss, at least 1.
    dice_maps: f64,
}

impl Counts {
    /// Counts `targets`.
    pub fn of(targets: &Targets) -> Result<Self, TrainError> {
        Self::of_all(targets, &mut Communicator::Single)
    }

    /// Counts the targets of a batch that is shared by all ranks, `targets` being this one's.
    pub fn of_all(targets: &Targets, communicator: &mut Communicator) -> Result<Self, TrainError> {
        let (images, queries, ..) = targets.labels.size4()?;
        let labelled = targets.labelled()?.f_sum_dim_intlist([0_i64].as_slice(), false, Kind::Double)?;
        let showing = shows(&targets.labels, POSITIVE)?.f_any_dim(1, false)?.f_sum(Kind::Double)?;
        let dice = targets.worth_dice()?.f_sum(Kind::Double)?;
        let all = Tensor::f_cat(&[labelled, showing.f_view([1])?, dice.f_view([1])?], 0)?;
        let mut numbers = vec![0.0; queries as usize + 2];
        let count = numbers.len();
        all.f_copy_data(&mut numbers, count)?; // sync: once a step
        numbers.push((images * queries) as f64);
        communicator.sum(&mut numbers)?;
        let [showing, dice_maps, maps] = [count - 2, count - 1, count].map(|place| numbers[place].max(1.0));
        numbers.truncate(queries as usize);
        Ok(Self { labelled: numbers, showing, maps, dice_maps })
    }

    /// What a pixel of each query is multiplied by.
    fn factors(&self, averaging: Averaging) -> Vec<f64> {
        let labelled = || self.labelled.iter().copied();
        match averaging {
            Averaging::Pixels => vec![1.0 / at_least_one(labelled().sum()); self.labelled.len()],
            Averaging::Queries => {
                let queries = at_least_one(labelled().filter(|&count| count > 0.0).count() as f64);
                labelled().map(|count| if count > 0.0 { 1.0 / (count * queries) } else { 0.0 }).collect()
            }
        }
    }
}

/// Nothing labelled divides nothing.
fn at_least_one(count: f64) -> f64 {
    if count > 0.0 { count } else { 1.0 }
}

/// BCE with logits at the resolution of the targets, plus λ times `L_align` and what else `terms` ask for.
///
/// `logits: [N, K, H/4, W/4]`, `aligned: [N, D]`, `queries: [K, D]`, both L2-normalised.
pub fn loss(
    logits: &Tensor,
    aligned: &Tensor,
    queries: &Tensor,
    targets: &Targets,
    counts: &Counts,
    terms: Terms,
) -> Result<Loss, TrainError> {
    let segmentation = segmentation_loss(logits, targets, counts, terms)?;
    let labels = &targets.labels;
    let alignment = match terms.alignment {
        Alignment::Cosine => cosine_alignment(aligned, queries, labels, counts)?,
        Alignment::Contrastive => contrastive_alignment(aligned, queries, labels, counts)?,
    };
    let mut total = segmentation.f_add(&alignment.f_mul_scalar(terms.alignment_weight)?)?;
    if terms.patch_grid_weight > 0.0 {
        total = total.f_add(&patch_grid(logits, terms.grid, counts)?.f_mul_scalar(terms.patch_grid_weight)?)?;
    }
    Ok(Loss { total, segmentation, alignment })
}

/// Binary cross-entropy of bilinearly upsampled logits over labelled pixels, plus the Dice loss; 0 if nothing is labelled.
///
/// The logits go up to the targets, not the targets down: so the loss sees what the runtime thresholds. Maps without a
/// labelled pixel, most of them where sets label different words, are left out before.
pub fn segmentation_loss(
    logits: &Tensor,
    targets: &Targets,
    counts: &Counts,
    terms: Terms,
) -> Result<Tensor, TrainError> {
    let (images, queries, height, width) = targets.labels.size4()?;
    let device = logits.device();
    let maps = targets.labelled()?.f_flatten(0, 1)?.f_gt(0.0)?.f_nonzero()?.f_flatten(0, 1)?;
    let pick = |x: &Tensor| x.f_flatten(0, 1)?.f_index_select(0, &maps);
    let logits = pick(logits)?.f_unsqueeze(1)?.f_upsample_bilinear2d([height, width], false, None, None)?;
    let labels = pick(&targets.labels)?.f_unsqueeze(1)?;
    let factors = Tensor::f_from_slice(&counts.factors(terms.averaging))?.f_to_kind(Kind::Float)?;
    let factors = factors.f_to_device(device)?.f_repeat([images])?.f_index_select(0, &maps)?.f_view([-1, 1, 1, 1])?;
    let mut weights = labels.f_ne(i64::from(UNLABELLED))?.f_to_kind(Kind::Float)?;
    if let Some(of_pixels) = &targets.weights {
        let image = maps.f_floor_divide_scalar(queries)?;
        let _ = weights.f_mul_(&of_pixels.f_index_select(0, &image)?)?;
    }
    let positive = labels.f_eq(i64::from(POSITIVE))?.f_to_kind(Kind::Float)?;
    let of_pixels = weights.f_mul(&factors)?;
    let sum =
        logits.f_binary_cross_entropy_with_logits(&positive, Some(&of_pixels), None::<&Tensor>, Reduction::Sum)?;
    if terms.dice_weight <= 0.0 {
        return Ok(sum);
    }
    let worth = targets.worth_dice()?.f_flatten(0, 1)?.f_index_select(0, &maps)?.f_to_kind(Kind::Float)?;
    let dice = dice(&logits, &positive, &weights)?.f_mul(&worth)?.f_sum(Kind::Float)?;
    Ok(sum.f_add(&dice.f_mul_scalar(terms.dice_weight / counts.dice_maps)?)?)
}

/// `1 - 2 Σ p y / (Σ p + Σ y)` of each map over what its pixels count (Milletari et al. 2016, arXiv:1606.04797, without squares).
fn dice(logits: &Tensor, positive: &Tensor, weights: &Tensor) -> Result<Tensor, TrainError> {
    let over_map = |x: &Tensor| x.f_sum_dim_intlist([1_i64, 2, 3].as_slice(), false, Kind::Float);
    let score = logits.f_sigmoid()?.f_mul(weights)?;
    let both = over_map(&score.f_mul(positive)?)?.f_mul_scalar(2.0)?;
    let sizes = over_map(&score)?.f_add(&over_map(&positive.f_mul(weights)?)?)?.f_add_scalar(1.0)?;
    Ok(both.f_div(&sizes)?.f_neg()?.f_add_scalar(1.0)?)
}

/// How much logits know of the grid of patches: the variance over the places in a patch of the mean over all patches, mean over maps of logits.
///
/// Nothing on the ground is laid out along patches, so this should be near 0. Transposed convolutions of tokens have weights of their own for each place
/// in a patch and learn to leave a pattern, visible as dots where scores are near a threshold (checkerboards: Odena et al. 2016, distill.pub/2016/deconv-checkerboard).
pub fn patch_grid(logits: &Tensor, grid: usize, counts: &Counts) -> Result<Tensor, TrainError> {
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
    counts: &Counts,
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
    counts: &Counts,
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

    fn labels(labels: &[u8], shape: [i64; 4]) -> Targets {
        Targets::new(Tensor::from_slice(labels).reshape(shape), None)
    }

    fn number(tensor: &Tensor) -> f64 {
        tensor.double_value(&[])
    }

    /// One picture, one query, two by two pixels, logits of the same size.
    fn segmentation(logits: [f32; 4], targets: [u8; 4]) -> f64 {
        let logits = Tensor::from_slice(&logits).reshape([1, 1, 2, 2]);
        let targets = labels(&targets, [1, 1, 2, 2]);
        number(&segmentation_loss(&logits, &targets, &Counts::of(&targets).unwrap(), Terms::paper(1)).unwrap())
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
        let targets = labels(&[P, O, U, U], [1, 1, 2, 2]);
        segmentation_loss(&logits, &targets, &Counts::of(&targets).unwrap(), Terms::paper(1)).unwrap().backward();
        let gradient = Vec::<f32>::try_from(logits.grad().reshape([4])).unwrap();
        assert!(gradient[0] < 0.0 && gradient[1] > 0.0 && gradient[2] == 0.0 && gradient[3] == 0.0, "{gradient:?}");
    }

    #[test]
    fn a_query_that_few_pixels_label_counts_as_much_as_another_where_queries_are_averaged() {
        let logits = Tensor::from_slice(&[0.0_f32, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0]).reshape([1, 2, 2, 2]);
        let targets = labels(&[P, P, P, P, O, U, U, U], [1, 2, 2, 2]);
        let counts = Counts::of(&targets).unwrap();
        let of = |averaging| {
            number(&segmentation_loss(&logits, &targets, &counts, Terms { averaging, ..Terms::paper(1) }).unwrap())
        };
        let (right, wrong) = (std::f64::consts::LN_2, (1.0_f64 + 2.0_f64.exp()).ln());
        assert!((of(Averaging::Pixels) - (4.0 * right + wrong) / 5.0).abs() < FLOAT32);
        assert!((of(Averaging::Queries) - f64::midpoint(right, wrong)).abs() < FLOAT32);
    }

    #[test]
    fn a_weak_label_counts_as_much_as_its_weight_says() {
        let logits = Tensor::from_slice(&[0.0_f32, 0.0, 2.0, 0.0]).reshape([1, 1, 2, 2]);
        let weights = Tensor::from_slice(&[1.0_f32, 1.0, 0.5, 1.0]).reshape([1, 1, 2, 2]);
        let targets = Targets::new(Tensor::from_slice(&[P, O, O, U]).reshape([1, 1, 2, 2]), Some(weights));
        let found =
            number(&segmentation_loss(&logits, &targets, &Counts::of(&targets).unwrap(), Terms::paper(1)).unwrap());
        let expected = 2.0_f64.mul_add(std::f64::consts::LN_2, 0.5 * (1.0_f64 + 2.0_f64.exp()).ln()) / 2.5;
        assert!((found - expected).abs() < FLOAT32);
    }

    #[test]
    fn dice_is_of_maps_with_enough_positive_pixels() {
        let mut marks = [O; 256];
        let logits = Tensor::full([1, 1, 16, 16], 0.0, (Kind::Float, tch::Device::Cpu));
        let of = |marks: &[u8], dice_weight| {
            let targets = labels(marks, [1, 1, 16, 16]);
            let counts = Counts::of(&targets).unwrap();
            number(&segmentation_loss(&logits, &targets, &counts, Terms { dice_weight, ..Terms::paper(1) }).unwrap())
        };
        marks[..49].fill(P);
        assert!((of(&marks, 1.0) - of(&marks, 0.0)).abs() < FLOAT32);
        marks[..64].fill(P);
        // p is a half everywhere: 1 - 2 · 32 / (128 + 64 + 1).
        assert!((of(&marks, 1.0) - of(&marks, 0.0) - (1.0 - 64.0 / 193.0)).abs() < FLOAT32);
    }

    fn targets_of_two_queries(first: u8, second: u8) -> Targets {
        labels(&[first, O, second, O], [1, 2, 1, 2])
    }

    #[test]
    fn alignment_is_with_the_queries_that_are_present() {
        let queries = Tensor::from_slice(&[1.0_f32, 0.0, 0.0, 1.0]).reshape([2, 2]);
        let aligned = Tensor::from_slice(&[1.0_f32, 0.0]).reshape([1, 2]);
        let align = |first, second| {
            let targets = targets_of_two_queries(first, second);
            number(&cosine_alignment(&aligned, &queries, &targets.labels, &Counts::of(&targets).unwrap()).unwrap())
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
        let targets = labels(&[P, O, U, U], [2, 1, 1, 2]);
        let alignment = cosine_alignment(&aligned, &queries, &targets.labels, &Counts::of(&targets).unwrap()).unwrap();
        assert!((number(&alignment) - 1.0).abs() < FLOAT32);
    }

    /// `aligned` has the cosines 0.6 and 0.8 with the two queries.
    fn contrast(first: [u8; 2], second: [u8; 2]) -> f64 {
        let queries = Tensor::from_slice(&[1.0_f32, 0.0, 0.0, 1.0]).reshape([2, 2]);
        let aligned = Tensor::from_slice(&[0.6_f32, 0.8]).reshape([1, 2]);
        let targets = labels(&[first, second].concat(), [1, 2, 1, 2]);
        number(&contrastive_alignment(&aligned, &queries, &targets.labels, &Counts::of(&targets).unwrap()).unwrap())
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
        let targets = labels(&[[P; 8], [U; 8], [P, O, O, O, O, U, U, U], [O; 8]].concat(), [4, 2, 2, 2]);
        let counts = Counts::of(&targets).unwrap();
        assert_eq!(counts, Counts { labelled: vec![12.0, 9.0], showing: 2.0, maps: 8.0, dice_maps: 1.0 });
        for alignment in [Alignment::Cosine, Alignment::Contrastive] {
            let terms = Terms { alignment, patch_grid_weight: 1.0, averaging: Averaging::Queries, ..Terms::paper(1) };
            let total = |from: i64, length: i64| {
                let part = |all: &Tensor| all.narrow(0, from, length);
                let (logits, aligned, targets) = (part(&logits), part(&aligned), targets.narrow(from, length).unwrap());
                number(&loss(&logits, &aligned, &queries, &targets, &counts, terms).unwrap().total)
            };
            assert!((total(0, 1) + total(1, 3) - total(0, 4)).abs() < FLOAT32);
        }
    }

    /// One map of four patches of two by two places.
    fn grid_of(logits: [f32; 16]) -> f64 {
        let logits = Tensor::from_slice(&logits).reshape([1, 1, 4, 4]);
        let counts = Counts::of(&labels(&[U; 16], [1, 1, 4, 4])).unwrap();
        number(&patch_grid(&logits, 2, &counts).unwrap())
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
