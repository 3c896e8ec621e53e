//! Batches of crops from several sets, as a pure function of seed and step.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::augment::{Augment, Crop};
use crate::class_table::UNLABELLED;
use crate::dense_set::{DenseSet, Sample, Split};
use crate::error::DataError;
use crate::mix::mix;
use crate::place::Places;
use crate::rng::Rng;
use crate::roles::Roles;

/// A set, how often it is drawn from, and how its crops are made.
#[derive(Debug, Clone)]
pub struct Source {
    /// The set.
    pub set: Arc<DenseSet>,
    /// Share of the crops, relative to the other sources.
    pub weight: f32,
    /// What a labelled pixel counts in a loss, for weak labels less than 1.
    pub loss_weight: f32,
    /// How its crops are made; `tile_px` is the same for all sources.
    pub augment: Augment,
}

/// Where a crop comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Place in the sampler's sources.
    pub source: usize,
    /// Sample of that source's set.
    pub index: usize,
}

/// N crops in one piece of memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The step it belongs to.
    pub step: u64,
    /// H and W.
    pub tile_px: usize,
    /// `[N, H, W, 3]`.
    pub images: Vec<u8>,
    /// `[N, H, W]`, each an index of the set of `sources` at its place.
    pub masks: Vec<u8>,
    /// `[N, H, W]`, the place in the sampler's sources that an index belongs to: the crop's own, or
    /// that of what was laid over it.
    pub sources: Vec<u8>,
    /// `[N]`.
    pub origins: Vec<Origin>,
    /// `[N]`: what was laid over the crop, if anything was.
    pub laid_over: Vec<Option<Origin>>,
}

impl Batch {
    /// The sources that some pixel of this batch is of.
    pub fn shown_sources(&self) -> BTreeSet<usize> {
        (0..=u8::MAX).filter(|source| self.sources.contains(source)).map(usize::from).collect()
    }
}

/// Draws batches. Nothing is remembered between steps, so a run that is taken up at step 7,000 sees
/// what an unbroken one sees.
#[derive(Debug)]
pub struct Sampler {
    sources: Vec<Source>,
    /// Of each source, its samples by place, and what its indices are to augmentation.
    drawn_by: Vec<(Places, Roles)>,
    /// Upper ends of the sources' shares of `[0, 1]`.
    shares: Vec<f32>,
    split: Split,
    batch_size: usize,
    seed: u64,
    mix_probability: f32,
    /// The first slot that is drawn, and the distance to the next.
    share: (usize, usize),
}

impl Sampler {
    /// A sampler over the samples of `split`. Refuses a source without such samples.
    pub fn new(
        sources: Vec<Source>,
        split: Split,
        batch_size: usize,
        seed: u64,
    ) -> Result<Self, DataError> {
        assert!(
            batch_size > 0 && !sources.is_empty(),
            "a batch of {batch_size} from {} sources",
            sources.len()
        );
        assert!(
            u8::try_from(sources.len()).is_ok(),
            "{} sources: a byte has room for 255",
            sources.len()
        );
        let tile_px = sources[0].augment.tile_px;
        for source in &sources {
            assert!(
                source.weight.is_finite() && source.weight > 0.0,
                "{}: weight {}",
                source.set.name(),
                source.weight
            );
            assert_eq!(
                source.augment.tile_px,
                tile_px,
                "{}: tile_px of all sources must agree",
                source.set.name()
            );
            if source.set.is_empty(split) {
                let path = source.set.name().into();
                return Err(DataError::Empty {
                    path,
                    expected: format!("samples in the split {split:?}"),
                });
            }
        }
        let total: f32 = sources.iter().map(|source| source.weight).sum();
        let mut end = 0.0;
        let shares = sources
            .iter()
            .map(|source| {
                end += source.weight / total;
                end
            })
            .collect();
        let drawn_by = sources
            .iter()
            .map(|Source { set, .. }| (Places::new(set.ids(split)), Roles::of(set.classes())))
            .collect();
        Ok(Self {
            sources,
            drawn_by,
            shares,
            split,
            batch_size,
            seed,
            mix_probability: 0.0,
            share: (0, 1),
        })
    }

    /// This sampler with half of the classes of another crop laid over a crop, with this
    /// probability (`ClassMix`).
    #[must_use]
    pub fn mixing(self, mix_probability: f32) -> Self {
        Self { mix_probability, ..self }
    }

