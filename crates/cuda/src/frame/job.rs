//! What kernels read and write beside the tensors. The same fields stand in `kernels/job.cuh`,
//! `decide.cuh` and `measure.cuh`.

use rszs_hot::{Bounds, RegionStatistics, RegionSums};

use crate::Plain;
use crate::plain::sealed::Sealed;

/// No tile had a logit that is not finite.
pub(super) const ALL_FINITE: u64 = u64::MAX;

/// One frame, in device memory so that a captured graph serves every frame and batch.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FrameJob {
    /// `[H, W, 3]`.
    pub(super) image: u64,
    /// `[R, H4, W4]`.
    pub(super) accumulator: u64,
    /// `[columns, T4]`.
    pub(super) column_weights: u64,
    /// `[rows, T4]`.
    pub(super) row_weights: u64,
    /// `[tiles, K]`.
    pub(super) presence: u64,
    /// Least `tile * R + rule` with a logit that is not finite.
    pub(super) bad_logit: u64,
    pub(super) width_px: u32,
    pub(super) height_px: u32,
    /// W4.
    pub(super) wide: u32,
    /// H4.
    pub(super) high: u32,
    /// Tiles side by side.
    pub(super) columns: u32,
    /// Logits from one tile to the next.
    pub(super) step: u32,
    /// Logits left of the last column of tiles.
    pub(super) last_x: u32,
    /// Logits above the last row of tiles.
    pub(super) last_y: u32,
    /// Of the batch under way.
    pub(super) first_tile: u32,
    pub(super) unused: u32,
}

/// What deciding and measuring are given, by value.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct DecideJob {
    /// `[R, H4, W4]`.
    pub(super) logits: u64,
    /// `[R]`.
    pub(super) threshold_logits: u64,
    /// `[R]`.
    pub(super) inverse_temperatures: u64,
    /// `[H, W]`.
    pub(super) classes: u64,
    /// `[queries, H, words]`.
    pub(super) masks: u64,
    pub(super) rules: u32,
    pub(super) queries: u32,
    pub(super) width_px: u32,
    pub(super) height_px: u32,
    /// W4.
    pub(super) wide: u32,
    /// H4.
    pub(super) high: u32,
    /// Pixels from logit to logit.
    pub(super) stride: u32,
    /// Of a mask row.
    pub(super) words: u32,
}

/// Sums over one mask. Zeros are the start.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RegionRecord {
    pixels: u64,
    x_sum: u64,
    y_sum: u64,
    score_steps: u64,
    left_complement: u32,
    top_complement: u32,
    right_px: u32,
    bottom_px: u32,
    maximum_score: u32,
    unused: u32,
}

const _: () = assert!(
    size_of::<FrameJob>() == 88 && size_of::<DecideJob>() == 72 && size_of::<RegionRecord>() == 56
);

impl Sealed for FrameJob {}
impl Plain for FrameJob {}
impl Sealed for RegionRecord {}
impl Plain for RegionRecord {}

impl From<&RegionRecord> for RegionStatistics {
    fn from(record: &RegionRecord) -> Self {
        let sums = RegionSums {
            pixels: record.pixels,
            x: record.x_sum,
            y: record.y_sum,
            score_steps: record.score_steps,
        };
        let bounds = (record.pixels > 0).then_some(Bounds {
            left_px: !record.left_complement,
            top_px: !record.top_complement,
            right_px: record.right_px,
            bottom_px: record.bottom_px,
        });
        Self::new(sums, bounds, f32::from_bits(record.maximum_score))
    }
}
