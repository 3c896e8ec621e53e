//! A graph in the runtime's engine that shows the values of chosen nodes.

use std::collections::BTreeMap;

use rszs_bundle::Vocabulary;
use rszs_engine::{EngineKind, EngineOptions, NamedInput, NamedOutput, Session, Values};
use rszs_export::bundle::model;
use rszs_export::checkpoint::Checkpoint;
use rszs_graph::Graph;

use crate::error::Error;
use crate::int8::observer::{MagnitudeHistogram, Observer};

/// What probes run with.
#[derive(Debug, Clone, Copy)]
pub struct ProbeContext<'a> {
    /// The weights.
    pub checkpoint: &'a Checkpoint,
    /// The queries: every word of the bundle.
    pub vocabulary: &'a Vocabulary,
    /// The engine.
    pub kind: EngineKind,
    /// How it is started.
    pub options: &'a EngineOptions,
}

/// A graph in an engine.
#[derive(Debug)]
pub struct Probe<'a> {
    session: Session,
    queries: &'a [f32],
    rows: usize,
    tile_px: usize,
    outputs: Vec<(String, Vec<usize>, Vec<f32>)>,
}

impl<'a> Probe<'a> {
    /// Of `graph`, an image graph whose outputs are what is to be seen.
    pub fn new(graph: &Graph, context: ProbeContext<'a>) -> Result<Self, Error> {
        let onnx = model("model.probe.onnx", graph, context.checkpoint)?;
        let rows = context.vocabulary.entries().len();
        let outputs = graph.outputs().iter().map(|(name, id)| {
            let shape = graph.node(*id).shape.at(1, rows);
            let values = vec![0.0; shape.iter().product()];
            (name.clone(), shape, values)
        });
        Ok(Self {
            session: context.kind.load(&onnx, context.options)?,
            queries: context.vocabulary.embeddings(),
            rows,
            tile_px: context.checkpoint.config.tile_px,
            outputs: outputs.collect(),
        })
    }

    /// Runs `tile`, `[H, W, 3]`: name and values of each output.
    pub fn run(&mut self, tile: &[u8]) -> Result<impl Iterator<Item = (&str, &[f32])>, Error> {
        let (tiles, queries) =
            ([1, self.tile_px, self.tile_px, 3], [self.rows, self.queries.len() / self.rows]);
        let inputs = [
            NamedInput { name: "tiles", shape: &tiles, values: Values::U8(tile) },
            NamedInput { name: "queries", shape: &queries, values: Values::F32(self.queries) },
        ];
        let mut outputs: Vec<NamedOutput<'_>> = self
            .outputs
            .iter_mut()
            .map(|(name, shape, values)| NamedOutput { name, shape, values })
            .collect();
        self.session.run(&inputs, &mut outputs)?;
        Ok(self.outputs.iter().map(|(name, _, values)| (name.as_str(), values.as_slice())))
    }
}

/// The largest magnitude to keep of each node in `names`, by what it is on `tiles`.
pub fn observe(
    graph: &Graph,
    names: &[&str],
    tiles: &[Vec<u8>],
    observer: Observer,
    context: ProbeContext<'_>,
) -> Result<BTreeMap<String, f32>, Error> {
    let mut probe = Probe::new(&graph.showing(names), context)?;
    let mut histograms: BTreeMap<String, MagnitudeHistogram> = BTreeMap::new();
    for tile in tiles {
        for (name, values) in probe.run(tile)? {
            let histogram = histograms.entry(name.to_owned()).or_default();
            histogram
                .add(values)
                .map_err(|found| Error::NotFinite { node: name.to_owned(), found })?;
        }
    }
    Ok(histograms.into_iter().map(|(name, histogram)| (name, histogram.range(observer))).collect())
}
