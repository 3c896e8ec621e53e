//! Evaluation on validation splits, by tiles exactly as the runtime tiles.

use std::collections::BTreeMap;
use std::path::Path;

use rszs_data::{DenseSet, Sample, Split, UNLABELLED};
use rszs_graph::Graph;
use rszs_hot::{
    BlendWeights, Blender, DecideBuffers, Decider, Decision, LOGIT_STRIDE_PX, LogitRows, QueryRule, RegionStatistics,
    TileGrid, TileLayout, fill_tile, words_per_row,
};
use rszs_metrics::{ConfusionMatrix, HistogramResolution, OperatingPoint, PrecisionRecall, ScoreHistogram};
use rszs_network::Purpose;
use rszs_tokenizer::Tokenizer;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::checkpoint::{Checkpoint, write_atomically};
use crate::overlay::write_overlay;
use crate::run::Run;
use crate::train::TOKENIZER;
use crate::{Mode, Parameters, Prompts, RunConfig, TextEncoder, TrainError, eval};

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

/// Scores of one set.
#[derive(Debug, Clone, Serialize)]
pub struct SetScores {
    /// Name of the set.
    pub set: String,
    /// Pictures evaluated.
    pub images: usize,
    /// One per query, in the order of the class table.
    pub queries: Vec<QueryScores>,
    /// Mean `IoU` over queries, each at its best threshold.
    pub mean_iou_best: f64,
    /// Mean `IoU` over queries at a score of 0.5.
    pub mean_iou_half: f64,
    /// Mean `IoU` of the largest logit among the set's queries, for sets that label every pixel.
    pub mean_iou_exclusive: Option<f64>,
    /// `IoU` per query of the largest logit.
    pub iou_exclusive: BTreeMap<String, Option<f64>>,
}

/// Scores of one query.
#[derive(Debug, Clone, Serialize)]
pub struct QueryScores {
    /// The word.
    pub query: String,
    /// The threshold of the highest `IoU` and what it gives.
    pub best: Option<OperatingPoint>,
    /// What a score of 0.5 gives.
    pub half: Option<OperatingPoint>,
    /// Area under precision over recall.
    pub average_precision: Option<f64>,
    /// Counts of pixels by score, for calibration.
    pub histogram: ScoreHistogram,
}

impl SetScores {
    /// The scores in one line.
    pub fn line(&self) -> String {
        let of_query = |scores: &QueryScores| {
            let (best, half) = (scores.best.map_or(0.0, |p| p.iou), scores.half.map_or(0.0, |p| p.iou));
            let threshold = scores.best.map_or(0.0, |point| point.threshold);
            format!("{} {:.3} at {threshold:.2} ({half:.3} at 0.5)", scores.query, best)
        };
        let queries: Vec<String> = self.queries.iter().map(of_query).collect();
        let exclusive = self.mean_iou_exclusive.map_or(String::new(), |iou| format!(", exclusive mIoU {iou:.3}"));
        format!("{}: mIoU {:.3}{exclusive}; {}", self.set, self.mean_iou_best, queries.join(", "))
    }
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

/// What the runtime would decide.
struct Prediction {
    /// `[K, H, W]`, 255 being a score of 1.
    scores: Vec<Vec<u8>>,
    /// `[H, W]`: 1 + the query with the largest logit.
    exclusive: Vec<u8>,
}

fn predict(
    model: &Model,
    sample: &Sample,
    vectors: &Tensor,
    settings: &EvaluateSettings,
) -> Result<Prediction, TrainError> {
    let (width, height) = (sample.image.width as u32, sample.image.height as u32);
    let queries = vectors.size()[0] as usize;
    let layout =
        TileLayout { tile_px: model.tile_px as u32, overlap_px: settings.overlap_px, stride_px: LOGIT_STRIDE_PX };
    let grid = TileGrid::new(width, height, layout)?;
    let mut weights = vec![0.0; grid.weights_len()];
    let weights = BlendWeights::compute(&grid, &mut weights)?;
    let mut accumulator = vec![0.0; grid.logits_len(queries)];
    let mut blender = Blender::new(weights, queries, &mut accumulator)?;
    let tile_indices: Vec<usize> = (0..grid.len()).collect();
    for batch in tile_indices.chunks(settings.batch_size) {
        let logits = tile_logits(model, sample, &grid, batch, vectors)?;
        let per_tile = logits.len() / batch.len();
        for (&tile, logits) in batch.iter().zip(logits.chunks_exact(per_tile)) {
            blender.add(tile, logits)?;
        }
    }
    decide(&grid, queries, &blender.rows())
}

/// `[tiles, K, T4, T4]`.
fn tile_logits(
    model: &Model,
    sample: &Sample,
    grid: &TileGrid,
    batch: &[usize],
    vectors: &Tensor,
) -> Result<Vec<f32>, TrainError> {
    let side = model.tile_px;
    let mut bytes = vec![0; batch.len() * side * side * 3];
    for (&index, tile) in batch.iter().zip(bytes.chunks_exact_mut(side * side * 3)) {
        let (width, height) = (grid.width_px(), grid.height_px());
        fill_tile(&sample.image.pixels, width, height, grid.tile(index), side as u32, tile)?;
    }
    let shape = [batch.len() as i64, side as i64, side as i64, 3];
    let tiles = Tensor::f_from_data_size(&bytes, &shape, Kind::Uint8)?;
    let feeds = BTreeMap::from([("tiles", &tiles), ("queries", vectors)]);
    let _guard = tch::no_grad_guard();
    let outputs = eval(model.graph, &["logits"], &feeds, model.parameters, Mode::Evaluate)?;
    let logits = outputs["logits"].f_contiguous()?;
    let mut values = vec![0.0_f32; logits.numel()];
    logits.f_copy_data(&mut values, logits.numel())?;
    Ok(values)
}

fn decide(grid: &TileGrid, queries: usize, logits: &LogitRows) -> Result<Prediction, TrainError> {
    let (width, height) = (grid.width_px() as usize, grid.height_px() as usize);
    let rules = vec![QueryRule::new(0.5, 1.0)?; queries];
    let mut classes = vec![0; width];
    let mut masks = vec![0; queries * words_per_row(grid.width_px())];
    let mut regions = vec![RegionStatistics::default(); queries];
    let buffers = DecideBuffers { classes: &mut classes, masks: &mut masks, regions: &mut regions };
    let mut decider = Decider::new(grid, Decision::Exclusive, queries, &rules, buffers)?;
    let mut prediction =
        Prediction { scores: vec![vec![0; width * height]; queries], exclusive: Vec::with_capacity(width * height) };
    for y in 0..grid.height_px() {
        prediction.exclusive.extend_from_slice(decider.decide(y, logits)?.classes);
        for (query, scores) in prediction.scores.iter_mut().enumerate() {
            decider.score_row(query, y, logits, &mut scores[y as usize * width..][..width])?;
        }
    }
    Ok(prediction)
}

/// Counts over the pictures of a set.
struct Counts {
    histograms: Vec<ScoreHistogram>,
    exclusive: Option<ConfusionMatrix>,
}

impl Counts {
    fn new(set: &DenseSet, queries: usize) -> Result<Self, TrainError> {
        let histograms = vec![ScoreHistogram::new(HistogramResolution::Bytes); queries];
        // Only where every class can be asked for does the largest logit have to be right everywhere.
        let complete = queries > 1 && set.classes().classes().len() == queries;
        let exclusive = if complete { Some(ConfusionMatrix::new(queries)?) } else { None };
        Ok(Self { histograms, exclusive })
    }

