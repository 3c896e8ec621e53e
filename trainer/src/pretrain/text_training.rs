//! Teaches the text tower the geometry of real CLIP text vectors.
//!
//! CLIP's text vectors share one large component (the mean cosine of two unrelated names is far
//! above 0), so a tower that outputs the mean scores a high cosine and knows nothing. Targets are
//! therefore centred: the mean over all names is taken off and the rest is made unit length again.
//! Letters: K prompts, M names, D joint width.

use std::collections::BTreeSet;

use rszs_data::{AidRsicd, ClipText, Rng, Split};
use rszs_tokenizer::Tokenizer;
use rszs_tokenizer::train::train_merges;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Reduction, TchError, Tensor};

use crate::TrainError;
use crate::device::upload;

/// The prompt that the targets were made with.
pub const TARGET_TEMPLATE: &str = "a {}";

/// How the tower learns from names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextSettings {
    /// Names that are never trained on, for the report.
    pub held_out_names: usize,
    /// Share of names in [`TARGET_TEMPLATE`]; the others are drawn from the run's templates.
    pub target_template_share: f32,
    /// Names a step when nothing else is trained.
    pub names_alone: usize,
    /// Names a step beside images.
    pub names_beside: usize,
    /// Divides cosines before the softmax over all names.
    pub temperature: f64,
}

/// Names and their centred CLIP vectors.
#[derive(Debug)]
pub struct TextTargets {
    /// All names, sorted as in the data set.
    pub names: Vec<String>,
    /// `[M, D]`, rows of length 1.
    pub vectors: Tensor,
    /// Rows to learn from.
    pub train: Vec<usize>,
    /// Rows for the report.
    pub held_out: Vec<usize>,
}

impl TextTargets {
    /// Centres the vectors and holds names out. A name that the imagery needs (it occurs in
    /// `needed`) is never held out: the towers must know it, and it would be learnt from captions
    /// anyway.
    pub fn new(
        text: &ClipText,
        needed: &BTreeSet<String>,
        held_out: usize,
        seed: u64,
    ) -> Result<Self, TrainError> {
        let raw = Tensor::f_from_slice(&text.vectors)?.f_view([-1, text.width as i64])?;
        let centred = raw.f_sub(&raw.f_mean_dim([0].as_slice(), true, Kind::Float)?)?;
        let vectors = unit_rows(&centred)?;
        let mut rng = Rng::keyed(&[seed, rszs_data::rng::hash_name("held-out names")]);
        let mut candidates: Vec<usize> =
            (0..text.names.len()).filter(|&row| !needed.contains(&text.names[row])).collect();
        let mut chosen = BTreeSet::new();
        for _ in 0..held_out.min(candidates.len()) {
            chosen.insert(candidates.swap_remove(rng.below(candidates.len())));
        }
        let (held_out, train) = (0..text.names.len()).partition(|row| chosen.contains(row));
        Ok(Self { names: text.names.clone(), vectors, train, held_out })
    }

    /// The vectors of some rows, `[rows, D]`.
    pub fn rows(&self, rows: &[usize]) -> Result<Tensor, TrainError> {
        let rows: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
        Ok(self
            .vectors
            .f_index_select(0, &upload(&Tensor::f_from_slice(&rows)?, self.vectors.device())?)?)
    }

    /// The same with the vectors on `device`.
    pub fn on(mut self, device: Device) -> Result<Self, TrainError> {
        self.vectors = upload(&self.vectors, device)?;
        Ok(self)
    }

    /// Random training rows, with repetition, and a prompt for each.
    pub fn draw(
        &self,
        count: usize,
        settings: &TextSettings,
        templates: &[String],
        rng: &mut Rng,
    ) -> (Vec<usize>, Vec<String>) {
        (0..count)
            .map(|_| {
                let row = self.train[rng.below(self.train.len())];
                let template = if rng.chance(settings.target_template_share) || templates.is_empty()
                {
                    TARGET_TEMPLATE
                } else {
                    &templates[rng.below(templates.len())]
                };
                (row, template.replace("{}", &self.names[row]))
            })
            .unzip()
    }
}

/// `x / ‖x‖` over the last axis.
pub fn unit_rows(x: &Tensor) -> Result<Tensor, TchError> {
    x.f_div(&x.f_norm_scalaropt_dim(2, [-1], true)?.f_clamp_min(1e-6)?)
}

/// `1 - cosine` to the own target, plus the cross-entropy between two distributions over all names:
/// what the target and what the embedding is close to. `embeddings`, `own: [K, D]`; `all: [M, D]`;
/// rows of unit length.
pub fn regression_loss(
    embeddings: &Tensor,
    own: &Tensor,
    all: &Tensor,
    temperature: f64,
) -> Result<Tensor, TchError> {
    let cosine = embeddings.f_mul(own)?.f_sum_dim_intlist([-1].as_slice(), false, Kind::Float)?;
    let direction = cosine.f_neg()?.f_add_scalar(1.0)?.f_mean(Kind::Float)?;
    let logits = |x: &Tensor| x.f_matmul(&all.f_transpose(0, 1)?)?.f_div_scalar(temperature);
    let wanted = logits(own)?.f_softmax(-1, Kind::Float)?;
    let neighbours = logits(embeddings)?.f_cross_entropy_loss::<Tensor>(
        &wanted,
        None,
        Reduction::Mean,
        -100,
        0.0,
    )?;
    direction.f_add(&neighbours)
}

