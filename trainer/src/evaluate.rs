//! Evaluation on validation splits, by tiles exactly as the runtime tiles.

mod predict;
mod scores;

use std::path::Path;

use rszs_data::{DenseSet, Split};
use rszs_network::Purpose;
use rszs_tokenizer::Tokenizer;
use serde::Deserialize;
use tch::{Device, Tensor};

use crate::checkpoint::Checkpoint;
use crate::durable::write_atomically;
use crate::overlay::write_overlay;
use crate::run::Run;
use crate::train::TOKENIZER;
use crate::{Parameters, Prompts, RunConfig, TextEncoder, TrainError};

pub use predict::Model;
use predict::predict;
use scores::Counts;
pub use scores::{QueryScores, SetScores, table};

/// The section `[evaluate]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluateSettings {
    /// What neighbouring tiles share at least.
    pub overlap_px: u32,
    /// Tiles a forward pass.
    pub batch_size: usize,
    /// Pictures per set of the evaluations while training.
    pub quick_images: usize,
    /// Pictures per set of which an overlay is written.
    pub overlays: usize,
}

/// Evaluates a checkpoint on the validation splits of `sets` and writes `scores.json` and `overlays/` into the run's folder.
pub fn evaluate(
    config: &RunConfig,
    weights: &Path,
    sets: &[String],
    limit: Option<usize>,
    run: &Run,
) -> Result<Vec<SetScores>, TrainError> {
    let settings: EvaluateSettings = config.section("evaluate")?;
    let checkpoint = Checkpoint::read(weights)?;
    // The checkpoint knows its network better than the description does.
    let network: rszs_network::Config = serde_json::from_str(&checkpoint.origin.config)?;
    let graph = rszs_network::image_graph(&network, Purpose::Train)?;
    let text_graph = rszs_network::text_graph(&network)?;
    let mut parameters = Parameters::initialise(&[&graph, &text_graph], 0, Device::Cpu)?;
    checkpoint.load_into(&mut parameters)?;

    let mut opened = Vec::new();
    for set in sets {
        opened.push(rszs_data::catalogue::open(set, &config.data().root)?);
    }
    let path = weights.with_file_name(TOKENIZER);
    let tokenizer = Tokenizer::from_json(&std::fs::read(&path).map_err(TrainError::file(&path))?)?;
    let encoder = TextEncoder { graph: &text_graph, tokenizer: &tokenizer, context: network.text.context };
    let words = opened.iter().flat_map(|set| set.classes().concepts()).map(|concept| concept.name.clone());
    let prompts = Prompts::new(&encoder, &parameters, &config.section("prompts")?, words)?;

    let model = Model { graph: &graph, parameters: &parameters, prompts: &prompts, tile_px: network.tile_px };
    let mut scores = Vec::new();
    for set in &opened {
        scores.push(evaluate_set(&model, set, &settings, limit, Some(&run.path("overlays")))?);
    }
    write_atomically(&run.path("scores.json"), &serde_json::to_vec_pretty(&scores)?)?;
    Ok(scores)
}

/// Evaluates the validation split of `set`, its first `limit` pictures if given, and writes overlays into `overlays`.
pub fn evaluate_set(
    model: &Model,
    set: &DenseSet,
    settings: &EvaluateSettings,
    limit: Option<usize>,
    overlays: Option<&Path>,
) -> Result<SetScores, TrainError> {
    let concepts = set.classes().concepts();
    let queries: Vec<&str> = concepts.iter().map(|concept| concept.name.as_str()).collect();
    let vectors: Result<Vec<Tensor>, TrainError> = queries.iter().map(|query| model.prompts.mean(query)).collect();
    let vectors = Tensor::f_stack(&vectors?, 0)?;
    let mut counts = Counts::new(set, queries.len())?;
    let images = set.len(Split::Val).min(limit.unwrap_or(usize::MAX));
    for index in 0..images {
        let sample = set.sample(Split::Val, spread(index, images, set.len(Split::Val)))?;
        let prediction = predict(model, &sample, &vectors, settings)?;
        counts.add(set, &sample, &prediction)?;
        if let Some(folder) = overlays.filter(|_| index < settings.overlays) {
            write_overlay(&folder.join(set.name()), &sample, set, &prediction.scores)?;
        }
    }
    Ok(counts.scores(set, &queries, images))
}

/// Picture `index` of `chosen` spread evenly over `all`.
fn spread(index: usize, chosen: usize, all: usize) -> usize {
    index * all / chosen.max(1)
}
