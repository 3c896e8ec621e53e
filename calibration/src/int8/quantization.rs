//! From an image graph to its INT8 form: bytes centred, ranges observed, the most
//! sensitive products left in float.

use std::collections::{BTreeMap, BTreeSet};

use rszs_export::checkpoint::Checkpoint;
use rszs_graph::{CentredPixels, Graph, Product};
use serde::Serialize;

use crate::arguments::Int8Arguments;
use crate::error::Error;
use crate::int8::observer::Observer;
use crate::int8::probe::{ProbeContext, observe};
use crate::int8::sensitivity::{Sensitivity, left_in_float, logits_of, measure, root_mean_square};

/// A lighter product costs more to quantize than it saves: share of all multiply-accumulates.
const LIGHTEST: f64 = 0.001;

/// Tiles that sensitivity and noise are measured on.
const SENSITIVITY_TILES: usize = 4;

/// How the graph was quantized.
#[derive(Debug, Clone, Serialize)]
pub struct Quantized {
    /// How ranges were chosen.
    pub observer: Observer,
    /// Training tiles that were observed.
    pub tiles: usize,
    /// Products in INT8.
    pub products: usize,
    /// Heavy products that stay in float.
    pub left_in_float: Vec<String>,
    /// Root mean square of the change of the logits, of all products together.
    pub noise: f64,
    /// What each product does alone.
    pub sensitivities: Vec<Sensitivity>,
}

/// The graph in INT8 with the weights that belong to it.
#[derive(Debug)]
pub struct Int8Network {
    /// With 8-bit steps.
    pub graph: Graph,
    /// With bytes centred.
    pub checkpoint: Checkpoint,
}

/// Centres bytes, observes ranges, searches for what stays in float, and rewrites the graph.
pub fn quantize(
    graph: &Graph,
    tiles: &[Vec<u8>],
    arguments: &Int8Arguments,
    context: ProbeContext<'_>,
    step: impl FnMut() -> Result<(), Error>,
) -> Result<(Int8Network, Quantized), Error> {
    let (graph, parameters) = graph.fold_weights(&context.checkpoint.parameters)?;
    let CentredPixels { graph, parameters, centred } = graph.centre_pixels(&parameters);
    let (graph, checkpoint) = (&graph, Checkpoint { parameters, ..context.checkpoint.clone() });
    let context = ProbeContext { checkpoint: &checkpoint, ..context };
    let products = graph.products(LIGHTEST);
    let heavy: BTreeSet<String> = products.iter().map(|product| product.name.clone()).collect();

    let names: BTreeSet<&str> = products.iter().flat_map(Product::activations).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let mut magnitudes: BTreeMap<String, f32> =
        observe(graph, &names, tiles, arguments.observer, context)?;
    magnitudes.extend(centred.into_iter().map(|name| (name, CentredPixels::MAGNITUDE)));
    let few = tiles.len().min(SENSITIVITY_TILES);
    let few: Vec<&[u8]> =
        (0..few).map(|index| tiles[index * tiles.len() / few].as_slice()).collect();
    // Where nothing may stay in float, there is nothing to search.
    let searched = if arguments.float_share > 0.0 { products.as_slice() } else { &[] };
    let sensitivities = measure(graph, searched, &magnitudes, &few, context, step)?;
    let left = left_in_float(&sensitivities, arguments.float_share);
    let chosen: BTreeSet<String> = heavy.difference(&left).cloned().collect();
    let quantized = graph.quantize(&chosen, &magnitudes, &checkpoint.parameters)?;
    let noise =
        root_mean_square(&logits_of(graph, &few, context)?, &logits_of(&quantized, &few, context)?);
    let report = Quantized {
        observer: arguments.observer,
        tiles: tiles.len(),
        products: chosen.len(),
        left_in_float: left.into_iter().collect(),
        noise,
        sensitivities,
    };
    Ok((Int8Network { graph: quantized, checkpoint }, report))
}
