//! A training run in memory.

mod saving;

use std::collections::BTreeSet;
use std::sync::Arc;

use rszs_data::sampler::Origin as CropOrigin;
use rszs_data::{Batch, ClassTable, Concept, Rng, Sampler, Split};
use rszs_graph::Graph;
use rszs_network::{Purpose, StreamPolicy};
use rszs_tokenizer::Tokenizer;
use tch::{Device, Kind, Tensor};

use super::not_finite::save_batch;
use super::pass::Pass;
use super::records::{EvaluationRecord, StepNumbers};
use super::start::{expect_known, sampler, start_from};
use super::texts::{Texts, backward_from};
use super::{STATES, TrainOptions, TrainSettings};
use crate::checkpoint::TOKENIZER;
use crate::checkpoint::{self, Origin};
use crate::device::upload;
use crate::evaluate::overlay::overlay;
use crate::evaluate::{EvaluateSettings, Model, Novel, Protocol, SetEvaluation, SetScores};
use crate::loss::{Counts, Scenes, Targets};
use crate::network::segments::Cut;
use crate::parallel::{Communicator, GradientSum};
use crate::run::data_digest::DataDigest;
use crate::run::states::States;
use crate::run::tensorboard::EventFile;
use crate::run::{Run, tell, write_atomically};
use crate::{
    AdamW, Average, LossScale, Mode, Parameters, Precision, Prompts, RunConfig, TrainError,
};

/// Everything that changes while training, and what it needs.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) settings: TrainSettings,
    pub(super) optimizer: AdamW,
    pub(super) sampler: Arc<Sampler>,
    graph: Graph,
    parameters: Parameters,
    average: Average,
    loss_scale: LossScale,
    texts: Texts,
    /// Query vectors, where the text tower is frozen.
    prompts: Option<Prompts>,
    states: States,
    origin: Origin,
    /// Patches along the side of a tile.
    grid: usize,
    pub(super) communicator: Communicator,
}

impl Session {
    /// From the last state in `run` if there is one, else from the checkpoint of `options`.
    pub(super) fn start(
        config: &RunConfig,
        options: &TrainOptions,
        run: &mut Run,
        device: Device,
        mut communicator: Communicator,
    ) -> Result<Self, TrainError> {
        if communicator.leads() {
            run.lock()?;
        } else {
            // Rank 0 puts the folder in order first: others only read it.
            communicator.wait_for_all()?;
        }
        let settings: TrainSettings = config.section("train")?;
        settings.check().map_err(|reason| config.invalid(format!("[train]: {reason}")))?;
        let graph = rszs_network::image_graph(config.network(), Purpose::Train)?;
        let text_graph = rszs_network::text_graph(config.network())?;
        settings.precision.prepare(device).into_iter().for_each(|line| communicator.tell(line));
        let mut parameters = Parameters::initialise(&[&graph, &text_graph], settings.seed, device)?;
        start_from(&options.from, config.network(), &mut parameters, &communicator)?;
        let sampler =
            Arc::new(sampler(config, &settings, &options.exclude_queries, &communicator)?);
        expect_known(
            settings.class_weights.keys(),
            sampler.sources().iter().map(|source| &*source.set),
        )?;

        let tokenizer_path = options.from.with_file_name(TOKENIZER);
        let tokenizer_bytes =
            std::fs::read(&tokenizer_path).map_err(TrainError::no_tokenizer(&tokenizer_path))?;
        if communicator.leads() {
            write_atomically(&run.path(TOKENIZER), &tokenizer_bytes)?;
        }
        let tokenizer = Tokenizer::from_json(&tokenizer_bytes)?;
        let tables = || sampler.sources().iter().map(|source| source.set.classes());
        let words = tables().flat_map(ClassTable::concepts).flat_map(Concept::words);
        // Evaluation asks for these, training never does.
        let scenes = sampler.sources().iter().flat_map(|source| source.set.scenes());
        let words = words
            .chain(scenes)
            .chain(tables().flat_map(ClassTable::competitors).map(String::as_str));
        let texts = Texts {
            words: words.map(str::to_owned).collect(),
            graph: text_graph,
            tokenizer,
            context: config.network().text.context,
            settings: config.section("prompts")?,
        };

        expect_factors(config, &settings, &parameters)?;
        let optimizer = AdamW::new(settings.optimizer.clone());
        parameters.set_trainable(|name| settings.policy.trains(name))?;
        let loss_scale = LossScale::new(settings.loss_scale);
        let average = Average::new(&parameters, settings.average_decay)?;
        let states = States::open(run.path(STATES), settings.keep_states)?;
        let data = DataDigest::of(
            &config.data().root,
            sampler.sources().iter().map(|source| &*source.set),
        )?;
        let mut origin =
            checkpoint::origin(serde_json::to_string(config.network())?, "train", settings.seed);
        origin.data = Some(data.sha256());
        let prompts = None;
        let mut session = Self {
            settings,
            optimizer,
            sampler,
            graph,
            parameters,
            average,
            loss_scale,
            texts,
            prompts,
            states,
            origin,
            grid: config.network().vlm.grid(),
            communicator,
        };
        session.resume(run)?;
        if session.settings.policy.text() == StreamPolicy::Freeze {
            session.prompts = Some(session.texts.prompts(&session.parameters)?);
        }
        if session.communicator.leads() {
            run.forget_after(session.optimizer.steps())?;
            session.describe(config, options, &data, run)?;
            session.communicator.wait_for_all()?;
        }
        Ok(session)
    }

