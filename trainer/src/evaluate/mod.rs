//! Evaluation on validation splits, by tiles exactly as the runtime tiles or by the predecessor's
//! protocol.

mod bilinear;
mod deployment;
mod gsnet;
mod labels;
mod model;
mod novel;
pub(crate) mod overlay;
mod plot;
mod prediction;
mod protocol;
mod report;
mod scores;
mod table;

use std::path::PathBuf;

use rszs_data::{DataError, DenseSet, Sample, Split, catalogue};
use rszs_network::Purpose;
use rszs_tokenizer::Tokenizer;
use serde::Deserialize;
use tch::{Device, Tensor};

use crate::checkpoint::Checkpoint;
use crate::checkpoint::TOKENIZER;
use crate::evaluate::overlay::write_overlay;
use crate::run::{Run, tell, write_atomically};
use crate::{Parameters, Precision, Prompts, RunConfig, TextEncoder, TrainError};

pub use labels::{LabelClass, LabelScores};
pub use model::Model;
pub use novel::{Novel, NovelBy};
pub use protocol::Protocol;
use scores::Counts;
pub use scores::{QueryScores, SetScores};
pub use table::table;

/// The section `[evaluate]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluateSettings {
    /// What neighbouring tiles share at least.
    pub overlap_px: u32,
    /// Tiles, or views of an image, a forward pass.
    pub batch_size: usize,
    /// Images per set of the evaluations while training.
    pub quick_images: usize,
    /// Images per set of which an overlay is written.
    pub overlays: usize,
}

/// What an evaluation is asked for.
#[derive(Debug, Clone)]
pub struct EvaluateOptions {
    /// Checkpoint with all towers, with `tokenizer.json` beside it.
    pub weights: PathBuf,
    /// Sets, by the names of the catalogue.
    pub sets: Vec<String>,
    /// Images of each set; all without it.
    pub limit: Option<usize>,
    /// How an image becomes scores.
    pub protocol: Protocol,
    /// Words that training did not see, whose classes get a mean of their own. Without any, the
    /// sets that papers compare on have their published split.
    pub novel: Vec<String>,
}

/// Evaluates a checkpoint on validation splits and writes `scores.json`, `overlays/` and `reports/`
/// into the run's folder, or into its folder `gsnet` by that protocol.
pub fn evaluate(
    config: &RunConfig,
    options: &EvaluateOptions,
    run: &Run,
    device: Device,
) -> Result<Vec<SetScores>, TrainError> {
    let EvaluateOptions { weights, sets, limit, protocol, novel } = options;
    let settings: EvaluateSettings = config.section("evaluate")?;
    Precision::Float32.prepare(device);
    let checkpoint = Checkpoint::read(weights)?;
    // The checkpoint knows its network better than the description does.
    let network: rszs_network::Config = serde_json::from_str(&checkpoint.origin.config)?;
    let graph = rszs_network::image_graph(&network, Purpose::Train)?;
    let text_graph = rszs_network::text_graph(&network)?;
    let mut parameters = Parameters::initialise(&[&graph, &text_graph], 0, device)?;
    checkpoint.load_into(&mut parameters)?;

    let mut opened = Vec::new();
    for set in sets {
        let set = catalogue::open(set, &config.data().root)?;
        if let Some(note) = catalogue::count_note(&set) {
            tell(&note);
        }
        opened.push(set);
    }
    check_known(novel, &opened)?;
    let path = weights.with_file_name(TOKENIZER);
    let tokenizer =
        Tokenizer::from_json(&std::fs::read(&path).map_err(TrainError::no_tokenizer(&path))?)?;
    let encoder =
        TextEncoder { graph: &text_graph, tokenizer: &tokenizer, context: network.text.context };
    let words = opened.iter().flat_map(asked).map(str::to_owned);
    let settings_of_prompts = protocol.prompts(config.section("prompts")?);
    let prompts = Prompts::new(&encoder, &parameters, &settings_of_prompts, words)?;

    let model = Model {
        graph: &graph,
        parameters: &parameters,
        prompts: &prompts,
        tile_px: network.tile_px,
    };
    let overlays = protocol.path(run, "overlays");
    let mut all_scores = Vec::new();
    for set in &opened {
        let novel = Novel::of(set, novel);
        let images = set.len(Split::Val).min(limit.unwrap_or(usize::MAX));
        tell(&format!("{}: evaluating {images} images", set.name()));
        let evaluation =
            SetEvaluation { set, settings: &settings, limit: *limit, protocol: *protocol, novel };
        let folder = overlays.join(set.name());
        let scores = evaluation.scores(&model, |index, sample, scores| {
            if index < settings.overlays {
                write_overlay(&folder, sample, set, scores)
            } else {
                Ok(())
            }
        })?;
        report::write_report(&protocol.path(run, "reports").join(set.name()), &scores)?;
        all_scores.push(scores);
    }
    write_atomically(&protocol.path(run, "scores.json"), &serde_json::to_vec_pretty(&all_scores)?)?;
    Ok(all_scores)
}