/// How well held-out names are understood.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TextReport {
    /// Mean cosine to the own centred vector; 0 for a tower that only knows the mean.
    pub cosine: f64,
    /// Share of names whose own vector is the nearest among all held-out ones.
    pub top1: f64,
    /// Share of names whose own vector is among the five nearest.
    pub top5: f64,
}

/// `embeddings`, `targets: [K, D]`, row by row the same names.
pub fn report(embeddings: &Tensor, targets: &Tensor) -> Result<TextReport, TchError> {
    let cosines = embeddings.f_matmul(&targets.f_transpose(0, 1)?)?;
    let own = cosines.f_diagonal(0, 0, 1)?;
    let better = cosines.f_gt_tensor(&own.f_unsqueeze(1)?)?.f_sum_dim_intlist(
        [1].as_slice(),
        false,
        Kind::Int64,
    )?;
    let within = |rank: i64| better.f_lt(rank)?.f_mean(Kind::Double)?.f_double_value(&[]);
    Ok(TextReport {
        cosine: own.f_mean(Kind::Double)?.f_double_value(&[])?,
        top1: within(1)?,
        top5: within(5)?,
    })
}

/// Our own table of merges, learnt from the sentences, scenes, queries, names and templates that
/// training reads.
pub fn tokenizer(
    aid_rsicd: &AidRsicd,
    names: &[String],
    words: &[String],
    templates: &[String],
    vocabulary: usize,
) -> Tokenizer {
    let captions = (0..aid_rsicd.images().len(Split::Train))
        .flat_map(|index| aid_rsicd.captions(Split::Train, index));
    let corpus = captions.chain(aid_rsicd.scenes()).chain(names).chain(words).chain(templates);
    train_merges(corpus.map(String::as_str), vocabulary)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rounding of a few operations in f32.
    const FLOAT32: f64 = 1e-5;

    fn rows(values: &[f32]) -> Tensor {
        Tensor::from_slice(values).reshape([-1, 2])
    }

    fn clip_text() -> ClipText {
        let names = ["river", "bridge", "tank", "ship"].map(str::to_owned).to_vec();
        // A large common component in the first place.
        let vectors = vec![0.96, 0.28, 0.0, 0.96, -0.28, 0.0, 0.96, 0.0, 0.28, 0.96, 0.0, -0.28];
        ClipText { names, width: 3, vectors }
    }

    #[test]
    fn targets_lose_what_all_names_share() {
        let targets = TextTargets::new(&clip_text(), &BTreeSet::new(), 0, 1).unwrap();
        let cosines = targets.vectors.matmul(&targets.vectors.tr());
        assert!((cosines.double_value(&[0, 1]) + 1.0).abs() < FLOAT32);
        assert!(cosines.double_value(&[0, 2]).abs() < FLOAT32);
        assert!((cosines.double_value(&[3, 3]) - 1.0).abs() < FLOAT32);
    }

    #[test]
    fn a_needed_name_is_never_held_out_and_a_held_out_one_never_drawn() {
        let needed = BTreeSet::from(["river".to_owned(), "ship".to_owned()]);
        for seed in 0..20 {
            let targets = TextTargets::new(&clip_text(), &needed, 1, seed).unwrap();
            assert!(targets.held_out == [1] || targets.held_out == [2], "{:?}", targets.held_out);
            let settings = TextSettings {
                held_out_names: 1,
                target_template_share: 0.5,
                names_alone: 1,
                names_beside: 1,
                temperature: 1.0,
            };
            let (rows, prompts) =
                targets.draw(50, &settings, &["the {}".to_owned()], &mut Rng::new(seed));
            assert!(rows.iter().all(|row| !targets.held_out.contains(row)));
            assert!(prompts.iter().any(|prompt| prompt == "a river"));
            assert!(prompts.iter().any(|prompt| prompt == "the river"));
        }
    }

    #[test]
    fn the_right_vector_costs_only_the_targets_own_entropy() {
        let all = rows(&[1.0, 0.0, -1.0, 0.0]);
        let own = rows(&[1.0, 0.0]);
        let share = 1.0 / (1.0 + (-2.0_f64).exp());
        let entropy = -share * share.ln() - (1.0 - share) * (1.0 - share).ln();
        let right = regression_loss(&own, &own, &all, 1.0).unwrap().double_value(&[]);
        assert!((right - entropy).abs() < FLOAT32, "{right} {entropy}");
        // The opposite one: 2 for the direction, and the mirrored distribution.
        let wrong = regression_loss(&own.neg(), &own, &all, 1.0).unwrap().double_value(&[]);
        let crossed = -share * (1.0 - share).ln() - (1.0 - share) * share.ln();
        assert!((wrong - 2.0 - crossed).abs() < FLOAT32, "{wrong} {crossed}");
    }

    #[test]
    fn the_report_ranks_each_name_among_all() {
        let targets = rows(&[1.0, 0.0, 0.0, 1.0]);
        let embeddings = rows(&[0.6, 0.8, 0.0, 1.0]);
        let found = report(&embeddings, &targets).unwrap();
        assert!((found.cosine - 0.8).abs() < FLOAT32);
        assert!((found.top1 - 0.5).abs() < FLOAT32 && (found.top5 - 1.0).abs() < FLOAT32);
    }
}
