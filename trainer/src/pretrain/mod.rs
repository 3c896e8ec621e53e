//! The first stage: both image streams and the text tower, before any mask.
//!
//! One loop, five losses. Each stream reproduces a teacher's features cell by cell through a linear
//! map that is thrown away afterwards; the text tower reproduces real CLIP text vectors; images
//! and their sentences, and images and the names of their scenes, are brought together. Letters:
//! N images, T cells, C channels, D joint width, P components of the teacher.

pub mod batch;
mod data;
pub mod evaluation;
pub mod features;
mod held_out;
pub mod loss;
pub mod teacher;
pub mod text_training;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rszs_data::Rng;
use rszs_data::rng::hash_name;
use rszs_graph::Graph;
use rszs_network::{Config, Purpose, image_graph, text_graph};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::checkpoint::{self, Checkpoint, Origin};
use crate::device::device_memory::DeviceMemory;
use crate::device::upload;
use crate::pretrain::features::TeacherSettings;
use crate::pretrain::text_training::{TextSettings, unit_rows};
use crate::run::{Run, tell};
use crate::{
    AdamW, AdamWSettings, Mode, Parameters, Precision, Progress, RunConfig, Schedule, TextEncoder,
    TrainError, eval, group,
};
use batch::{Batch, Batches};
use data::Data;

/// The weights, for the next stage.
pub const WEIGHTS: &str = "pretrain.safetensors";
/// What `resume` needs beside them.
pub const STATE: &str = "pretrain_state.safetensors";

/// The parts of the network that this stage trains: the towers, and the stem of presets that have
/// one.
const GROUPS: [&str; 4] = ["stem", "vlm", "rsi", "text"];
const IMAGE_OUTPUTS: [&str; 2] = ["vlm_dense", "rsi_tokens"];
const RSI_HEAD: &str = "distill_rsi.weight";
const VLM_HEAD: &str = "distill_vlm.weight";
const LOG_SCALE: &str = "contrast.log_scale";
/// CLIP's start: a temperature of 0.07. Its ceiling is CLIP's too: 100.
const INITIAL_LOG_SCALE: f32 = 2.659_26;
const LARGEST_LOG_SCALE: f64 = 4.605_17;
/// The section `[pretrain]` of a run description.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainSettings {
    /// Seed of weights and batches.
    pub seed: u64,
    /// Side of the images; a multiple of the patch side and of the teacher's stride.
    pub tile_px: usize,
    /// Type of the factors of matrix products and convolutions.
    pub precision: Precision,
    /// Images with sentences a step.
    pub described: usize,
    /// Crops without sentences a step.
    pub plain: usize,
    /// How well a sentence about another image of the same scene fits, 0 to 1.
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
    /// Learning rate of the steps with images.
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
    /// Images and sentences.
    pub sentences: f64,
    /// Images and scene names.
    pub scenes: f64,
    /// Names and CLIP vectors.
    pub names: f64,
}

