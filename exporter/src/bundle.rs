//! Everything that is shipped, made from a checkpoint, checked, and written in one step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use prost::Message;
use rszs_bundle::{
    Bundle, BundleWriter, EngineContract, Entry, Manifest, ManifestError, Name, Precision,
    Template, TextContract, VocabularyError, WriteError,
};
use rszs_checkpoint::CheckpointError;
use rszs_graph::{Graph, GraphError, InterpretError, Tensor};
use rszs_network::{Config, Purpose, image_graph, text_graph};
use rszs_tokenizer::{Tokenizer, TokenizerError};

use crate::check::{Case, CheckError, CheckReport, check, check_half};
use crate::checkpoint::Checkpoint;
use crate::golden::{QUERIES, golden_case, golden_set};
use crate::lower::{LowerError, lower, lower_half};
use crate::onnx::ModelProto;
use crate::text_tower::{TextError, TextTower, feeds_of_names};
use crate::vocabulary::{TypedThreshold, UnknownClass, entries, vocabulary};
use crate::words::Word;

/// Sentences that the text tower is checked with; the oracle is slow.
const CHECKED_SENTENCES: usize = 3;

const HALF_FILE: &str = "model.fp16.onnx";

/// What to make a bundle of. The checkpoint comes beside it.
#[derive(Debug, Clone)]
pub struct BundleRequest {
    /// `tokenizer.json` that the text tower was trained with.
    pub tokenizer_json: Vec<u8>,
    /// The classes.
    pub words: Vec<Word>,
    /// Hidden classes that `exclusive` decisions compete against.
    pub support: Vec<Word>,
    /// Name of the sentences, for the vocabulary.
    pub template_set: String,
    /// The sentences.
    pub templates: Vec<Template>,
    /// Thresholds typed by hand.
    pub thresholds: Vec<TypedThreshold>,
    /// Bake the vocabulary in: no `queries` input, no text tower.
    pub fold: bool,
    /// Write the image model in half precision as well, for accelerators.
    pub half: bool,
    /// Name of the model.
    pub name: String,
    /// Grows with each release.
    pub counter: u64,
    /// By how much tiles overlap; a quarter of a tile if nothing is said.
    pub overlap_px: Option<u32>,
    /// Metres a pixel of the training images, smallest and largest.
    pub training_gsd_m: Option<[f64; 2]>,
    /// Licence of the weights.
    pub licence: String,
    /// Model card; a short one is written if there is none.
    pub model_card: Option<String>,
    /// The only library of ONNX Runtime to try.
    pub onnxruntime: Option<PathBuf>,
}

