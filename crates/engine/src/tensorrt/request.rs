//! What a plan is asked for.

use std::num::NonZero;

use rszs_bundle::{Golden, Precision};
use rszs_tensorrt::ProfileShapes;
use serde::{Deserialize, Serialize};

use crate::EngineOptions;

/// Rows of queries that kernels are chosen for: what people type.
const USUAL_ROWS: usize = 8;
/// The runtime never asks for fewer: see `queries`.
const LEAST_ROWS: usize = 2;

/// A model and the sizes that it is to be built for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PlanRequest<'a> {
    /// Bytes of the ONNX file.
    #[serde(skip)]
    pub(super) model: &'a [u8],
    /// Its precision.
    pub(super) precision: Precision,
    /// H and W.
    pub(super) tile_px: usize,
    /// Most tiles a call, and what kernels are chosen for.
    pub(crate) most_tiles: usize,
    /// Most queries a call; for a folded model, exactly so many.
    pub(super) most_rows: usize,
    pub(super) least_rows: usize,
    /// D; nothing for a folded model, which has no input of queries.
    pub(super) joint_width: Option<usize>,
}

impl<'a> PlanRequest<'a> {
    /// For calls as `options` have them: the golden set's images go in calls of as many tiles, its
    /// queries in one. `row_limit` is the model's own.
    pub(crate) fn new(
        precision: Precision,
        model: &'a [u8],
        golden: &Golden,
        options: &EngineOptions,
        row_limit: Option<usize>,
    ) -> Self {
        let shape = golden.shape;
        let most_tiles = options.batch.map_or(1, NonZero::get);
        let is_open = golden.queries.is_some();
        Self {
            model,
            precision,
            tile_px: shape.tile_px,
            most_tiles,
            most_rows: if is_open {
                options.largest_rows(row_limit).max(shape.queries)
            } else {
                shape.queries
            },
            least_rows: LEAST_ROWS.min(shape.queries),
            joint_width: is_open.then_some(shape.joint_width),
        }
    }

    /// The shapes in words, for people and for the key of the cache.
    pub(super) fn shapes(&self) -> String {
        let Self { tile_px, most_tiles, most_rows, least_rows, joint_width, .. } = self;
        let rows = joint_width.map_or_else(String::new, |width| {
            format!(
                ", {least_rows} to {most_rows} queries of {width} (usually {})",
                self.usual_rows()
            )
        });
        format!("1 to {most_tiles} tiles of {tile_px} px{rows}")
    }

    fn usual_rows(&self) -> usize {
        USUAL_ROWS.clamp(self.least_rows, self.most_rows)
    }

    /// Calls `set` with the one profile: smallest, usual and largest shape of each input.
    pub(super) fn with_profile<T>(&self, set: impl FnOnce(&[ProfileShapes<'_>]) -> T) -> T {
        let side = self.tile_px as i64;
        let tiles =
            [1, self.most_tiles, self.most_tiles].map(|count| [count as i64, side, side, 3]);
        let rows = [self.least_rows, self.usual_rows(), self.most_rows]
            .map(|rows| [rows as i64, self.joint_width.unwrap_or_default() as i64]);
        let shapes = [
            ("tiles", tiles.each_ref().map(<[i64; 4]>::as_slice)),
            ("queries", rows.each_ref().map(<[i64; 2]>::as_slice)),
        ];
        set(&shapes[..if self.joint_width.is_some() { 2 } else { 1 }])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use rszs_bundle::{GoldenShape, Tolerance};

    use super::*;

    fn golden(images: usize, queries: usize) -> Golden {
        Golden {
            shape: GoldenShape { images, queries, tile_px: 256, joint_width: 512 },
            tiles: Vec::new(),
            queries: Some(Vec::new()),
            logits: Vec::new(),
            presence: Vec::new(),
            tolerance: Tolerance { fp32: 1.0, fp16: 1.0, int8: 1.0 },
        }
    }

    fn profile(
        golden: &Golden,
        batch: usize,
        row_limit: Option<usize>,
    ) -> Vec<(String, [Vec<i64>; 3])> {
        let options = EngineOptions { batch: NonZero::new(batch), ..EngineOptions::default() };
        let request = PlanRequest::new(Precision::Fp32, b"", golden, &options, row_limit);
        request.with_profile(|shapes| {
            shapes
                .iter()
                .map(|(name, bounds)| ((*name).to_owned(), bounds.map(<[i64]>::to_vec)))
                .collect()
        })
    }

    #[test]
    fn a_profile_holds_calls_and_the_queries_of_the_golden_set() {
        let shapes = profile(&golden(3, 5), 1, None);
        assert_eq!(shapes[0].1.each_ref().map(|shape| shape[0]), [1, 1, 1]);
        assert_eq!(shapes[1].1, [vec![2, 512], vec![8, 512], vec![64, 512]]);
        let shapes = profile(&golden(1, 2), 8, Some(6));
        assert_eq!(shapes[0].1, [vec![1, 256, 256, 3], vec![8, 256, 256, 3], vec![8, 256, 256, 3]]);
        assert_eq!(shapes[1].1.each_ref().map(|shape| shape[0]), [2, 6, 6]);
    }

    #[test]
    fn a_folded_model_has_tiles_alone() {
        let folded = Golden { queries: None, ..golden(1, 5) };
        assert_eq!(profile(&folded, 1, None).len(), 1);
    }
}
