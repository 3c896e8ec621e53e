//! The network behind both protocols.

use std::collections::BTreeMap;

use rszs_graph::Graph;
use tch::{Kind, Tensor};

use crate::device::upload;
use crate::{Mode, Parameters, Prompts, TrainError, eval};

/// What is evaluated.
#[derive(Debug)]
pub struct Model<'a> {
    /// The image graph.
    pub graph: &'a Graph,
    /// Its weights.
    pub parameters: &'a Parameters,
    /// Query vectors of every word that a set may ask for.
    pub prompts: &'a Prompts,
    /// Side of a tile.
    pub tile_px: usize,
}

impl Model<'_> {
    /// One forward pass: bytes of `[N, T, T, 3]` and `vectors: [K, D]` -> `[N, K, T/4, T/4]`.
    pub(super) fn logits(&self, tiles: &[u8], vectors: &Tensor) -> Result<Vec<f32>, TrainError> {
        let side = self.tile_px;
        let shape = [(tiles.len() / (side * side * 3)) as i64, side as i64, side as i64, 3];
        let tiles = Tensor::f_from_data_size(tiles, &shape, Kind::Uint8)?;
        let tiles = upload(&tiles, self.parameters.device())?;
        let feeds = BTreeMap::from([("tiles", &tiles), ("queries", vectors)]);
        let _guard = tch::no_grad_guard();
        let outputs = eval(self.graph, &["logits"], &feeds, self.parameters, Mode::Evaluate)?;
        let logits = outputs["logits"].f_contiguous()?;
        let mut values = vec![0.0_f32; logits.numel()];
        logits.f_copy_data(&mut values, logits.numel())?; // sync: once a pass
        Ok(values)
    }
}
