//! What the towers know about images that they were not trained on.
//!
//! Letters: N images, S scenes, C channels, D joint width, P components of the teacher.

use rszs_data::{AidRsicd, Split};
use serde::Serialize;
use tch::{Kind, TchError, Tensor};

use crate::TrainError;
use crate::pretrain::text_training::{TextReport, unit_rows};

/// Neighbours that vote for a scene.
const NEIGHBOURS: i64 = 5;

/// Numbers on the images that were held out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Steps taken.
    pub step: u64,
    /// Mean cosine of the remote-sensing stream's cells to the teacher's.
    pub rsi_teacher_cosine: f64,
    /// The same of the vision-language stream.
    pub vlm_teacher_cosine: f64,
    /// Share of images whose scene the five nearest training images name, by mean features of
    /// the remote-sensing stream.
    pub rsi_scene_neighbours: f64,
    /// Share of images whose own scene's name is the nearest of all names. The names were trained
    /// with.
    pub scene_naming: f64,
    /// Share of images with one of their own sentences first, and among the first five, of all
    /// held-out sentences.
    pub sentence_at_1: f64,
    /// See `sentence_at_1`.
    pub sentence_at_5: f64,
    /// Share of sentences with an image that they describe first, and among the first five.
    pub image_at_1: f64,
    /// See `image_at_1`.
    pub image_at_5: f64,
    /// Names that were held out from the text tower.
    pub text: TextReport,
}

/// Scenes of one split, `i64 [N]`.
pub fn scenes(set: &AidRsicd, split: Split) -> Result<Tensor, TchError> {
    let scenes: Vec<i64> =
        (0..set.images().len(split)).map(|index| set.scene(split, index) as i64).collect();
    Tensor::f_from_slice(&scenes)
}

/// Leave-one-out is not needed: `queries: [Q, C]` are other images than `known: [N, C]`. Features
/// are centred and scaled to unit length; a tie goes to the scene of the nearest neighbour.
pub fn neighbour_accuracy(
    known: &Tensor,
    known_scenes: &Tensor,
    queries: &Tensor,
    scenes: &Tensor,
) -> Result<f64, TrainError> {
    let mean = known.f_mean_dim([0].as_slice(), true, Kind::Float)?;
    let (known, queries) = (unit_rows(&known.f_sub(&mean)?)?, unit_rows(&queries.f_sub(&mean)?)?);
    let (_, nearest) =
        queries.f_matmul(&known.f_transpose(0, 1)?)?.f_topk(NEIGHBOURS, 1, true, true)?;
    // Scenes are on the processor, features may be elsewhere.
    let nearest = nearest.f_to_device(known_scenes.device())?;
    let votes = known_scenes.f_index_select(0, &nearest.f_reshape([-1])?)?.f_view_as(&nearest)?;
    let votes = Vec::<Vec<i64>>::try_from(votes)?;
    let scenes = Vec::<i64>::try_from(scenes)?;
    let right =
        votes.iter().zip(&scenes).filter(|(votes, scene)| majority(votes) == **scene).count();
    Ok(right as f64 / scenes.len().max(1) as f64)
}

fn majority(votes: &[i64]) -> i64 {
    let count = |scene: i64| votes.iter().filter(|&&vote| vote == scene).count();
    // `max_by_key` keeps the last of equals, so the nearest comes last.
    votes.iter().rev().copied().max_by_key(|&scene| count(scene)).unwrap_or(-1)
}

/// Share of rows of `scores: [N, S]` whose largest entry is at `right: i64 [N]`.
pub fn naming_accuracy(scores: &Tensor, right: &Tensor) -> Result<f64, TchError> {
    scores
        .f_argmax(1, false)?
        .f_to_device(right.device())?
        .f_eq_tensor(right)?
        .f_mean(Kind::Double)?
        .f_double_value(&[])
}

/// Share of rows of `scores: [N, C]` with an entry that `fits: bool [N, C]` among the `rank`
/// largest, or among all if C is smaller.
pub fn recall(scores: &Tensor, fits: &Tensor, rank: i64) -> Result<f64, TchError> {
    let (_, best) = scores.f_topk(rank.min(scores.size()[1]), 1, true, true)?;
    fits.f_gather(1, &best.f_to_device(fits.device())?, false)?
        .f_any_dim(1, false)?
        .f_mean(Kind::Double)?
        .f_double_value(&[])
}

/// Every different sentence of a split, sorted, and which image each fits: `bool [N, C]`.
pub fn sentences(set: &AidRsicd, split: Split) -> Result<(Vec<String>, Tensor), TchError> {
    let count = set.images().len(split);
    let all: std::collections::BTreeSet<&String> =
        (0..count).flat_map(|index| set.captions(split, index)).collect();
    let fits: Vec<bool> = (0..count)
        .flat_map(|index| {
            all.iter().map(move |&sentence| set.captions(split, index).contains(sentence))
        })
        .collect();
    let sentences: Vec<String> = all.into_iter().cloned().collect();
    let fits = Tensor::f_from_slice(&fits)?.f_view([count as i64, sentences.len() as i64])?;
    Ok((sentences, fits))
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "shares of a few rows are exact")]
mod tests {
    use super::*;

    #[test]
    fn recall_counts_rows_with_a_fitting_entry_among_the_first() {
        let scores = Tensor::from_slice(&[0.9_f32, 0.8, 0.1, 0.2, 0.3, 0.4]).reshape([2, 3]);
        let fits = Tensor::from_slice(&[false, true, false, true, false, false]).reshape([2, 3]);
        assert_eq!(recall(&scores, &fits, 1).unwrap(), 0.0);
        assert_eq!(recall(&scores, &fits, 2).unwrap(), 0.5);
        assert_eq!(recall(&scores, &fits, 3).unwrap(), 1.0);
        assert_eq!(recall(&scores, &fits, 9).unwrap(), 1.0);
    }

    #[test]
    fn the_nearest_neighbour_breaks_a_tie() {
        assert_eq!(majority(&[4, 7, 7, 4, 1]), 4);
        assert_eq!(majority(&[4, 7, 7, 1, 2]), 7);
    }

    #[test]
    fn neighbours_name_the_scene_of_their_cluster() {
        let known =
            Tensor::from_slice(&[1.0_f32, 0.1, 1.0, 0.2, 1.0, 0.0, 0.0, 1.0, 0.1, 1.0, 0.2, 1.0])
                .reshape([6, 2]);
        let scenes = Tensor::from_slice(&[0_i64, 0, 0, 1, 1, 1]);
        let queries = Tensor::from_slice(&[2.0_f32, 0.0, 0.0, 2.0]).reshape([2, 2]);
        let right = neighbour_accuracy(&known, &scenes, &queries, &Tensor::from_slice(&[0_i64, 0]))
            .unwrap();
        assert_eq!(right, 0.5);
    }
}