    fn add(&mut self, set: &DenseSet, sample: &Sample, prediction: &Prediction) -> Result<(), TrainError> {
        let mut class_truth = vec![UNLABELLED; sample.mask.ids.len()];
        let concepts = set.classes().concepts();
        for (query, ((concept, scores), histogram)) in
            concepts.iter().zip(&prediction.scores).zip(&mut self.histograms).enumerate()
        {
            let targets = concept.targets();
            let truth: Vec<u8> = sample.mask.ids.iter().map(|&id| targets[usize::from(id)]).collect();
            // The histogram's bin of a byte is the byte itself.
            let scores: Vec<f32> = scores.iter().map(|&score| (f32::from(score) + 0.5) / 256.0).collect();
            histogram.add(&truth, &scores)?;
            for (class, _) in class_truth.iter_mut().zip(&truth).filter(|(_, truth)| **truth == 1) {
                *class = query as u8;
            }
        }
        if let Some(matrix) = &mut self.exclusive {
            let predicted: Vec<u8> = prediction.exclusive.iter().map(|class| class.wrapping_sub(1)).collect();
            matrix.add(&class_truth, &predicted)?;
        }
        Ok(())
    }

    fn scores(self, set: &DenseSet, queries: &[&str], images: usize) -> SetScores {
        let per_query: Vec<QueryScores> =
            queries.iter().zip(self.histograms).map(|(query, histogram)| query_scores(query, histogram)).collect();
        let mean = |point: fn(&QueryScores) -> Option<OperatingPoint>| {
            let with_truth: Vec<f64> = per_query.iter().filter_map(|scores| Some(point(scores)?.iou)).collect();
            with_truth.iter().sum::<f64>() / with_truth.len().max(1) as f64
        };
        let exclusive = self.exclusive.as_ref();
        let iou = |(index, query): (usize, &&str)| Some(((*query).to_owned(), exclusive?.iou(index)));
        SetScores {
            set: set.name().to_owned(),
            images,
            mean_iou_best: mean(|scores| scores.best),
            mean_iou_half: mean(|scores| scores.half),
            mean_iou_exclusive: exclusive.and_then(|matrix| matrix.scores().mean_iou),
            iou_exclusive: queries.iter().enumerate().filter_map(iou).collect(),
            queries: per_query,
        }
    }
}

fn query_scores(query: &str, histogram: ScoreHistogram) -> QueryScores {
    let curve = PrecisionRecall::new(&histogram);
    let half = |curve: &PrecisionRecall| {
        let points = curve.points();
        points.iter().find(|point| point.threshold >= 0.5).copied()
    };
    QueryScores {
        query: query.to_owned(),
        best: curve.as_ref().map(PrecisionRecall::best_point),
        half: curve.as_ref().and_then(half),
        average_precision: curve.as_ref().map(PrecisionRecall::average_precision),
        histogram,
    }
}
