//! One step's images, targets and sentences; a step's batch depends on the seed and its number
//! only.
//!
//! Letters: N images (the first A of them have sentences), T cells, P components of the teacher.

use rszs_data::{AidRsicd, Rng, Split};
use tch::{Device, Kind, TchError, Tensor};

use crate::device::upload;

/// What one step sees.
#[derive(Debug)]
pub struct Batch {
    /// `U8 [N, S, S, 3]`.
    pub tiles: Tensor,
    /// `F32 [N, T, P]`.
    pub targets: Tensor,
    /// One sentence for each of the first A images.
    pub captions: Vec<String>,
    /// `[A, A]`: how well sentence j fits image i.
    pub positives: Tensor,
    /// `i64 [A]`: the scene of each.
    pub scenes: Tensor,
}

impl Batch {
    /// Its tensors on `device`.
    pub(super) fn on(self, device: Device) -> Result<Self, TchError> {
        let Self { tiles, targets, captions, positives, scenes } = self;
        let [tiles, targets, positives, scenes] =
            [tiles, targets, positives, scenes].map(|own| upload(&own, device));
        Ok(Self {
            tiles: tiles?,
            targets: targets?,
            captions,
            positives: positives?,
            scenes: scenes?,
        })
    }
}

/// Images with their targets.
#[derive(Debug)]
pub struct Pool {
    /// `U8 [M, S, S, 3]`.
    pub tiles: Tensor,
    /// `F16 [M, T, P]`.
    pub targets: Tensor,
}

/// What batches are made of.
#[derive(Debug)]
pub struct Batches<'a> {
    /// Sentences and scenes of `described`.
    pub aid_rsicd: &'a AidRsicd,
    /// Images with sentences, in the order of the training split.
    pub described: &'a Pool,
    /// Images without.
    pub plain: &'a Pool,
    /// How many of each in a batch.
    pub counts: [usize; 2],
    /// How well a sentence about another image of the same scene fits, 0 to 1.
    pub same_scene: f32,
    /// Seed of all choices.
    pub seed: u64,
}

/// How far the brightness and the contrast of each colour may stray, as shares of the range.
const COLOUR_SHIFT: f32 = 0.06;
const COLOUR_GAIN: f32 = 0.15;

impl Batches<'_> {
    /// The batch of step `step`.
    pub fn at(&self, step: u64) -> Result<Batch, TchError> {
        let mut rng = Rng::keyed(&[self.seed, 1, step]);
        let described = shuffled(
            self.described.tiles.size()[0] as usize,
            self.counts[0],
            step,
            &[self.seed, 2],
        );
        let plain =
            shuffled(self.plain.tiles.size()[0] as usize, self.counts[1], step, &[self.seed, 3]);
        let (tiles, targets) = self.images(&described, &plain)?;
        let (tiles, targets) = turned(&tiles, &targets, &mut rng)?;
        let captions: Vec<String> =
            described.iter().map(|&index| self.caption(index, &mut rng)).collect();
        let scene = |index: usize| self.aid_rsicd.scene(Split::Train, index);
        let scenes: Vec<i64> = described.iter().map(|&index| scene(index) as i64).collect();
        let mut positives = Vec::with_capacity(described.len().pow(2));
        for &image in &described {
            let own = self.aid_rsicd.captions(Split::Train, image);
            positives.extend(described.iter().zip(&captions).map(|(&other, caption)| match () {
                () if own.contains(caption) => 1.0,
                () if scene(image) == scene(other) => self.same_scene,
                () => 0.0,
            }));
        }
        let side = described.len() as i64;
        Ok(Batch {
            tiles: recoloured(&tiles, &mut rng)?,
            targets,
            captions,
            positives: Tensor::f_from_slice(&positives)?.f_view([side, side])?,
            scenes: Tensor::f_from_slice(&scenes)?,
        })
    }

    fn caption(&self, index: usize, rng: &mut Rng) -> String {
        let captions = self.aid_rsicd.captions(Split::Train, index);
        captions[rng.below(captions.len())].clone()
    }

    fn images(&self, described: &[usize], plain: &[usize]) -> Result<(Tensor, Tensor), TchError> {
        let rows = |indices: &[usize]| {
            Tensor::f_from_slice(&indices.iter().map(|&i| i as i64).collect::<Vec<_>>())
        };
        let (described, plain) = (rows(described)?, rows(plain)?);
        let join = |a: &Tensor, b: &Tensor| {
            Tensor::f_cat(&[a.f_index_select(0, &described)?, b.f_index_select(0, &plain)?], 0)
        };
        let targets = join(&self.described.targets, &self.plain.targets)?;
        Ok((join(&self.described.tiles, &self.plain.tiles)?, targets.f_to_kind(Kind::Float)?))
    }
}

