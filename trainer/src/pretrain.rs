//! The first stage: both image streams and the text tower, before any mask.
//!
//! One loop, five losses. Each stream reproduces a teacher's features cell by cell through a linear map that is thrown away
//! afterwards; the text tower reproduces real CLIP text vectors; pictures and their sentences, and pictures and the names of
//! their scenes, are brought together. Letters: N pictures, T cells, C channels, D joint width, P components of the teacher.

pub mod batch;
pub mod evaluation;
pub mod loss;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use rszs_data::rng::hash_name;
use rszs_data::{AidRsicd, ClipText, Rng, Split, catalogue};
use rszs_graph::Graph;
use rszs_network::{Config, Purpose, image_graph, text_graph};
use rszs_tokenizer::Tokenizer;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::checkpoint::{self, Checkpoint, Origin};
use crate::features::{TeacherSettings, Tiles, targets};
use crate::run::{Progress, Run, tell};
use crate::text_training::{self, TARGET_TEMPLATE, TextSettings, TextTargets, unit_rows};
use crate::{
    AdamW, AdamWSettings, Mode, Parameters, Precision, PromptSettings, RunConfig, Schedule, TextEncoder, TrainError,
    eval, group,
};
use batch::{Batch, Batches, Pool};
use evaluation::Report;

/// The weights, for the next stage.
pub const WEIGHTS: &str = "pretrain.safetensors";
/// What `resume` needs beside them.
pub const STATE: &str = "pretrain_state.safetensors";
/// The table of merges.
pub const TOKENIZER: &str = "tokenizer.json";

/// The parts of the network that this stage trains.
const GROUPS: [&str; 3] = ["vlm", "rsi", "text"];
const IMAGE_OUTPUTS: [&str; 2] = ["vlm_dense", "rsi_tokens"];
const RSI_HEAD: &str = "distill_rsi.weight";
const VLM_HEAD: &str = "distill_vlm.weight";
const LOG_SCALE: &str = "contrast.log_scale";
/// CLIP's start: a temperature of 0.07. Its ceiling is CLIP's too: 100.
const INITIAL_LOG_SCALE: f32 = 2.659_26;
const LARGEST_LOG_SCALE: f64 = 4.605_17;
/// Pictures a pass of an evaluation.
const CHUNK: i64 = 50;
/// Training pictures whose features vote for a scene.
const KNOWN_PICTURES: i64 = 2000;

/// The section `[pretrain]` of a run description.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainSettings {
    /// Seed of weights and batches.
    pub seed: u64,
    /// Side of the pictures; a multiple of the patch side and of the teacher's stride.
    pub tile_px: usize,
    /// Type of the factors of matrix products and convolutions.
    pub precision: Precision,
    /// Pictures with sentences a step.
    pub described: usize,
    /// Crops without sentences a step.
    pub plain: usize,
    /// How well a sentence about another picture of the same scene fits, 0 to 1.
    pub same_scene: f32,
    /// Evaluate after this many steps.
    pub evaluate_every: u64,
    /// Save after this many seconds.
    pub save_every_s: u64,
    /// Weight of each loss.
    pub weights: LossWeights,
    /// The teacher and the crops.
    pub teacher: TeacherSettings,
    /// The text tower's own task.
    pub text: TextSettings,
    /// Learning rate of the steps with pictures.
    pub schedule: Schedule,
    /// Learning rate of the text tower alone.
    pub text_alone: Schedule,
    /// How weights follow gradients.
    pub optimizer: AdamWSettings,
}

/// Factors of the sum that is minimised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossWeights {
    /// Teacher to remote-sensing stream.
    pub rsi_distillation: f64,
    /// Teacher to vision-language stream.
    pub vlm_distillation: f64,
    /// Pictures and sentences.
    pub sentences: f64,
    /// Pictures and scene names.
    pub scenes: f64,
    /// Names and CLIP vectors.
    pub names: f64,
}

/// Trains, or goes on where the last checkpoint in the run's folder stopped.
pub fn pretrain(config: &RunConfig, run: &mut Run) -> Result<(), TrainError> {
    let settings: PretrainSettings = config.section("pretrain")?;
    settings.precision.advice().into_iter().for_each(tell);
    let data = Data::open(config, &settings, run)?;
    let network = config.network().clone().with_tile_px(settings.tile_px);
    let mut stage = Stage::new(&data, &settings, &network)?;
    if run.path(STATE).is_file() {
        stage.restore(run)?;
        tell(&format!("going on after step {}", stage.origin.step));
    }
    stage.train(run)
}