/// The evaluation of one set's validation split.
#[derive(Debug)]
pub struct SetEvaluation<'a> {
    /// The set.
    pub set: &'a DenseSet,
    /// The section `[evaluate]`.
    pub settings: &'a EvaluateSettings,
    /// Images, spread over the split; all without it.
    pub limit: Option<usize>,
    /// How an image becomes scores.
    pub protocol: Protocol,
    /// Classes that training did not see.
    pub novel: Novel,
}

impl SetEvaluation<'_> {
    /// Scores of `model`. `seen` is shown every image by its place, with the scores of each
    /// query, a byte a pixel.
    pub fn scores(
        &self,
        model: &Model,
        mut seen: impl FnMut(usize, &Sample, &[Vec<u8>]) -> Result<(), TrainError>,
    ) -> Result<SetScores, TrainError> {
        let set = self.set;
        let images = set.len(Split::Val).min(self.limit.unwrap_or(usize::MAX));
        if images == 0 {
            let expected =
                "at least one validation image to evaluate (a set that only trains, or --limit \
                 0?)"
                .to_owned();
            return Err(DataError::Empty { path: set.name().into(), expected }.into());
        }
        let vectors: Result<Vec<Tensor>, TrainError> =
            asked(set).map(|word| model.prompts.mean(word)).collect();
        let vectors = Tensor::f_stack(&vectors?, 0)?;
        let mut counts = Counts::new(set)?;
        for index in 0..images {
            let sample = set.sample(Split::Val, spread(index, images, set.len(Split::Val)))?;
            let prediction =
                self.protocol.predict(model, &sample.image, &vectors, self.settings)?;
            counts.add(set, &sample, &prediction)?;
            seen(index, &sample, &prediction.scores)?;
        }
        Ok(counts.scores(set, self.protocol, &self.novel, images))
    }
}

/// What a set is asked for: its concepts, then the words that compete with them.
fn asked(set: &DenseSet) -> impl Iterator<Item = &str> {
    let concepts = set.classes().concepts().iter().map(|concept| concept.name.as_str());
    concepts.chain(set.classes().competitors().iter().map(String::as_str))
}

/// A word that no set asks for would be a novel class without a trace.
fn check_known(novel: &[String], sets: &[DenseSet]) -> Result<(), TrainError> {
    let concepts = || sets.iter().flat_map(|set| set.classes().concepts());
    match novel.iter().find(|word| !concepts().any(|concept| concept.is_called(word))) {
        None => Ok(()),
        Some(word) => Err(TrainError::UnknownWord {
            word: word.clone(),
            known: concepts().map(|concept| concept.name.as_str()).collect::<Vec<_>>().join(", "),
        }),
    }
}

/// Image `index` of `chosen` spread evenly over `all`.
fn spread(index: usize, chosen: usize, all: usize) -> usize {
    index * all / chosen.max(1)
}