/// `count` of `total` indices for step `step`: every index once an epoch, another order each epoch.
/// An epoch's last, partial batch is left out.
fn shuffled(total: usize, count: usize, step: u64, key: &[u64]) -> Vec<usize> {
    if count == 0 {
        return Vec::new();
    }
    assert!(total >= count, "{total} images for batches of {count}");
    let steps_per_epoch = (total / count) as u64;
    let (epoch, place) = (step / steps_per_epoch, (step % steps_per_epoch) as usize);
    let mut rng = Rng::keyed(&[key, &[epoch]].concat());
    let mut order: Vec<usize> = (0..total).collect();
    for last in (1..total).rev() {
        order.swap(last, rng.below(last + 1));
    }
    order[place * count..][..count].to_vec()
}

/// One of the eight symmetries of the square for each eighth of the batch, the same for images
/// and targets.
fn turned(tiles: &Tensor, targets: &Tensor, rng: &mut Rng) -> Result<(Tensor, Tensor), TchError> {
    let (count, cells, components) = targets.size3()?;
    let side = cells.isqrt();
    let maps = targets.f_view([count, side, side, components])?;
    let first = rng.below(8);
    let turn_all = |x: &Tensor| -> Result<Tensor, TchError> {
        let parts = x.f_chunk(8, 0)?;
        let parts: Result<Vec<Tensor>, _> =
            parts.iter().enumerate().map(|(k, part)| symmetry(part, first + k)).collect();
        Tensor::f_cat(&parts?, 0)
    };
    Ok((turn_all(tiles)?, turn_all(&maps)?.f_reshape([count, cells, components])?))
}

/// Symmetry `number % 8` of `[N, H, W, C]` with H = W.
fn symmetry(x: &Tensor, number: usize) -> Result<Tensor, TchError> {
    let mut axes = Vec::new();
    if number & 1 != 0 {
        axes.push(1);
    }
    if number & 2 != 0 {
        axes.push(2);
    }
    let flipped = x.f_flip(axes)?;
    if number & 4 != 0 { flipped.f_transpose(1, 2) } else { Ok(flipped) }
}

/// Another gain and offset for every colour of every image.
fn recoloured(tiles: &Tensor, rng: &mut Rng) -> Result<Tensor, TchError> {
    let count = tiles.size()[0];
    let mut draw = |centre: f32, spread: f32| -> Vec<f32> {
        (0..count * 3).map(|_| rng.range(centre - spread, centre + spread)).collect()
    };
    let (gain, offset) = (draw(1.0, COLOUR_GAIN), draw(0.0, COLOUR_SHIFT * 255.0));
    let per_colour = |values: &[f32]| Tensor::f_from_slice(values)?.f_view([count, 1, 1, 3]);
    tiles
        .f_to_kind(Kind::Float)?
        .f_mul(&per_colour(&gain)?)?
        .f_add(&per_colour(&offset)?)?
        .f_round()?
        .f_clamp(0.0, 255.0)?
        .f_to_kind(Kind::Uint8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_shows_every_image_once_and_the_next_one_in_another_order() {
        let epoch = |first: u64| -> Vec<usize> {
            (first..first + 3).flat_map(|step| shuffled(6, 2, step, &[7])).collect()
        };
        let mut sorted = epoch(0);
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2, 3, 4, 5]);
        assert_ne!(epoch(0), epoch(3));
        assert_eq!(epoch(3), epoch(3));
    }

    #[test]
    fn images_and_targets_turn_together() {
        // Each cell of the target holds the number of its own patch of 2×2 pixels, for all eight
        // symmetries.
        let cells = Tensor::arange(4, (Kind::Float, tch::Device::Cpu))
            .view([1, 4, 1])
            .expand([8, 4, 1], false);
        let tiles = cells
            .view([8, 2, 2, 1])
            .repeat_interleave_self_int(2, 1, None)
            .repeat_interleave_self_int(2, 2, None);
        let (tiles, targets) = turned(&tiles, &cells.contiguous(), &mut Rng::new(1)).unwrap();
        let coarse = tiles.slice(1, 0, None, 2).slice(2, 0, None, 2).reshape([8, 4, 1]);
        assert!(coarse.equal(&targets));
        let distinct: std::collections::BTreeSet<Vec<i64>> = (0..8)
            .map(|n| Vec::<i64>::try_from(targets.get(n).view([4]).to_kind(Kind::Int64)).unwrap())
            .collect();
        assert_eq!(distinct.len(), 8);
    }

    #[test]
    fn colours_change_and_stay_bytes() {
        let tiles = Tensor::full([2, 4, 4, 3], 250, (Kind::Uint8, tch::Device::Cpu));
        let once = recoloured(&tiles, &mut Rng::new(5)).unwrap();
        assert_eq!(once.kind(), Kind::Uint8);
        assert!(!once.equal(&tiles));
        assert!(once.equal(&recoloured(&tiles, &mut Rng::new(5)).unwrap()));
    }
}