/// Everything that is read before the first step.
struct Data {
    aid_rsicd: AidRsicd,
    train: Pool,
    val: Pool,
    crops: Pool,
    names: TextTargets,
    templates: Vec<String>,
    tokenizer: Tokenizer,
}

impl Data {
    fn open(config: &RunConfig, settings: &PretrainSettings, run: &Run) -> Result<Self, TrainError> {
        let root = &config.data().root;
        let templates = config.section::<PromptSettings>("prompts")?.templates;
        let aid_rsicd = AidRsicd::open(&root.join("aid_rsicd"))?;
        let clip_text = ClipText::open(&root.join("clip_text"))?;
        let words = query_words(root)?;

        let path = run.path(TOKENIZER);
        let tokenizer = if path.is_file() {
            Tokenizer::from_json(&std::fs::read(&path).map_err(TrainError::file(&path))?)?
        } else {
            let vocabulary = config.network().text.vocabulary;
            let tokenizer = text_training::tokenizer(&aid_rsicd, &clip_text.names, &words, &templates, vocabulary);
            checkpoint::write_atomically(&path, &tokenizer.to_json())?;
            tokenizer
        };
        let needed = words.iter().chain(aid_rsicd.scenes()).cloned().collect();
        let names = TextTargets::new(&clip_text, &needed, settings.text.held_out_names, settings.seed)?;

        tell("reading pictures");
        let train = Tiles::aid_rsicd(&aid_rsicd, Split::Train, settings.tile_px)?;
        let val = Tiles::aid_rsicd(&aid_rsicd, Split::Val, settings.tile_px)?;
        let crops = Tiles::crops(root, &settings.teacher, settings.tile_px, settings.seed)?;
        let features = targets(&[&train, &val, &crops], root, &settings.teacher, &run.path(""))?;
        let pool = |tiles: Tiles, part: usize| Pool { tiles: tiles.tiles, targets: features[part].shallow_clone() };
        let (train, val, crops) = (pool(train, 0), pool(val, 1), pool(crops, 2));
        Ok(Self { aid_rsicd, train, val, crops, names, templates, tokenizer })
    }

    /// What [`Report::rsi_scene_neighbours`] is for the teacher itself: the student's upper bound, and the proof that its
    /// weights were read right.
    fn teacher_neighbours(&self) -> Result<f64, TrainError> {
        let mean = |pool: &Pool| pool.targets.f_mean_dim([1].as_slice(), false, Kind::Float);
        let scenes = |split| evaluation::scenes(&self.aid_rsicd, split);
        let (known, queries) = (mean(&self.train)?, mean(&self.val)?);
        evaluation::neighbour_accuracy(&known, &scenes(Split::Train)?, &queries, &scenes(Split::Val)?)
    }
}

/// Every word that the mask sets answer to.
fn query_words(data_root: &Path) -> Result<Vec<String>, TrainError> {
    let mut words = BTreeSet::new();
    for set in catalogue::NAMES {
        let set = catalogue::open(set, data_root)?;
        for concept in set.classes().concepts() {
            words.extend(concept.words().map(str::to_owned));
        }
    }
    Ok(words.into_iter().collect())
}

struct Stage<'a> {
    data: &'a Data,
    settings: &'a PretrainSettings,
    context: usize,
    image: Graph,
    text: Graph,
    parameters: Parameters,
    optimizer: AdamW,
    origin: Origin,
}