    /// One step: batch, queries, forward, loss, backward, update. A batch that leads to a number
    /// that is not finite is saved in the run's folder, by each rank its share.
    pub(super) fn learn(&mut self, batch: &Batch, run: &Run) -> Result<StepNumbers, TrainError> {
        let of_rank = (self.communicator.rank() as u64).rotate_right(8);
        tch::manual_seed(
            (self.settings.seed ^ of_rank ^ batch.step.wrapping_mul(0x9E37_79B9_7F4A_7C15)) as i64,
        );
        let mut rng = Rng::keyed(&[self.settings.seed, batch.step, u64::MAX]);
        let sources = self.shown_sources(batch)?;
        let words = self.choose_queries(&sources, &mut rng);
        self.step(batch, &words, &mut rng).or_else(|error| {
            let TrainError::NotFinite { what, step } = error else { return Err(error) };
            let rank = match self.communicator.rank() {
                0 => String::new(),
                rank => format!("_rank_{rank}"),
            };
            let folder = run.path(&format!("not_finite/step_{step:08}{rank}"));
            save_batch(&folder, &self.sampler, batch, &words, &what)?;
            Err(TrainError::NotFiniteBatch { folder, what, step })
        })
    }

    fn step(
        &mut self,
        batch: &Batch,
        words: &[String],
        rng: &mut Rng,
    ) -> Result<StepNumbers, TrainError> {
        let embedded = self.embed(words, rng)?;
        // The gradients of all parts meet here, and go on to the text tower once.
        let queries = embedded.f_detach()?.f_set_requires_grad(embedded.requires_grad())?;
        let (tiles, targets) = self.tensors(batch, words)?;
        let scenes = self.scenes(batch)?;
        let counts =
            Counts::of_all(&targets, &mut self.communicator)?.weighing(self.query_weights(words));

        let mut numbers = StepNumbers::default();
        let size = self.settings.batch_size as i64;
        let pass = Pass {
            graph: &self.graph,
            parameters: &self.parameters,
            settings: &self.settings,
            grid: self.grid,
            loss_factor: self.loss_scale().map_or(1.0, LossScale::factor),
            // Gradients of the last segments are on their way while those of the first are
            // computed.
            cut: Cut::of(self.settings.recompute, self.communicator.size() > 1),
        };
        let mut sum = GradientSum::new(&mut self.communicator, &self.parameters);
        let parts = self.settings.accumulate.get() as i64;
        for part in 0..parts {
            let tiles = tiles.f_narrow(0, part * size, size)?;
            let targets = targets.narrow(part * size, size)?;
            let scenes =
                scenes.as_ref().map(|scenes| scenes.narrow(part * size, size)).transpose()?;
            let finished =
                |names: &[String]| if part + 1 == parts { sum.add(names) } else { Ok(()) };
            numbers.add(&pass.run(
                &tiles,
                &queries,
                &targets,
                scenes.as_ref(),
                &counts,
                finished,
            )?)?;
        }
        if embedded.requires_grad() {
            backward_from(&embedded, &queries)?;
        }
        sum.finish()?;
        // Here and not before: all ranks stop, or none.
        numbers.sum(&mut self.communicator)?;
        if !numbers.total.is_finite() {
            return Err(TrainError::NotFinite {
                what: "loss".to_owned(),
                step: self.optimizer.steps(),
            });
        }

        numbers.learning_rate = self.settings.schedule.at(self.optimizer.steps());
        numbers.gradient_norm = self.update(numbers.learning_rate)?;
        Ok(numbers)
    }

