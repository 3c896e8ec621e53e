//! Fewer bits than the oracle has.

use crate::{NodeId, Tensor};

/// Terms of a product that are added up exactly before a sum is rounded: what one instruction of a
/// tensor core multiplies (`mma.m16n8k16` of PTX).
pub(super) const SUMMED_AT_ONCE: usize = 16;

/// What an engine holds in fewer bits.
pub trait Rounding {
    /// A value that `node` reads or makes, rounded; nothing leaves it as it is.
    fn value(&self, node: NodeId, value: &Tensor) -> Option<Tensor>;

    /// What becomes of the sums of products in `node` after every 16 terms; nothing leaves them in
    /// 32 bits.
    fn sum(&self, node: NodeId) -> Option<fn(f32) -> f32>;
}

/// Everything in 32 bits.
pub(super) struct Exact;

impl Rounding for Exact {
    fn value(&self, _: NodeId, _: &Tensor) -> Option<Tensor> {
        None
    }

    fn sum(&self, _: NodeId) -> Option<fn(f32) -> f32> {
        None
    }
}

/// Rounds `sums` after `terms` terms, if it is time to.
pub(super) fn round_sums(sums: &mut [f32], terms: usize, sum: Option<fn(f32) -> f32>) {
    if let Some(round) = sum
        && terms.is_multiple_of(SUMMED_AT_ONCE)
    {
        for sum in sums {
            *sum = round(*sum);
        }
    }
}