impl<'a> Stage<'a> {
    fn new(data: &'a Data, settings: &'a PretrainSettings, network: &Config) -> Result<Self, TrainError> {
        let image = image_graph(network, Purpose::Train)?;
        let text = text_graph(network)?;
        let mut parameters = Parameters::initialise(&[&image, &text], settings.seed, Device::Cpu)?;
        let components = settings.teacher.components;
        for (name, inputs) in [(RSI_HEAD, network.rsi.width), (VLM_HEAD, network.joint_width)] {
            let mut rng = Rng::keyed(&[settings.seed, hash_name(name)]);
            let values: Vec<f32> =
                (0..inputs as i64 * components).map(|_| rng.normal() / (inputs as f32).sqrt()).collect();
            parameters.insert(name, Tensor::f_from_slice(&values)?.f_view([inputs as i64, components])?)?;
        }
        parameters.insert(LOG_SCALE, Tensor::f_from_slice(&[INITIAL_LOG_SCALE])?)?;
        let origin = Origin::new(serde_json::to_string(network)?, "pretrain", settings.seed);
        let optimizer = AdamW::new(settings.optimizer.clone());
        Ok(Self { data, settings, context: network.text.context, image, text, parameters, optimizer, origin })
    }

    fn encoder(&self) -> TextEncoder<'_> {
        TextEncoder { graph: &self.text, tokenizer: &self.data.tokenizer, context: self.context }
    }

    fn embed(&self, texts: &[String], mode: Mode) -> Result<Tensor, TrainError> {
        self.encoder().embed(texts, &self.parameters, mode)
    }

    fn training(&self) -> Mode {
        Mode::Train(self.settings.precision)
    }

    fn train(&mut self, run: &mut Run) -> Result<(), TrainError> {
        self.train_until(self.total_steps(), run)?;
        let report = self.evaluate()?;
        tell(&format!("{report:?}"));
        run.record(&serde_json::json!({ "type": "evaluation", "report": report }))
    }

    fn total_steps(&self) -> u64 {
        self.settings.text_alone.steps + self.settings.schedule.steps
    }

    fn train_until(&mut self, end: u64, run: &mut Run) -> Result<(), TrainError> {
        let settings = self.settings;
        let teacher = self.data.teacher_neighbours()?;
        tell(&format!("teacher: five neighbours name the scene of {teacher:.3} of the held-out pictures"));
        run.record(&serde_json::json!({
            "type": "begin", "step": self.origin.step, "settings": settings, "teacher_scene_neighbours": teacher,
        }))?;
        let batches = Batches {
            aid_rsicd: &self.data.aid_rsicd,
            described: &self.data.train,
            plain: &self.data.crops,
            counts: [settings.described, settings.plain],
            same_scene: settings.same_scene,
            seed: settings.seed,
        };
        let alone = settings.text_alone.steps;
        let mut progress = Progress::start(self.origin.step, self.total_steps(), settings.described + settings.plain);
        let mut saved = Instant::now();
        let mut sums = BTreeMap::<&str, Tensor>::new();
        while self.origin.step < end {
            let step = self.origin.step;
            let (losses, rate) = if step < alone {
                (self.text_losses(step)?, settings.text_alone.at(step))
            } else {
                (self.losses(&batches.at(step - alone)?, step)?, settings.schedule.at(step - alone))
            };
            let sum = losses
                .iter()
                .try_fold(Tensor::from(0.0_f32), |sum, (_, weight, loss)| sum.f_add(&loss.f_mul_scalar(*weight)?))?;
            sum.f_backward()?;
            let gradient_norm = self.optimizer.step(&self.parameters, rate)?;
            self.origin.step += 1;
            progress.advance();
            for (name, _, loss) in losses {
                let loss = loss.f_detach()?;
                let sum = sums.get(name).map_or_else(|| Ok(loss.shallow_clone()), |sum| sum.f_add(&loss))?;
                sums.insert(name, sum);
            }
            let step = self.origin.step;
            if step.is_multiple_of(LOG_EVERY) {
                let means: Result<BTreeMap<&str, f64>, _> = std::mem::take(&mut sums)
                    .into_iter()
                    .map(|(name, sum)| Ok::<_, TrainError>((name, sum.f_double_value(&[])? / LOG_EVERY as f64))) // sync
                    .collect();
                let means = means?;
                let speed = progress.take_images_per_s();
                run.record(&serde_json::json!({
                    "type": "step", "step": step, "learning_rate": rate, "gradient_norm": gradient_norm,
                    "images_per_s": speed, "losses": means,
                }))?;
                progress.show(&format!("{means:.3?}"), speed);
            }
            if saved.elapsed() >= Duration::from_secs(settings.save_every_s) {
                self.save(run)?;
                saved = Instant::now();
            }
            if step == alone || (step > alone && step < end && step.is_multiple_of(settings.evaluate_every)) {
                let report = self.evaluate()?;
                tell(&format!("{report:?}"));
                run.record(&serde_json::json!({ "type": "evaluation", "report": report }))?;
            }
        }
        self.save(run)
    }

    /// Name, weight, value of each loss of a step with names only.
    fn text_losses(&self, step: u64) -> Result<Vec<(&'static str, f64, Tensor)>, TrainError> {
        let (rows, prompts) = self.draw_names(self.settings.text.names_alone, step);
        let embeddings = self.embed(&prompts, self.training())?;
        Ok(vec![("names", 1.0, self.names_loss(&embeddings, &rows)?)])
    }

    fn draw_names(&self, count: usize, step: u64) -> (Vec<usize>, Vec<String>) {
        let mut rng = Rng::keyed(&[self.settings.seed, 4, step]);
        self.data.names.draw(count, &self.settings.text, &self.data.templates, &mut rng)
    }

    fn names_loss(&self, embeddings: &Tensor, rows: &[usize]) -> Result<Tensor, TrainError> {
        let names = &self.data.names;
        let all = names.rows(&names.train)?;
        Ok(text_training::regression_loss(embeddings, &names.rows(rows)?, &all, self.settings.text.temperature)?)
    }

    /// Name, weight, value of each loss of a step with pictures.
    fn losses(&self, batch: &Batch, step: u64) -> Result<Vec<(&'static str, f64, Tensor)>, TrainError> {
        let [vlm_dense, rsi_tokens] = self.image_outputs(&batch.tiles, self.training())?;
        let distillation = |cells: &Tensor, head: &str| -> Result<Tensor, TrainError> {
            Ok(loss::distillation(&cells.f_matmul(self.parameters.get(head)?)?, &batch.targets)?)
        };
        let described = batch.captions.len() as i64;
        let pictures = pooled(&vlm_dense.f_narrow(0, 0, described)?)?;

        let scenes = self.scene_prompts(step);
        let (rows, names) = self.draw_names(self.settings.text.names_beside, step);
        let embeddings = self.embed(&[&batch.captions[..], &scenes, &names].concat(), self.training())?;
        let parts = embeddings.f_split_with_sizes([described, scenes.len() as i64, names.len() as i64], 0)?;
        let scale = self.parameters.get(LOG_SCALE)?.f_clamp_max(LARGEST_LOG_SCALE)?.f_exp()?;

        let weights = &self.settings.weights;
        Ok(vec![
            ("rsi_distillation", weights.rsi_distillation, distillation(&rsi_tokens, RSI_HEAD)?),
            ("vlm_distillation", weights.vlm_distillation, distillation(&vlm_dense, VLM_HEAD)?),
            ("sentences", weights.sentences, loss::contrast(&pictures, &parts[0], &scale, &batch.positives)?),
            ("scenes", weights.scenes, loss::scene_naming(&pictures, &parts[1], &scale, &batch.scenes)?),
            ("names", weights.names, self.names_loss(&parts[2], &rows)?),
        ])
    }

    /// Every scene's name in one template, another each step.
    fn scene_prompts(&self, step: u64) -> Vec<String> {
        let templates = &self.data.templates;
        let template = &templates[step as usize % templates.len()];
        self.data.aid_rsicd.scenes().iter().map(|scene| template.replace("{}", scene)).collect()
    }

    /// `vlm_dense: [N, T, D]` and `rsi_tokens: [N, T, C]`.
    fn image_outputs(&self, tiles: &Tensor, mode: Mode) -> Result<[Tensor; 2], TrainError> {
        let feeds = BTreeMap::from([("tiles", tiles)]);
        let outputs = eval(&self.image, &IMAGE_OUTPUTS, &feeds, &self.parameters, mode)?;
        Ok(IMAGE_OUTPUTS.map(|name| outputs[name].shallow_clone()))
    }

    fn evaluate(&self) -> Result<Report, TrainError> {
        let _guard = tch::no_grad_guard();
        let data = self.data;
        let val = self.known(&data.val, data.val.tiles.size()[0])?;
        let train = self.known(&data.train, KNOWN_PICTURES)?;
        let train_scenes = evaluation::scenes(&data.aid_rsicd, Split::Train)?.f_index_select(0, &train.rows)?;
        let val_scenes = evaluation::scenes(&data.aid_rsicd, Split::Val)?;
        let (sentences, fits) = evaluation::sentences(&data.aid_rsicd, Split::Val)?;
        let scores = val.pictures.f_matmul(&self.embed_all(&sentences)?.f_transpose(0, 1)?)?;
        let naming = val.pictures.f_matmul(&self.scene_vectors()?.f_transpose(0, 1)?)?;

        let held_out: Vec<String> =
            data.names.held_out.iter().map(|&row| TARGET_TEMPLATE.replace("{}", &data.names.names[row])).collect();
        let text = text_training::report(&self.embed_all(&held_out)?, &data.names.rows(&data.names.held_out)?)?;
        let by_sentence = (scores.f_transpose(0, 1)?, fits.f_transpose(0, 1)?);
        Ok(Report {
            step: self.origin.step,
            rsi_teacher_cosine: val.teacher_cosines[1],
            vlm_teacher_cosine: val.teacher_cosines[0],
            rsi_scene_neighbours: evaluation::neighbour_accuracy(&train.rsi, &train_scenes, &val.rsi, &val_scenes)?,
            scene_naming: evaluation::naming_accuracy(&naming, &val_scenes)?,
            sentence_at_1: evaluation::recall(&scores, &fits, 1)?,
            sentence_at_5: evaluation::recall(&scores, &fits, 5)?,
            picture_at_1: evaluation::recall(&by_sentence.0, &by_sentence.1, 1)?,
            picture_at_5: evaluation::recall(&by_sentence.0, &by_sentence.1, 5)?,
            text,
        })
    }

    /// Mean of the unit vectors of all templates, as the exporter embeds a class. `[S, D]`.
    fn scene_vectors(&self) -> Result<Tensor, TrainError> {
        let mut vectors = Vec::new();
        for scene in self.data.aid_rsicd.scenes() {
            let prompts: Vec<String> =
                self.data.templates.iter().map(|template| template.replace("{}", scene)).collect();
            vectors.push(self.embed_all(&prompts)?.f_mean_dim([0].as_slice(), false, Kind::Float)?);
        }
        Ok(unit_rows(&Tensor::f_stack(&vectors, 0)?)?)
    }

    fn embed_all(&self, texts: &[String]) -> Result<Tensor, TrainError> {
        let parts: Result<Vec<Tensor>, TrainError> =
            texts.chunks(CHUNK as usize).map(|texts| self.embed(texts, Mode::Evaluate)).collect();
        Ok(Tensor::f_cat(&parts?, 0)?)
    }

    /// What the streams make of `count` pictures, spread evenly over a pool.
    fn known(&self, pool: &Pool, count: i64) -> Result<Known, TrainError> {
        let total = pool.tiles.size()[0];
        let count = count.min(total);
        let rows: Vec<i64> = (0..count).map(|row| row * total / count).collect();
        let rows = Tensor::f_from_slice(&rows)?;
        let (mut rsi, mut pictures, mut cosines) = (Vec::new(), Vec::new(), [0.0; 2]);
        for chunk in rows.f_split(CHUNK, 0)? {
            let outputs = self.image_outputs(&pool.tiles.f_index_select(0, &chunk)?, Mode::Evaluate)?;
            let target = pool.targets.f_index_select(0, &chunk)?.f_to_kind(Kind::Float)?;
            for ((output, head), sum) in outputs.iter().zip([VLM_HEAD, RSI_HEAD]).zip(&mut cosines) {
                let predicted = output.f_matmul(self.parameters.get(head)?)?;
                let cosine = Tensor::f_cosine_similarity(&predicted, &target, -1, 1e-6)?.f_mean(Kind::Float)?;
                *sum += cosine.f_double_value(&[])? * chunk.size()[0] as f64 / count as f64;
            }
            pictures.push(pooled(&outputs[0])?);
            rsi.push(outputs[1].f_mean_dim([1].as_slice(), false, Kind::Float)?);
        }
        Ok(Known {
            rows,
            rsi: Tensor::f_cat(&rsi, 0)?,
            pictures: Tensor::f_cat(&pictures, 0)?,
            teacher_cosines: cosines,
        })
    }

    fn save(&self, run: &Run) -> Result<(), TrainError> {
        let weights = self.parameters.iter().filter(|(name, _)| GROUPS.contains(&group(name)));
        checkpoint::save_tensors(&run.path(WEIGHTS), weights, &self.origin)?;
        let state: Vec<(String, &Tensor)> = self.optimizer.state().collect();
        let others = self.parameters.iter().filter(|(name, _)| is_scaffold(name));
        let all = state.iter().map(|(name, tensor)| (name.as_str(), *tensor)).chain(others);
        checkpoint::save_tensors(&run.path(STATE), all, &self.origin)
    }

    fn restore(&mut self, run: &Run) -> Result<(), TrainError> {
        let weights = Checkpoint::read(&run.path(WEIGHTS))?;
        let step = weights.load_group_into(&mut self.parameters, |name| GROUPS.contains(&group(name)))?.step;
        let state = Checkpoint::read(&run.path(STATE))?;
        if state.origin.step != step {
            return Err(TrainError::Checkpoint {
                path: state.path,
                expected: format!("the state after step {step}, which the weights are of"),
                found: format!("step {}", state.origin.step),
                hint: "the run was stopped between two files; start again",
            });
        }
        self.optimizer.restore(&state.tensors, step)?;
        for (name, tensor) in state.tensors.into_iter().filter(|(name, _)| is_scaffold(name)) {
            self.parameters.insert(&name, tensor)?;
        }
        self.origin.step = step;
        Ok(())
    }
}

