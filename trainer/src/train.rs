//! Dense training: crops with masks and words in, weights out.

mod records;
mod start;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rszs_data::{Augment, Batch, Concept, Prefetch, Rng, Sampler};
use rszs_graph::Graph;
use rszs_network::Purpose;
use rszs_tokenizer::Tokenizer;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::checkpoint::{self, Checkpoint, Origin};
use crate::evaluate::{EvaluateSettings, Model, Protocol, SetEvaluation};
use crate::loss::loss;
use crate::run::{Progress, Run, tell};
use crate::{
    AdamW, AdamWSettings, Average, Mode, Parameters, Precision, Prompts, RunConfig, Schedule, TextEncoder, TrainError,
    eval,
};
use records::{EvaluationRecord, LossWindow, StartRecord, StepLosses};
use start::{TEXT, sampler, start_from};

/// Weights that are used: averaged, of all towers.
pub const WEIGHTS: &str = "weights.safetensors";
/// All that a run needs to go on.
pub const STATE: &str = "state.safetensors";
/// The tokenizer of the text tower.
pub const TOKENIZER: &str = "tokenizer.json";

/// The section `[train]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainSettings {
    /// Seed of everything random.
    pub seed: u64,
    /// N.
    pub batch_size: usize,
    /// Type of the factors of matrix products and convolutions.
    pub precision: Precision,
    /// λ of `L_align`.
    pub alignment_weight: f64,
    /// Chance that a query is a synonym and not the concept's name.
    pub synonym_share: f32,
    /// How often half of the classes of another crop are laid over a crop.
    pub mix_probability: f32,
    /// Decay of the moving average of weights.
    pub average_decay: f64,
    /// Steps between lines of metrics.
    pub log_every_steps: u64,
    /// Seconds between checkpoints.
    pub save_every_s: u64,
    /// Steps between evaluations on a part of the validation splits; 0 for never.
    pub evaluate_every_steps: u64,
    /// Learning rate over the run.
    pub schedule: Schedule,
    /// How weights follow gradients.
    pub optimizer: AdamWSettings,
    /// How crops are made, where a source does not say otherwise.
    pub augment: Augment,
    /// Where crops come from.
    pub sources: Vec<SourceSettings>,
}

/// One set as a source of crops.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSettings {
    /// Name of the set.
    pub set: String,
    /// Share of the crops, relative to the other sources.
    pub weight: f32,
    /// Smallest scale, crop pixels a picture pixel.
    pub scale_min: f32,
    /// Largest scale.
    pub scale_max: f32,
    /// Up stays up: no turns, no mirror up and down.
    pub oblique: bool,
    /// How often a crop of one index alone is kept, where it differs from the rest: 1 where a picture has but one.
    pub uniform_probability: Option<f32>,
}

/// What a run starts from and leaves out; given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainOptions {
    /// Checkpoint to start from, with `tokenizer.json` beside it. It must hold the text tower; of the image parts it may
    /// hold any, and the others start random.
    pub from: PathBuf,
    /// Words whose labels are dropped everywhere, so that the model never sees them.
    pub exclude_queries: Vec<String>,
}

/// Trains in `run`, from its last state if there is one.
pub fn train(config: &RunConfig, options: &TrainOptions, run: &mut Run) -> Result<(), TrainError> {
    let mut session = Session::start(config, options, run)?;
    let settings = session.settings.clone();
    let steps = settings.schedule.steps;
    let mut batches =
        Prefetch::start(&session.sampler, session.optimizer.steps(), config.data().workers, config.data().ahead);
    let mut progress = Progress::start(session.optimizer.steps(), steps, settings.batch_size);
    let mut losses = LossWindow::default();
    let mut last_save = Instant::now();
    while session.optimizer.steps() < steps {
        let batch = batches.next_batch()?;
        losses.add(&session.learn(&batch)?);
        progress.advance();
        let step = session.optimizer.steps();
        if step % settings.log_every_steps == 0 || step == steps {
            let record = losses.take(step, progress.take_images_per_s());
            run.record(&record)?;
            progress
                .show(&format!("loss {:.4} align {:.3}", record.segmentation, record.alignment), record.images_per_s);
        }
        if settings.evaluate_every_steps > 0 && step % settings.evaluate_every_steps == 0 && step < steps {
            session.evaluate(config, run)?;
            progress.take_images_per_s();
        }
        if last_save.elapsed() >= Duration::from_secs(settings.save_every_s) || step == steps {
            session.save(run)?;
            last_save = Instant::now();
        }
    }
    Ok(())
}