    /// This sampler for process `rank` of `size`: of each batch it makes the crops `rank`,
    /// `rank + size`, …, which are those of the whole batch.
    #[must_use]
    pub fn share(self, rank: usize, size: usize) -> Self {
        assert!(
            rank < size && size <= self.batch_size,
            "share {rank} of {size} of {} crops",
            self.batch_size
        );
        Self { share: (rank, size), ..self }
    }

    /// The sources, in the order that [`Origin::source`] counts.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The batch of `step`.
    pub fn batch(&self, step: u64) -> Result<Batch, DataError> {
        let tile_px = self.sources[0].augment.tile_px;
        let mut batch = Batch {
            step,
            tile_px,
            images: Vec::with_capacity(self.batch_size * tile_px * tile_px * 3),
            masks: Vec::with_capacity(self.batch_size * tile_px * tile_px),
            sources: Vec::with_capacity(self.batch_size * tile_px * tile_px),
            origins: Vec::with_capacity(self.batch_size),
            laid_over: Vec::with_capacity(self.batch_size),
        };
        let (first, step_by) = self.share;
        for slot in (first..self.batch_size).step_by(step_by) {
            let mut rng = Rng::keyed(&[self.seed, step, slot as u64]);
            // Stratified: slot i draws from the i-th N-th of [0, 1), so every batch holds its share
            // of every source.
            let point = (slot as f32 + rng.unit()) / self.batch_size as f32;
            let (mut crop, origin) = self.crop(point, &mut rng)?;
            let mut sources = vec![origin.source as u8; crop.mask.ids.len()];
            let mut laid_over = None;
            if rng.chance(self.mix_probability) {
                let point = rng.unit();
                let (over, over_origin) = self.crop(point, &mut rng)?;
                mix(&mut crop, &mut sources, &over, over_origin.source as u8, &mut rng);
                laid_over = Some(over_origin);
            }
            batch.images.extend_from_slice(&crop.image.pixels);
            batch.masks.extend_from_slice(&crop.mask.ids);
            batch.sources.extend_from_slice(&sources);
            batch.origins.push(origin);
            batch.laid_over.push(laid_over);
        }
        Ok(batch)
    }

    /// A crop from the source that has `point`, in `[0, 1)`, in its share.
    fn crop(&self, point: f32, rng: &mut Rng) -> Result<(Crop, Origin), DataError> {
        let source =
            self.shares.iter().position(|&end| point < end).unwrap_or(self.sources.len() - 1);
        let Source { set, augment, .. } = &self.sources[source];
        let (places, roles) = &self.drawn_by[source];
        let index = places.draw(rng);
        Ok((augment.crop(&*set.sample(self.split, index)?, roles, rng)?, Origin { source, index }))
    }

    /// The sample that a crop was cut from.
    pub fn sample(&self, origin: Origin) -> Result<Arc<Sample>, DataError> {
        self.sources[origin.source].set.sample(self.split, origin.index)
    }

