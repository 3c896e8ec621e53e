//! Forward and backward over one part of a batch.

use std::collections::BTreeMap;

use rszs_graph::Graph;
use tch::Tensor;

use super::TrainSettings;
use crate::loss::{Counts, Loss, Scenes, Targets, loss};
use crate::network::segments::{self, Cut};
use crate::{Mode, Parameters, TrainError};

/// What is the same for all parts of a batch.
pub(super) struct Pass<'a> {
    pub(super) graph: &'a Graph,
    pub(super) parameters: &'a Parameters,
    pub(super) settings: &'a TrainSettings,
    /// Patches along the side of a tile.
    pub(super) grid: usize,
    /// What the loss is multiplied by, and so all gradients.
    pub(super) loss_factor: f64,
    pub(super) cut: Cut,
}

impl Pass<'_> {
    /// Adds the gradients of one part of a batch, and returns its losses as shares of the whole
    /// batch's. `finished` is told of gradients that this part does not change any more.
    pub(super) fn run(
        &self,
        tiles: &Tensor,
        queries: &Tensor,
        targets: &Targets,
        scenes: Option<&Scenes>,
        counts: &Counts,
        finished: impl FnMut(&[String]) -> Result<(), TrainError>,
    ) -> Result<Loss, TrainError> {
        let feeds = BTreeMap::from([("tiles", tiles), ("queries", queries)]);
        let mode = Mode::Train(self.settings.precision);
        let pass = segments::forward(
            self.graph,
            &["logits", "aligned"],
            &feeds,
            self.parameters,
            mode,
            self.cut,
        )?;
        let terms = self.settings.terms(self.grid);
        let outputs = pass.outputs();
        let losses =
            loss(&outputs["logits"], &outputs["aligned"], queries, targets, scenes, counts, terms)?;
        // A product with 1 changes no bit.
        pass.backward(&losses.total.f_mul_scalar(self.loss_factor)?, finished)?;
        Ok(losses)
    }
}