/// Trains on `device`, or goes on where the last checkpoint in the run's folder stopped.
pub fn pretrain(config: &RunConfig, run: &mut Run, device: Device) -> Result<(), TrainError> {
    let settings: PretrainSettings = config.section("pretrain")?;
    if settings.precision == Precision::Float16 {
        let reason = "[pretrain] precision: expected float32, tf32 or bfloat16, found float16, \
            whose loss only [train] scales";
        return Err(config.invalid(reason.to_owned()));
    }
    run.lock()?;
    settings.precision.prepare(device).into_iter().for_each(tell);
    let data = Data::open(config, &settings, run, device)?;
    let network = config.network().clone().with_tile_px(settings.tile_px);
    let mut stage = Stage::new(&data, &settings, &network, device)?;
    if run.path(STATE).is_file() {
        stage.restore(run)?;
        tell(&format!("going on after step {}", stage.origin.step));
    }
    run.forget_after(stage.origin.step)?;
    stage.train(run)
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
    fn new(
        data: &'a Data,
        settings: &'a PretrainSettings,
        network: &Config,
        device: Device,
    ) -> Result<Self, TrainError> {
        let image = image_graph(network, Purpose::Train)?;
        let text = text_graph(network)?;
        let mut parameters = Parameters::initialise(&[&image, &text], settings.seed, device)?;
        let components = settings.teacher.components;
        for (name, inputs) in [(RSI_HEAD, network.rsi.width), (VLM_HEAD, network.joint_width)] {
            let mut rng = Rng::keyed(&[settings.seed, hash_name(name)]);
            let values: Vec<f32> = (0..inputs as i64 * components)
                .map(|_| rng.normal() / (inputs as f32).sqrt())
                .collect();
            parameters.insert(
                name,
                Tensor::f_from_slice(&values)?.f_view([inputs as i64, components])?,
            )?;
        }
        parameters.insert(LOG_SCALE, Tensor::f_from_slice(&[INITIAL_LOG_SCALE])?)?;
        let origin = checkpoint::origin(serde_json::to_string(network)?, "pretrain", settings.seed);
        let optimizer = AdamW::new(settings.optimizer.clone());
        Ok(Self {
            data,
            settings,
            context: network.text.context,
            image,
            text,
            parameters,
            optimizer,
            origin,
        })
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
        run.record(&serde_json::json!({
            "type": "evaluation", "step": self.origin.step, "report": report,
        }))
    }

    fn total_steps(&self) -> u64 {
        self.settings.text_alone.steps + self.settings.schedule.steps
    }

    fn train_until(&mut self, end: u64, run: &mut Run) -> Result<(), TrainError> {
        let settings = self.settings;
        let teacher = self.data.teacher_neighbours()?;
        tell(&format!(
            "teacher: five neighbours name the scene of {teacher:.3} of the held-out images"
        ));
        run.record(&serde_json::json!({
            "type": "begin", "step": self.origin.step, "settings": settings,
            "teacher_scene_neighbours": teacher,
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
        let mut progress = Progress::start(
            self.origin.step,
            self.total_steps(),
            settings.described + settings.plain,
        );
        let mut memory = DeviceMemory::of(self.parameters.device())?;
        let mut saved = Instant::now();
        let mut sums = BTreeMap::<&str, Tensor>::new();
        while self.origin.step < end {
            let step = self.origin.step;
            let (losses, rate) = if step < alone {
                (self.text_losses(step)?, settings.text_alone.at(step))
            } else {
                (
                    self.losses(&batches.at(step - alone)?.on(self.parameters.device())?, step)?,
                    settings.schedule.at(step - alone),
                )
            };
            let nothing = upload(&Tensor::from(0.0_f32), self.parameters.device())?;
            let sum = losses.iter().try_fold(nothing, |sum, (_, weight, loss)| {
                sum.f_add(&loss.f_mul_scalar(*weight)?)
            })?;
            sum.f_backward()?;
            let gradient_norm = self.optimizer.step(&self.parameters, rate)?;
            self.origin.step += 1;
            progress.advance();
            for (name, _, loss) in losses {
                let loss = loss.f_detach()?;
                let sum = sums
                    .get(name)
                    .map_or_else(|| Ok(loss.shallow_clone()), |sum| sum.f_add(&loss))?;
                sums.insert(name, sum);
            }
            let step = self.origin.step;
            if step.is_multiple_of(LOG_EVERY) {
                let means: Result<BTreeMap<&str, f64>, _> = std::mem::take(&mut sums)
                    .into_iter()
                    .map(|(name, sum)| {
                        Ok::<_, TrainError>((name, sum.f_double_value(&[])? / LOG_EVERY as f64))
                    }) // sync
                    .collect();
                let means = means?;
                let speed = progress.take_images_per_s();
                let device_memory = memory.look()?;
                let mut record = serde_json::json!({
                    "type": "step", "step": step, "learning_rate": rate,
                    "gradient_norm": gradient_norm, "images_per_s": speed, "losses": means,
                });
                if let Some(device) = device_memory {
                    record["device_used_bytes"] = device.used_bytes.into();
                    record["device_peak_used_bytes"] = device.peak_bytes.into();
                }
                run.record(&record)?;
                progress.show(&format!("{means:.3?}"), speed, device_memory);
            }
            if saved.elapsed() >= Duration::from_secs(settings.save_every_s) {
                self.save(run)?;
                saved = Instant::now();
            }
            if step == alone
                || (step > alone && step < end && step.is_multiple_of(settings.evaluate_every))
            {
                let report = self.evaluate()?;
                tell(&format!("{report:?}"));
                run.record(
                    &serde_json::json!({ "type": "evaluation", "step": step, "report": report }),
                )?;
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
        Ok(text_training::regression_loss(
            embeddings,
            &names.rows(rows)?,
            &all,
            self.settings.text.temperature,
        )?)
    }

    /// Name, weight, value of each loss of a step with images.
    fn losses(
        &self,
        batch: &Batch,
        step: u64,
    ) -> Result<Vec<(&'static str, f64, Tensor)>, TrainError> {
        let [vlm_dense, rsi_tokens] = self.image_outputs(&batch.tiles, self.training())?;
        let distillation = |cells: &Tensor, head: &str| -> Result<Tensor, TrainError> {
            Ok(loss::distillation(&cells.f_matmul(self.parameters.get(head)?)?, &batch.targets)?)
        };
        let described = batch.captions.len() as i64;
        let images = pooled(&vlm_dense.f_narrow(0, 0, described)?)?;

        let scenes = self.scene_prompts(step);
        let (rows, names) = self.draw_names(self.settings.text.names_beside, step);
        let embeddings =
            self.embed(&[&batch.captions[..], &scenes, &names].concat(), self.training())?;
        let parts = embeddings
            .f_split_with_sizes([described, scenes.len() as i64, names.len() as i64], 0)?;
        let scale = self.parameters.get(LOG_SCALE)?.f_clamp_max(LARGEST_LOG_SCALE)?.f_exp()?;

        let weights = &self.settings.weights;
        Ok(vec![
            ("rsi_distillation", weights.rsi_distillation, distillation(&rsi_tokens, RSI_HEAD)?),
            ("vlm_distillation", weights.vlm_distillation, distillation(&vlm_dense, VLM_HEAD)?),
            (
                "sentences",
                weights.sentences,
                loss::contrast(&images, &parts[0], &scale, &batch.positives)?,
            ),
            (
                "scenes",
                weights.scenes,
                loss::scene_naming(&images, &parts[1], &scale, &batch.scenes)?,
            ),
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

    fn save(&self, run: &Run) -> Result<(), TrainError> {
        run.sync()?;
        let weights = self.parameters.iter().filter(|(name, _)| GROUPS.contains(&group(name)));
        checkpoint::save_tensors(&run.path(WEIGHTS), weights, &self.origin)?;
        let state: Vec<(String, &Tensor)> = self.optimizer.state().collect();
        let others = self.parameters.iter().filter(|(name, _)| is_scaffold(name));
        let all = state.iter().map(|(name, tensor)| (name.as_str(), *tensor)).chain(others);
        checkpoint::save_tensors(&run.path(STATE), all, &self.origin)
    }

    fn restore(&mut self, run: &Run) -> Result<(), TrainError> {
        let weights = Checkpoint::read(&run.path(WEIGHTS))?;
        let step = weights
            .load_group_into(&mut self.parameters, |name| GROUPS.contains(&group(name)))?
            .step;
        let state = Checkpoint::read(&run.path(STATE))?;
        if state.origin.step != step {
            return Err(TrainError::Checkpoint {
                path: state.path,
                expected: format!("the state after step {step}, which the weights are of"),
                found: format!("step {}", state.origin.step),
                hint: "the run was stopped between two files; start again",
            });
        }
        self.optimizer.restore(&state.tensors, step, 0, &self.parameters)?;
        for (name, tensor) in state.tensors.into_iter().filter(|(name, _)| is_scaffold(name)) {
            self.parameters.insert(&name, tensor)?;
        }
        self.origin.step = step;
        Ok(())
    }
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
mod tests;