    /// What the pixels of a batch say about `queries`: `[N, K, H, W]` of [`crate::POSITIVE`],
    /// [`crate::NEGATIVE`] and [`UNLABELLED`].
    pub fn targets(&self, batch: &Batch, queries: &[&str]) -> Vec<u8> {
        let pixels = batch.tile_px * batch.tile_px;
        let nothing = [UNLABELLED; 256];
        let of_source = |query: &str| -> Vec<[u8; 256]> {
            self.sources
                .iter()
                .map(|source| source.set.classes().targets(query).unwrap_or(nothing))
                .collect()
        };
        let tables: Vec<Vec<[u8; 256]>> = queries.iter().map(|query| of_source(query)).collect();
        let mut targets = Vec::with_capacity(batch.masks.len() * queries.len());
        for (mask, sources) in
            batch.masks.chunks_exact(pixels).zip(batch.sources.chunks_exact(pixels))
        {
            for table in &tables {
                let target =
                    |(&id, &source): (&u8, &u8)| table[usize::from(source)][usize::from(id)];
                targets.extend(mask.iter().zip(sources).map(target));
            }
        }
        targets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class_table::{NEGATIVE, POSITIVE};
    use crate::fixtures;
    use crate::sets::{dubai, flood_area};

    fn sampler(seed: u64) -> Sampler {
        let folder = tempfile::tempdir().unwrap();
        let flood = flood_area::open(&fixtures::flood_area(folder.path()).unwrap()).unwrap();
        let dubai = dubai::open(&fixtures::dubai(folder.path()).unwrap()).unwrap();
        let source = |set: DenseSet, weight| {
            // Decoded now: the folder is gone when the function returns.
            (0..set.len(Split::Train))
                .for_each(|index| drop(set.sample(Split::Train, index).unwrap()));
            Source { set: Arc::new(set), weight, loss_weight: 1.0, augment: Augment::train(8) }
        };
        Sampler::new(vec![source(flood, 3.0), source(dubai, 1.0)], Split::Train, 4, seed).unwrap()
    }

    #[test]
    fn a_batch_depends_on_seed_and_step_alone() {
        let (one, other) = (sampler(1), sampler(1));
        (0..5).for_each(|step| drop(one.batch(step).unwrap()));
        assert_eq!(one.batch(7).unwrap(), other.batch(7).unwrap());
        assert_ne!(one.batch(7).unwrap(), one.batch(8).unwrap());
        assert_ne!(one.batch(7).unwrap(), sampler(2).batch(7).unwrap());
    }

    #[test]
    fn every_batch_holds_each_source_by_its_weight() {
        for step in 0..20 {
            let batch = sampler(1).batch(step).unwrap();
            assert_eq!(
                batch.origins.iter().map(|origin| origin.source).collect::<Vec<_>>(),
                [0, 0, 0, 1]
            );
        }
    }

    #[test]
    fn shares_of_a_batch_are_its_crops_in_turn() {
        let whole = sampler(1).mixing(0.5).batch(3).unwrap();
        for rank in 0..2 {
            let share = sampler(1).mixing(0.5).share(rank, 2).batch(3).unwrap();
            assert_eq!(share.origins, [whole.origins[rank], whole.origins[rank + 2]]);
            let of = |crop: usize| &whole.images[crop * 192..][..192];
            assert_eq!(share.images, [of(rank), of(rank + 2)].concat());
        }
    }

    #[test]
    fn targets_say_nothing_where_the_set_says_nothing() {
        let sampler = sampler(1);
        let batch = sampler.batch(0).unwrap();
        let targets = sampler.targets(&batch, &["flood", "water", "zebra"]);
        let of = |n: usize, k: usize| &targets[(n * 3 + k) * 64..][..64];
        assert!(of(0, 0).iter().all(|&target| [NEGATIVE, POSITIVE, UNLABELLED].contains(&target)));
        assert!(of(0, 0).iter().any(|&target| target != UNLABELLED));
        assert!(
            of(0, 1).iter().all(|&target| target == UNLABELLED),
            "a flood mask is no statement about water"
        );
        assert!(!of(3, 0).contains(&POSITIVE), "nobody labelled a flood in Dubai");
        assert!(of(3, 1).contains(&POSITIVE) || of(3, 1).contains(&NEGATIVE));
        assert!((0..4).all(|n| of(n, 2).iter().all(|&target| target == UNLABELLED)));
    }

    #[test]
    fn what_is_laid_over_a_crop_keeps_the_labels_of_its_own_set() {
        let sampler = sampler(1).mixing(1.0);
        let mut laid = 0;
        for step in 0..20 {
            let batch = sampler.batch(step).unwrap();
            assert_eq!(batch, sampler.batch(step).unwrap());
            let targets = sampler.targets(&batch, &["water"]);
            for (at, (&source, &target)) in batch.sources.iter().zip(&targets).enumerate() {
                laid += usize::from(batch.origins[at / 64].source == 0 && source == 1);
                // Only Dubai, source 1, knows about water.
                assert!(source == 1 || target == UNLABELLED);
            }
        }
        assert!(laid > 100, "{laid} pixels of Dubai on floods");
    }

    #[test]
    fn a_source_without_samples_in_the_split_is_refused() {
        let set = DenseSet::of_images(sampler(1).sources[0].set.provenance().clone(), []);
        let source = Source {
            set: Arc::new(set),
            weight: 1.0,
            loss_weight: 1.0,
            augment: Augment::plain(8),
        };
        let message = Sampler::new(vec![source], Split::Val, 2, 0).unwrap_err().to_string();
        assert_eq!(message, "flood_area: expected samples in the split Val, found none");
    }
}