    /// Moves the weights along the gradients; returns the norm of these, nothing for a step that
    /// was skipped. Every rank has the same gradients, so all skip or none.
    fn update(&mut self, learning_rate: f64) -> Result<Option<f64>, TrainError> {
        let is_scaled = self.settings.precision == Precision::Float16;
        if is_scaled {
            self.loss_scale.unscale(&mut self.optimizer.gradients(&self.parameters)?)?;
        }
        match self.optimizer.step(&self.parameters, learning_rate) {
            Err(TrainError::NotFinite { .. }) if is_scaled && self.loss_scale.shrink() => {
                self.optimizer.skip(&self.parameters)?;
                Ok(None)
            }
            Err(error) => Err(error),
            Ok(norm) => {
                if is_scaled {
                    self.loss_scale.grow();
                }
                self.average.update(&self.parameters)?;
                Ok(Some(norm))
            }
        }
    }

    /// The loss's factor and the skipped steps, where there are any.
    pub(super) fn loss_scale(&self) -> Option<&LossScale> {
        (self.settings.precision == Precision::Float16).then_some(&self.loss_scale)
    }

    fn mode(&self) -> Mode {
        Mode::Train(self.settings.precision)
    }

    /// The sources that some pixel of the batch is of, on any rank.
    fn shown_sources(&mut self, batch: &Batch) -> Result<BTreeSet<usize>, TrainError> {
        let mut shown = vec![0.0; self.sampler.sources().len()];
        batch.shown_sources().into_iter().for_each(|source| shown[source] = 1.0);
        self.communicator.sum(&mut shown)?;
        Ok((0..shown.len()).filter(|&source| shown[source] > 0.0).collect())
    }

    /// A wording for each concept that a set of this batch labels. Words that no set labels are
    /// never asked: unlabelled things may be there.
    fn choose_queries(&self, sources: &BTreeSet<usize>, rng: &mut Rng) -> Vec<String> {
        let concepts = || {
            sources
                .iter()
                .flat_map(|&source| self.sampler.sources()[source].set.classes().concepts())
        };
        let names: BTreeSet<&str> = concepts().map(|concept| concept.name.as_str()).collect();
        let mut wording = |name: &str| {
            let sharing: Vec<&Concept> =
                concepts().filter(|concept| concept.name == name).collect();
            // A synonym that one of the sets lacks would silently drop that set's labels.
            let shared = |word: &str| {
                sharing.iter().all(|concept| concept.words().any(|known| known == word))
            };
            let synonyms: Vec<&String> =
                sharing[0].synonyms.iter().filter(|word| shared(word)).collect();
            if !synonyms.is_empty() && rng.chance(self.settings.synonym_share) {
                synonyms[rng.below(synonyms.len())].clone()
            } else {
                name.to_owned()
            }
        };
        names.into_iter().map(&mut wording).collect()
    }

    /// What each query counts, by whatever name `class_weights` calls it.
    fn query_weights(&self, words: &[String]) -> Vec<f64> {
        let weights = &self.settings.class_weights;
        let concepts =
            || self.sampler.sources().iter().flat_map(|source| source.set.classes().concepts());
        let of_word = |word: &String| {
            let mut called = concepts().filter(|concept| concept.is_called(word));
            called.find_map(|concept| {
                Some(*weights.iter().find(|(name, _)| concept.is_called(name))?.1)
            })
        };
        words.iter().map(|word| of_word(word).unwrap_or(1.0)).collect()
    }

    /// `[K, D]`, each word in a template of its own draw; with gradients where the text tower
    /// learns.
    fn embed(&self, words: &[String], rng: &mut Rng) -> Result<Tensor, TrainError> {
        let Some(prompts) = &self.prompts else {
            return self.texts.embed(words, &self.parameters, self.mode(), rng);
        };
        let rows: Result<Vec<Tensor>, TrainError> =
            words.iter().map(|word| prompts.one(word, rng.below(prompts.templates()))).collect();
        Ok(Tensor::f_stack(&rows?, 0)?)
    }

    /// `tiles: u8 [N, H, W, 3]` and what is said of each pixel for each word.
    fn tensors(&self, batch: &Batch, words: &[String]) -> Result<(Tensor, Targets), TrainError> {
        let (images, side) = (batch.origins.len() as i64, batch.tile_px as i64);
        let tiles = Tensor::f_from_data_size(&batch.images, &[images, side, side, 3], Kind::Uint8)?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let targets = self.sampler.targets(batch, &words);
        let shape = [images, words.len() as i64, side, side];
        let targets = Tensor::f_from_data_size(&targets, &shape, Kind::Uint8)?;
        let weights = self
            .pixel_weights(&batch.sources)
            .map(|weights| Tensor::f_from_slice(&weights)?.f_reshape([images, 1, side, side]));
        let device = self.parameters.device();
        let weights = weights.transpose()?.map(|weights| upload(&weights, device)).transpose()?;
        Ok((upload(&tiles, device)?, Targets::new(upload(&targets, device)?, weights)))
    }