/// What the streams make of some pictures.
struct Known {
    /// Rows of the pool.
    rows: Tensor,
    /// Mean token, `[N, C]`.
    rsi: Tensor,
    /// `[N, D]`, rows of length 1.
    pictures: Tensor,
    /// Of the vision-language stream and of the remote-sensing stream.
    teacher_cosines: [f64; 2],
}

/// Steps between two lines of metrics.
const LOG_EVERY: u64 = 20;

/// Whether a parameter only serves this stage.
fn is_scaffold(name: &str) -> bool {
    [RSI_HEAD, VLM_HEAD, LOG_SCALE].contains(&name)
}

/// The mean of the cells, of length 1: `[N, T, D] -> [N, D]`.
fn pooled(dense: &Tensor) -> Result<Tensor, TrainError> {
    Ok(unit_rows(&dense.f_mean_dim([1].as_slice(), false, Kind::Float)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rszs_data::fixtures;
    use std::path::Path;

    const TILE_PX: usize = 64;
    const COMPONENTS: i64 = 3;

    fn network() -> Config {
        let mut network = Config::nano().with_tile_px(TILE_PX);
        for stream in [&mut network.vlm, &mut network.rsi] {
            (stream.width, stream.layers, stream.heads) = (16, 2, 2);
        }
        network.vlm_taps = [0, 0];
        network.joint_width = 4;
        network.text = rszs_network::TextConfig { vocabulary: 600, context: 12, width: 8, layers: 1, heads: 1 };
        network
    }

    fn settings(steps: u64) -> PretrainSettings {
        let schedule = Schedule { peak: 1e-2, floor_fraction: 0.5, warmup_steps: 1, steps };
        PretrainSettings {
            precision: Precision::Float32,
            seed: 5,
            tile_px: TILE_PX,
            described: 8,
            plain: 2,
            same_scene: 0.3,
            evaluate_every: 1000,
            save_every_s: 1000,
            weights: LossWeights {
                rsi_distillation: 1.0,
                vlm_distillation: 1.0,
                sentences: 1.0,
                scenes: 1.0,
                names: 1.0,
            },
            teacher: TeacherSettings {
                weights: String::new(),
                components: COMPONENTS,
                whitening: 0.5,
                crops_per_set: 0,
                crop_side_px: [8, 8],
            },
            text: TextSettings {
                held_out_names: 1,
                target_template_share: 0.5,
                names_alone: 2,
                names_beside: 2,
                temperature: 0.1,
            },
            schedule,
            text_alone: Schedule { steps: 2, ..schedule },
            optimizer: AdamWSettings {
                beta1: 0.9,
                beta2: 0.98,
                epsilon: 1e-8,
                weight_decay: 0.05,
                max_gradient_norm: 1.0,
                learning_rate_factors: BTreeMap::new(),
            },
        }
    }

    fn pool(count: usize, seed: u64) -> Pool {
        let mut rng = Rng::new(seed);
        let (count, side, cells) = (count as i64, TILE_PX as i64, (TILE_PX / 16).pow(2) as i64);
        let bytes: Vec<u8> = (0..count * side * side * 3).map(|_| rng.below(256) as u8).collect();
        let features: Vec<f32> = (0..count * cells * COMPONENTS).map(|_| rng.normal()).collect();
        Pool {
            tiles: Tensor::from_slice(&bytes).reshape([count, side, side, 3]),
            targets: Tensor::from_slice(&features).reshape([count, cells, COMPONENTS]).to_kind(Kind::Half),
        }
    }

    fn data(folder: &Path) -> Data {
        let aid_rsicd = AidRsicd::open(&fixtures::aid_rsicd(folder).unwrap()).unwrap();
        let clip_text = ClipText::open(&fixtures::clip_text(folder).unwrap()).unwrap();
        let needed = BTreeSet::from(["river".to_owned()]);
        let count = |split| aid_rsicd.pictures().len(split);
        Data {
            train: pool(count(Split::Train), 1),
            val: pool(count(Split::Val), 2),
            crops: pool(4, 3),
            names: TextTargets::new(&clip_text, &needed, 1, 5).unwrap(),
            templates: vec!["a {}".to_owned(), "{} from above".to_owned()],
            tokenizer: text_training::tokenizer(&aid_rsicd, &clip_text.names, &[], &[], 600),
            aid_rsicd,
        }
    }

    /// The weights after a run to the end in `folder`.
    fn run_in(folder: &Path, data: &Data, steps: u64, stop_after: Option<u64>) -> BTreeMap<String, Tensor> {
        let settings = settings(steps);
        let mut run = Run::open(folder).unwrap();
        let mut stage = Stage::new(data, &settings, &network()).unwrap();
        if run.path(STATE).is_file() {
            stage.restore(&run).unwrap();
        }
        if let Some(stop_after) = stop_after {
            stage.train_until(stop_after, &mut run).unwrap();
        } else {
            stage.train(&mut run).unwrap();
        }
        Checkpoint::read(&run.path(WEIGHTS)).unwrap().tensors
    }

    #[test]
    fn a_run_that_was_interrupted_ends_with_the_same_weights() {
        let folder = tempfile::tempdir().unwrap();
        let data = data(folder.path());
        let whole = run_in(&folder.path().join("whole"), &data, 3, None);
        let parts = folder.path().join("parts");
        run_in(&parts, &data, 3, Some(1));
        run_in(&parts, &data, 3, Some(4));
        let parts = run_in(&parts, &data, 3, None);
        assert!(whole.keys().eq(parts.keys()));
        for (name, tensor) in &whole {
            assert!(tensor.equal(&parts[name]), "{name} differs");
        }
    }

    #[test]
    fn the_weights_are_the_three_towers_only_and_every_one_of_them_moves() {
        let folder = tempfile::tempdir().unwrap();
        let data = data(folder.path());
        let settings = settings(2);
        let mut run = Run::open(&folder.path().join("run")).unwrap();
        let mut stage = Stage::new(&data, &settings, &network()).unwrap();
        let start = stage.parameters.detached_copy().unwrap();
        stage.train(&mut run).unwrap();
        let weights = Checkpoint::read(&run.path(WEIGHTS)).unwrap().tensors;
        let expected: Vec<&str> =
            start.iter().map(|(name, _)| name).filter(|name| GROUPS.contains(&group(name))).collect();
        assert!(weights.keys().eq(expected));
        let still: Vec<&String> = weights
            .iter()
            .filter(|(name, tensor)| tensor.equal(start.get(name).unwrap()))
            .map(|(name, _)| name)
            .collect();
        assert!(still.is_empty(), "no step reached {still:?}");
    }

    #[test]
    fn pooled_cells_have_length_one() {
        let dense = Tensor::from_slice(&[3.0_f32, 0.0, 0.0, 4.0]).reshape([1, 2, 2]);
        let pooled = pooled(&dense).unwrap();
        assert!((pooled.double_value(&[0, 0]) - 0.6).abs() < 1e-6 && (pooled.double_value(&[0, 1]) - 0.8).abs() < 1e-6);
    }
}