/// Why no bundle was written. What stood at the target before still does.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The weights are not those of the network.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The network cannot be built from its configuration.
    #[error("network: {0}")]
    Network(#[from] GraphError),
    /// The oracle cannot run it.
    #[error("oracle: {0}")]
    Oracle(#[from] InterpretError),
    /// It cannot be written as ONNX.
    #[error("{file}: {source}")]
    Lower {
        /// File of the bundle.
        file: &'static str,
        /// Why not.
        source: LowerError,
    },
    /// A file that an engine does not confirm.
    #[error("{file}: {source}")]
    Check {
        /// File of the bundle.
        file: &'static str,
        /// What was found.
        source: CheckError,
    },
    /// The tokenizer cannot be read.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The tokenizer of another text tower.
    #[error(
        "tokenizer: expected at most {expected} token ids, as the text tower has, found {found} \
         (the tokenizer of another model?)"
    )]
    TokenizerSize {
        /// Ids of the text tower.
        expected: usize,
        /// Ids of the tokenizer.
        found: usize,
    },
    /// Words that cannot be encoded.
    #[error(transparent)]
    Text(#[from] TextError),
    /// A threshold for no class.
    #[error(transparent)]
    Threshold(#[from] UnknownClass),
    /// The vocabulary does not hold.
    #[error(transparent)]
    Vocabulary(#[from] VocabularyError),
    /// The manifest does not hold.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The bundle cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// A file of the bundle with the proof that it is right.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedFile {
    /// Its name.
    pub file: &'static str,
    /// What was compared.
    pub report: CheckReport,
}

/// Makes, checks and writes a bundle. `progress` is called for each file as soon as it is proven.
pub fn export_bundle(
    checkpoint: &Checkpoint,
    checkpoint_path: &Path,
    request: &BundleRequest,
    target: &Path,
    mut progress: impl FnMut(&CheckedFile),
) -> Result<Bundle, ExportError> {
    let config = &checkpoint.config;
    let (image, text) = (image_graph(config, Purpose::Deploy)?, text_graph(config)?);
    checkpoint.expect(checkpoint_path, &[&image, &text])?;
    let tokenizer = tokenizer_of(config, &request.tokenizer_json)?;

    let text_model = model("text.fp32.onnx", &text, checkpoint)?;
    let (rows, report) = encode(&text, &text_model, &tokenizer, checkpoint, request)?;
    progress(&CheckedFile { file: "text.fp32.onnx", report });
    let entries =
        entries(&request.words, &request.support, &request.template_set, &request.thresholds)?;
    let names: Vec<Name> = entries.iter().map(|entry| entry.name.clone()).collect();

    let parameters = &checkpoint.parameters;
    let image = if request.fold { image.fold_input("queries", &rows, parameters)? } else { image };
    let queries = (!request.fold).then(|| first_rows(&rows, QUERIES));
    let image_model = model("model.fp32.onnx", &image, checkpoint)?;
    let case = golden_case(&image, parameters, config.tile_px, queries.as_ref())?;
    let smaller = case.first(&image, 1, case.queries.saturating_sub(1).max(1));
    let cases = [case, smaller];
    let (_, report) = check(&image_model, &image, &cases, request.onnxruntime.as_deref())
        .map_err(|source| ExportError::Check { file: "model.fp32.onnx", source })?;
    progress(&CheckedFile { file: "model.fp32.onnx", report });
    let half_model = request.half.then(|| half_model(HALF_FILE, &image, checkpoint)).transpose()?;
    if let Some(model) = &half_model {
        let report = check_half(model, &image, parameters, &cases, request.onnxruntime.as_deref())
            .map_err(|source| ExportError::Check { file: HALF_FILE, source })?;
        progress(&CheckedFile { file: HALF_FILE, report });
    }

    let golden = golden_set(&cases[0], config.joint_width);
    let card =
        request.model_card.clone().unwrap_or_else(|| plain_card(checkpoint, request, &entries));
    let mut writer = BundleWriter::new(manifest(checkpoint, request, names))
        .model(Precision::Fp32, image_model)
        .vocabulary(&vocabulary(entries, &rows)?)?
        .golden(&golden)?
        .model_card(card);
    if let Some(model) = half_model {
        writer = writer.model(Precision::Fp16, model);
    }
    if !request.fold {
        writer = writer.text(text_model, request.tokenizer_json.clone());
    }
    Ok(writer.write(target)?)
}

/// Notes that an ONNX file carries about where it comes from.
pub fn notes(graph: &Graph, config: &Config) -> Vec<(&'static str, String)> {
    let config = serde_json::to_string(config).unwrap_or_default();
    let exporter = format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    vec![("graph_hash", graph.hash()), ("config", config), ("exporter", exporter)]
}

fn tokenizer_of(config: &Config, json: &[u8]) -> Result<Tokenizer, ExportError> {
    let tokenizer = Tokenizer::from_json(json)?;
    let (expected, found) = (config.text.vocabulary, tokenizer.vocabulary_size());
    // A small corpus may give fewer merges than the tower has rows; those rows are never read.
    if found <= expected {
        Ok(tokenizer)
    } else {
        Err(ExportError::TokenizerSize { expected, found })
    }
}

/// The bytes of the ONNX file `file`, which is named in errors and, up to its first dot, in the
/// file.
pub fn model(
    file: &'static str,
    graph: &Graph,
    checkpoint: &Checkpoint,
) -> Result<Vec<u8>, ExportError> {
    let name = file.split('.').next().unwrap_or(file);
    encoded(file, lower(graph, &checkpoint.parameters, name, &notes(graph, &checkpoint.config)))
}

/// [`model`] in half precision: `model.fp16.onnx`, or of a quantized graph `model.int8-fp16.onnx`.
pub fn half_model(
    file: &'static str,
    graph: &Graph,
    checkpoint: &Checkpoint,
) -> Result<Vec<u8>, ExportError> {
    encoded(
        file,
        lower_half(graph, &checkpoint.parameters, "model", &notes(graph, &checkpoint.config)),
    )
}

fn encoded(
    file: &'static str,
    model: Result<ModelProto, LowerError>,
) -> Result<Vec<u8>, ExportError> {
    Ok(model.map_err(|source| ExportError::Lower { file, source })?.encode_to_vec())
}

/// Checks the text tower on a few sentences, then encodes all words with the engine that passed.
fn encode(
    graph: &Graph,
    model: &[u8],
    tokenizer: &Tokenizer,
    checkpoint: &Checkpoint,
    request: &BundleRequest,
) -> Result<(Tensor, CheckReport), ExportError> {
    let context = checkpoint.config.text.context;
    let words: Vec<Word> = request.words.iter().chain(&request.support).cloned().collect();
    let feeds = feeds_of_names(tokenizer, context, &words, CHECKED_SENTENCES)?;
    let count = feeds["tokens"].shape[0];
    let case = Case::new(graph, feeds, &checkpoint.parameters, 1, count)?;
    let cases = [case.first(graph, 1, 1), case];
    let (engine, report) = check(model, graph, &cases, request.onnxruntime.as_deref())
        .map_err(|source| ExportError::Check { file: "text.fp32.onnx", source })?;
    let mut tower = TextTower { graph, engine, tokenizer, context };
    Ok((tower.rows(&words, &request.templates)?, report))
}

fn first_rows(rows: &Tensor, count: usize) -> Tensor {
    let count = count.min(rows.shape[0]);
    Tensor::new([count, rows.shape[1]], rows.values[..count * rows.shape[1]].to_vec())
}

fn manifest(checkpoint: &Checkpoint, request: &BundleRequest, names: Vec<Name>) -> Manifest {
    let config = &checkpoint.config;
    let tile_px = config.tile_px as u32;
    let text =
        TextContract { context: config.text.context as u32, templates: request.templates.clone() };
    Manifest {
        schema: Manifest::SCHEMA,
        name: request.name.clone(),
        counter: request.counter,
        files: BTreeMap::new(),
        engine: EngineContract {
            tile_px,
            overlap_px: request.overlap_px.unwrap_or(tile_px / 4),
            logits_stride_px: EngineContract::STRIDE_PX,
            joint_width: config.joint_width as u32,
            max_queries: None,
        },
        folded: request.fold.then_some(names),
        training_gsd_m: request.training_gsd_m,
        text: (!request.fold).then_some(text),
        network: serde_json::to_value(config).unwrap_or_default(),
        licence: request.licence.clone(),
        provenance: provenance(checkpoint),
    }
}

/// What the checkpoint says about its origin, in one line.
fn provenance(checkpoint: &Checkpoint) -> String {
    let notes = checkpoint.origin.notes().into_iter().map(|(key, value)| format!("{key}: {value}"));
    let line = notes.collect::<Vec<_>>().join("; ");
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(2000).collect()
}

fn plain_card(checkpoint: &Checkpoint, request: &BundleRequest, entries: &[Entry]) -> String {
    let classes: Vec<String> =
        entries.iter().filter(|entry| !entry.support).map(|entry| entry.name.to_string()).collect();
    format!(
        "# {}\n\nWritten by the exporter; this model has no description yet.\n\n* Classes: {}\n* \
         Weights: {}\n* Licence: {}\n",
        request.name,
        classes.join(", "),
        provenance(checkpoint),
        request.licence
    )
}
