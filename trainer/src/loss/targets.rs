//! What is known of a batch's pixels, and what the means of a loss are over.

use rszs_data::{POSITIVE, UNLABELLED};
use tch::{Kind, Tensor};

use super::Averaging;
use crate::TrainError;
use crate::parallel::Communicator;

/// What a batch says of each pixel.
#[derive(Debug)]
pub struct Targets {
    /// `u8 [N, K, H, W]` of `POSITIVE`, `NEGATIVE` and `UNLABELLED`.
    pub(super) labels: Tensor,
    /// What a labelled pixel counts, `[N, 1, H, W]`; 1 without it.
    pub(super) weights: Option<Tensor>,
}

impl Targets {
    /// Labels and what each pixel counts, 1 without `weights`.
    pub fn new(labels: Tensor, weights: Option<Tensor>) -> Self {
        Self { labels, weights }
    }

    /// Images `from` to `from + count`.
    pub fn narrow(&self, from: i64, count: i64) -> Result<Self, TrainError> {
        let weights =
            self.weights.as_ref().map(|weights| weights.f_narrow(0, from, count)).transpose()?;
        Ok(Self { labels: self.labels.f_narrow(0, from, count)?, weights })
    }

    /// Sum of what labelled pixels count, `[N, K]`.
    pub(super) fn labelled(&self) -> Result<Tensor, TrainError> {
        let labelled = self.labels.f_ne(i64::from(UNLABELLED))?;
        let sums = match &self.weights {
            None => labelled
                .f_sum_dim_intlist([2_i64, 3].as_slice(), false, Kind::Int64)?
                .f_to_kind(Kind::Double)?,
            Some(weights) => labelled.f_mul(weights)?.f_sum_dim_intlist(
                [2_i64, 3].as_slice(),
                false,
                Kind::Double,
            )?,
        };
        Ok(sums)
    }

    /// Maps with enough positive pixels for the Dice loss, `[N, K]`.
    pub(super) fn worth_dice(&self) -> Result<Tensor, TrainError> {
        let positive = self.labels.f_eq(i64::from(POSITIVE))?;
        Ok(positive
            .f_sum_dim_intlist([2_i64, 3].as_slice(), false, Kind::Int64)?
            .f_ge(DICE_PIXELS)?)
    }
}

/// Fewer positive pixels than these say little about an overlap.
const DICE_PIXELS: i64 = 50;

/// What the means are over. Those of a whole batch, given to the losses of its parts, make these
/// add up to the batch's.
#[derive(Debug, Clone, PartialEq)]
pub struct Counts {
    /// Of each query, what its labelled pixels count in sum.
    pub(super) labelled: Vec<f64>,
    /// Images that show at least one query, at least 1.
    pub(super) showing: f64,
    /// Maps of logits: images times queries.
    pub(super) maps: f64,
    /// Maps with a Dice loss, at least 1.
    pub(super) dice_maps: f64,
    /// What each query counts beside the others in the cross-entropy.
    pub(super) weights: Vec<f64>,
}

impl Counts {
    /// Counts `targets`.
    pub fn of(targets: &Targets) -> Result<Self, TrainError> {
        Self::of_all(targets, &mut Communicator::Single)
    }

    /// Counts the targets of a batch that is shared by all ranks, `targets` being this one's.
    pub fn of_all(targets: &Targets, communicator: &mut Communicator) -> Result<Self, TrainError> {
        let (images, queries, ..) = targets.labels.size4()?;
        let labelled =
            targets.labelled()?.f_sum_dim_intlist([0_i64].as_slice(), false, Kind::Double)?;
        let showing = shows(&targets.labels, POSITIVE)?.f_any_dim(1, false)?.f_sum(Kind::Double)?;
        let dice = targets.worth_dice()?.f_sum(Kind::Double)?;
        let all = Tensor::f_cat(&[labelled, showing.f_view([1])?, dice.f_view([1])?], 0)?;
        let mut numbers = vec![0.0; queries as usize + 2];
        let count = numbers.len();
        all.f_copy_data(&mut numbers, count)?; // sync: once a step
        numbers.push((images * queries) as f64);
        communicator.sum(&mut numbers)?;
        let [showing, dice_maps, maps] =
            [count - 2, count - 1, count].map(|place| numbers[place].max(1.0));
        numbers.truncate(queries as usize);
        let weights = vec![1.0; numbers.len()];
        Ok(Self { labelled: numbers, showing, maps, dice_maps, weights })
    }

    /// The same, where queries count differently: a number above 0 for each.
    #[must_use]
    pub fn weighing(self, weights: Vec<f64>) -> Self {
        assert_eq!(weights.len(), self.labelled.len(), "a weight a query");
        Self { weights, ..self }
    }

    /// What a pixel of each query is multiplied by.
    pub(super) fn factors(&self, averaging: Averaging) -> Vec<f64> {
        let both =
            || self.labelled.iter().zip(&self.weights).map(|(&count, &weight)| (count, weight));
        match averaging {
            Averaging::Pixels => {
                let pixels = at_least_one(both().map(|(count, weight)| count * weight).sum());
                self.weights.iter().map(|weight| weight / pixels).collect()
            }
            Averaging::Queries => {
                let queries =
                    both().filter(|&(count, _)| count > 0.0).map(|(_, weight)| weight).sum();
                let queries = at_least_one(queries);
                both()
                    .map(
                        |(count, weight)| {
                            if count > 0.0 { weight / (count * queries) } else { 0.0 }
                        },
                    )
                    .collect()
            }
        }
    }
}

/// Nothing labelled divides nothing.
fn at_least_one(count: f64) -> f64 {
    if count > 0.0 { count } else { 1.0 }
}

/// Which queries have a pixel of this kind: `[N, K]`.
pub(super) fn shows(targets: &Tensor, kind: u8) -> Result<Tensor, TrainError> {
    Ok(targets.f_eq(i64::from(kind))?.f_flatten(2, -1)?.f_any_dim(2, false)?)
}
