//! What a stage knows about images, sentences and names that it was not trained on.

use rszs_data::Split;
use tch::{Kind, Tensor};

use super::batch::Pool;
use super::evaluation::{self, Report};
use super::{RSI_HEAD, Stage, VLM_HEAD, pooled};
use crate::device::upload;
use crate::pretrain::text_training::{self, TARGET_TEMPLATE, unit_rows};
use crate::{Mode, TrainError};

/// Images a pass of an evaluation.
const CHUNK: i64 = 50;
/// Training images whose features vote for a scene.
const KNOWN_IMAGES: i64 = 2000;

impl Stage<'_> {
    pub(super) fn evaluate(&self) -> Result<Report, TrainError> {
        let _guard = tch::no_grad_guard();
        let data = self.data;
        let val = self.known(&data.val, data.val.tiles.size()[0])?;
        let train = self.known(&data.train, KNOWN_IMAGES)?;
        let train_scenes =
            evaluation::scenes(&data.aid_rsicd, Split::Train)?.f_index_select(0, &train.rows)?;
        let val_scenes = evaluation::scenes(&data.aid_rsicd, Split::Val)?;
        let (sentences, fits) = evaluation::sentences(&data.aid_rsicd, Split::Val)?;
        let scores = val.images.f_matmul(&self.embed_all(&sentences)?.f_transpose(0, 1)?)?;
        let naming = val.images.f_matmul(&self.scene_vectors()?.f_transpose(0, 1)?)?;

        let held_out: Vec<String> = data
            .names
            .held_out
            .iter()
            .map(|&row| TARGET_TEMPLATE.replace("{}", &data.names.names[row]))
            .collect();
        let text = text_training::report(
            &self.embed_all(&held_out)?,
            &data.names.rows(&data.names.held_out)?,
        )?;
        let by_sentence = (scores.f_transpose(0, 1)?, fits.f_transpose(0, 1)?);
        Ok(Report {
            step: self.origin.step,
            rsi_teacher_cosine: val.teacher_cosines[1],
            vlm_teacher_cosine: val.teacher_cosines[0],
            rsi_scene_neighbours: evaluation::neighbour_accuracy(
                &train.rsi,
                &train_scenes,
                &val.rsi,
                &val_scenes,
            )?,
            scene_naming: evaluation::naming_accuracy(&naming, &val_scenes)?,
            sentence_at_1: evaluation::recall(&scores, &fits, 1)?,
            sentence_at_5: evaluation::recall(&scores, &fits, 5)?,
            image_at_1: evaluation::recall(&by_sentence.0, &by_sentence.1, 1)?,
            image_at_5: evaluation::recall(&by_sentence.0, &by_sentence.1, 5)?,
            text,
        })
    }

    /// Mean of the unit vectors of all templates, as the exporter embeds a class. `[S, D]`.
    fn scene_vectors(&self) -> Result<Tensor, TrainError> {
        let mut vectors = Vec::new();
        for scene in self.data.aid_rsicd.scenes() {
            let prompts: Vec<String> =
                self.data.templates.iter().map(|template| template.replace("{}", scene)).collect();
            vectors.push(self.embed_all(&prompts)?.f_mean_dim(
                [0].as_slice(),
                false,
                Kind::Float,
            )?);
        }
        Ok(unit_rows(&Tensor::f_stack(&vectors, 0)?)?)
    }

    fn embed_all(&self, texts: &[String]) -> Result<Tensor, TrainError> {
        let parts: Result<Vec<Tensor>, TrainError> =
            texts.chunks(CHUNK as usize).map(|texts| self.embed(texts, Mode::Evaluate)).collect();
        Ok(Tensor::f_cat(&parts?, 0)?)
    }

    /// What the streams make of `count` images, spread evenly over a pool.
    fn known(&self, pool: &Pool, count: i64) -> Result<Known, TrainError> {
        let total = pool.tiles.size()[0];
        let count = count.min(total);
        let rows: Vec<i64> = (0..count).map(|row| row * total / count).collect();
        let rows = Tensor::f_from_slice(&rows)?;
        let (mut rsi, mut images, mut cosines) = (Vec::new(), Vec::new(), [0.0; 2]);
        for chunk in rows.f_split(CHUNK, 0)? {
            let device = self.parameters.device();
            let [tiles, target] = [&pool.tiles, &pool.targets]
                .map(|all| upload(&all.f_index_select(0, &chunk)?, device));
            let outputs = self.image_outputs(&tiles?, Mode::Evaluate)?;
            let target = target?.f_to_kind(Kind::Float)?;
            for ((output, head), sum) in outputs.iter().zip([VLM_HEAD, RSI_HEAD]).zip(&mut cosines)
            {
                let predicted = output.f_matmul(self.parameters.get(head)?)?;
                let cosine = Tensor::f_cosine_similarity(&predicted, &target, -1, 1e-6)?
                    .f_mean(Kind::Float)?;
                // sync: twice a chunk
                *sum += cosine.f_double_value(&[])? * chunk.size()[0] as f64 / count as f64;
            }
            images.push(pooled(&outputs[0])?);
            rsi.push(outputs[1].f_mean_dim([1].as_slice(), false, Kind::Float)?);
        }
        Ok(Known {
            rows,
            rsi: Tensor::f_cat(&rsi, 0)?,
            images: Tensor::f_cat(&images, 0)?,
            teacher_cosines: cosines,
        })
    }
}

/// What the streams make of some images.
struct Known {
    /// Rows of the pool.
    rows: Tensor,
    /// Mean token, `[N, C]`.
    rsi: Tensor,
    /// `[N, D]`, rows of length 1.
    images: Tensor,
    /// Of the vision-language stream and of the remote-sensing stream.
    teacher_cosines: [f64; 2],
}