    /// The names of whole images, where they are asked for and the text tower is frozen.
    fn scenes(&self, batch: &Batch) -> Result<Option<Scenes>, TrainError> {
        let Some(prompts) = self.prompts.as_ref().filter(|_| self.settings.scene_weight > 0.0)
        else {
            return Ok(None);
        };
        let sources = self.sampler.sources();
        let names: BTreeSet<&str> = sources.iter().flat_map(|source| source.set.scenes()).collect();
        if names.is_empty() {
            return Ok(None);
        }
        let rows: Result<Vec<Tensor>, TrainError> =
            names.iter().map(|name| prompts.mean(name)).collect();
        let place = |(origin, laid_over): (&CropOrigin, &Option<CropOrigin>)| {
            let name = sources[origin.source].set.scene(Split::Train, origin.index)?;
            // What something was laid over shows more than one thing.
            laid_over.is_none().then(|| names.iter().position(|known| *known == name)).flatten()
        };
        let places: Vec<Option<usize>> =
            batch.origins.iter().zip(&batch.laid_over).map(place).collect();
        let images = self.settings.step_images() * self.communicator.size();
        Ok(Some(Scenes::new(Tensor::f_stack(&rows?, 0)?, &places, images)?))
    }

    /// What a labelled pixel counts by the source that it is of; nothing if all count 1.
    fn pixel_weights(&self, sources: &[u8]) -> Option<Vec<f32>> {
        let weights =
            self.sampler.sources().iter().map(|source| source.loss_weight).collect::<Vec<_>>();
        let counts_less = |&source: &u8| (weights[usize::from(source)] - 1.0).abs() > 0.0;
        let any = sources.iter().any(counts_less);
        any.then(|| sources.iter().map(|&source| weights[usize::from(source)]).collect())
    }

    /// Scores of the averaged weights on a part of the validation splits.
    pub(super) fn evaluate(
        &self,
        config: &RunConfig,
        run: &mut Run,
        curves: &mut EventFile,
    ) -> Result<Vec<SetScores>, TrainError> {
        let settings: EvaluateSettings = config.section("evaluate")?;
        let step = self.optimizer.steps();
        let quick = Some(settings.quick_images);
        let prompts = self.texts.prompts(self.average.weights())?;
        let mut of_sets = Vec::new();
        for source in self.sampler.sources() {
            if source.set.is_empty(Split::Val) {
                tell(&format!(
                    "step {step}: {}: not evaluated, it has no validation images",
                    source.set.name()
                ));
                continue;
            }
            let model = Model {
                graph: &self.graph,
                parameters: self.average.weights(),
                prompts: &prompts,
                tile_px: config.network().tile_px,
            };
            let evaluation = SetEvaluation {
                set: &source.set,
                settings: &settings,
                limit: quick,
                protocol: Protocol::Deployment,
                novel: Novel::default(),
            };
            let tag = format!("evaluation/{}/overlay", source.set.name());
            let scores = evaluation.scores(&model, |index, sample, scores| {
                // One a set: event files hold every evaluation of a run.
                if index == 0 {
                    curves.image(step, &tag, &overlay(sample, &source.set, scores))
                } else {
                    Ok(())
                }
            })?;
            tell(&format!("step {step}: {}", scores.line()));
            curves.scalars(
                step,
                scores.curves().iter().map(|(name, value)| (name.as_str(), *value)),
            )?;
            run.record(&EvaluationRecord { kind: "evaluation", step, scores: &scores })?;
            of_sets.push(scores);
        }
        Ok(of_sets)
    }
}

/// A factor must be of a part that exists, and cannot freeze it: that is the policy's.
fn expect_factors(
    config: &RunConfig,
    settings: &TrainSettings,
    parameters: &Parameters,
) -> Result<(), TrainError> {
    let mut known = parameters.groups();
    // A description can be of presets with a stem and without one.
    known.insert("stem");
    for (part, factor) in &settings.optimizer.learning_rate_factors {
        let name = format!("[train.optimizer.learning_rate_factors] {part}");
        if !known.contains(part.as_str()) {
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            return Err(config.invalid(format!("{name}: expected one of {known}")));
        }
        if *factor <= 0.0 {
            let hint = "[train.policy] says what is frozen";
            return Err(config
                .invalid(format!("{name}: expected a number above 0, found {factor}; {hint}")));
        }
    }
    Ok(())
}