/// Everything that changes while training, and what it needs.
#[derive(Debug)]
struct Session {
    settings: TrainSettings,
    graph: Graph,
    parameters: Parameters,
    average: Average,
    optimizer: AdamW,
    sampler: Arc<Sampler>,
    prompts: Prompts,
    origin: Origin,
}

impl Session {
    fn start(config: &RunConfig, options: &TrainOptions, run: &mut Run) -> Result<Self, TrainError> {
        let settings: TrainSettings = config.section("train")?;
        let graph = rszs_network::image_graph(config.network(), Purpose::Train)?;
        let text_graph = rszs_network::text_graph(config.network())?;
        settings.precision.advice().into_iter().for_each(tell);
        let mut parameters = Parameters::initialise(&[&graph, &text_graph], settings.seed, Device::Cpu)?;
        start_from(&options.from, config.network(), &mut parameters)?;
        let sampler = Arc::new(sampler(config, &settings, &options.exclude_queries)?);

        let tokenizer_path = options.from.with_file_name(TOKENIZER);
        let tokenizer_bytes = std::fs::read(&tokenizer_path).map_err(TrainError::file(&tokenizer_path))?;
        checkpoint::write_atomically(&run.path(TOKENIZER), &tokenizer_bytes)?;
        let tokenizer = Tokenizer::from_json(&tokenizer_bytes)?;
        let encoder = TextEncoder { graph: &text_graph, tokenizer: &tokenizer, context: config.network().text.context };
        let words =
            sampler.sources().iter().flat_map(|source| source.set.classes().concepts()).flat_map(Concept::words);
        let prompts = Prompts::new(&encoder, &parameters, &config.section("prompts")?, words.map(str::to_owned))?;

        let optimizer = AdamW::new(settings.optimizer.clone());
        parameters.set_trainable(|name| crate::group(name) != TEXT && optimizer.factor(name) != 0.0)?;
        let average = Average::new(&parameters, settings.average_decay)?;
        let origin = Origin::new(serde_json::to_string(config.network())?, "train", settings.seed);
        let mut session = Self { settings, graph, parameters, average, optimizer, sampler, prompts, origin };
        session.resume(&run.path(STATE))?;
        run.record(&StartRecord {
            kind: "start",
            step: session.optimizer.steps(),
            config: config.table(),
            exclude_queries: &options.exclude_queries,
            command: &session.origin.command,
            git: &session.origin.git,
        })?;
        Ok(session)
    }

    /// One step: batch, queries, forward, loss, backward, update.
    fn learn(&mut self, batch: &Batch) -> Result<StepLosses, TrainError> {
        tch::manual_seed((self.settings.seed ^ batch.step.wrapping_mul(0x9E37_79B9_7F4A_7C15)) as i64);
        let mut rng = Rng::keyed(&[self.settings.seed, batch.step, u64::MAX]);
        let words = self.choose_queries(batch, &mut rng);
        let queries = self.embed(&words, &mut rng)?;
        let (tiles, targets) = self.tensors(batch, &words)?;

        let feeds = BTreeMap::from([("tiles", &tiles), ("queries", &queries)]);
        let outputs =
            eval(&self.graph, &["logits", "aligned"], &feeds, &self.parameters, Mode::Train(self.settings.precision))?;
        let losses = loss(&outputs["logits"], &outputs["aligned"], &queries, &targets, self.settings.alignment_weight)?;
        losses.total.f_backward()?;

        let learning_rate = self.settings.schedule.at(self.optimizer.steps());
        let gradient_norm = self.optimizer.step(&self.parameters, learning_rate)?;
        self.average.update(&self.parameters)?;
        StepLosses::read(&losses, gradient_norm, learning_rate)
    }

    /// A wording for each concept that a set of this batch labels. Words that no set labels are never asked: what nobody
    /// labelled may be there.
    fn choose_queries(&self, batch: &Batch, rng: &mut Rng) -> Vec<String> {
        let sources = batch.shown_sources();
        let concepts = || sources.iter().flat_map(|&source| self.sampler.sources()[source].set.classes().concepts());
        let names: BTreeSet<&str> = concepts().map(|concept| concept.name.as_str()).collect();
        let mut wording = |name: &str| {
            let sharing: Vec<&Concept> = concepts().filter(|concept| concept.name == name).collect();
            // A synonym that one of the sets lacks would silently drop that set's labels.
            let shared = |word: &str| sharing.iter().all(|concept| concept.words().any(|known| known == word));
            let synonyms: Vec<&String> = sharing[0].synonyms.iter().filter(|word| shared(word)).collect();
            if !synonyms.is_empty() && rng.chance(self.settings.synonym_share) {
                synonyms[rng.below(synonyms.len())].clone()
            } else {
                name.to_owned()
            }
        };
        names.into_iter().map(&mut wording).collect()
    }

    /// `[K, D]`, each word in a template of its own draw.
    fn embed(&self, words: &[String], rng: &mut Rng) -> Result<Tensor, TrainError> {
        let rows: Result<Vec<Tensor>, TrainError> =
            words.iter().map(|word| self.prompts.one(word, rng.below(self.prompts.templates()))).collect();
        Ok(Tensor::f_stack(&rows?, 0)?)
    }

    /// `tiles: u8 [N, H, W, 3]` and `targets: u8 [N, K, H, W]`.
    fn tensors(&self, batch: &Batch, words: &[String]) -> Result<(Tensor, Tensor), TrainError> {
        let (images, side) = (batch.origins.len() as i64, batch.tile_px as i64);
        let tiles = Tensor::f_from_data_size(&batch.images, &[images, side, side, 3], Kind::Uint8)?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let targets = self.sampler.targets(batch, &words);
        let shape = [images, words.len() as i64, side, side];
        Ok((tiles, Tensor::f_from_data_size(&targets, &shape, Kind::Uint8)?))
    }

    fn evaluate(&self, config: &RunConfig, run: &mut Run) -> Result<(), TrainError> {
        let settings: EvaluateSettings = config.section("evaluate")?;
        let step = self.optimizer.steps();
        let quick = Some(settings.quick_images);
        for source in self.sampler.sources() {
            let model = Model {
                graph: &self.graph,
                parameters: self.average.weights(),
                prompts: &self.prompts,
                tile_px: config.network().tile_px,
            };
            let evaluation = SetEvaluation {
                set: &source.set,
                settings: &settings,
                limit: quick,
                protocol: Protocol::Deployment,
                novel: &[],
            };
            let scores = evaluation.scores(&model, None)?;
            tell(&format!("step {step}: {}", scores.line()));
            run.record(&EvaluationRecord { kind: "evaluation", step, scores: &scores })?;
        }
        Ok(())
    }

    /// Writes the weights that are used and the state to go on from.
    fn save(&mut self, run: &Run) -> Result<(), TrainError> {
        self.origin.step = self.optimizer.steps();
        checkpoint::save(&run.path(WEIGHTS), self.average.weights(), &self.origin)?;
        let mut state: Vec<(String, &Tensor)> = self.optimizer.state().collect();
        state.extend(self.parameters.iter().map(|(name, tensor)| (format!("weights.{name}"), tensor)));
        state.extend(self.average.weights().iter().map(|(name, tensor)| (format!("average.{name}"), tensor)));
        let named = state.iter().map(|(name, tensor)| (name.as_str(), *tensor));
        checkpoint::save_tensors(&run.path(STATE), named, &self.origin)
    }

    /// Goes on from a saved state, if there is one of this config and seed.
    fn resume(&mut self, path: &Path) -> Result<(), TrainError> {
        if !path.exists() {
            return Ok(());
        }
        let state = Checkpoint::read(path)?;
        if state.origin.config != self.origin.config || state.origin.seed != self.origin.seed {
            return Err(TrainError::Checkpoint {
                path: path.to_owned(),
                expected: format!("a state of this network and of seed {}", self.origin.seed),
                found: format!("one of another network or of seed {}", state.origin.seed),
                hint: "choose another --name, or delete the file to start again",
            });
        }
        let step = state.origin.step;
        self.parameters.copy_values_from(&with_prefix(&state, "weights.")?)?;
        self.average.restore(&with_prefix(&state, "average.")?, step)?;
        self.optimizer.restore(&state.tensors, step)?;
        tell(&format!("{}: going on at step {step}", path.display()));
        Ok(())
    }
}

fn with_prefix(state: &Checkpoint, prefix: &str) -> Result<Parameters, TrainError> {
    let mut parameters = Parameters::empty(Device::Cpu);
    for (key, tensor) in &state.tensors {
        if let Some(name) = key.strip_prefix(prefix) {
            parameters.insert(name, tensor.shallow_clone())?;
        }
    }
    Ok(parameters)
}
