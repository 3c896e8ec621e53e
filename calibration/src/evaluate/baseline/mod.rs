//! What colour and texture alone reach: a classifier of pixels, fitted on the train part of a set
//! and measured beside the bundle on the same images.
//!
//! A model that is not above it has learned nothing about things.

mod boosting;
mod features;

use rszs_data::rng::hash_name;
use rszs_data::{DenseSet, POSITIVE, Rng, Sample, Split, UNLABELLED};
use rszs_metrics::ConfusionMatrix;

use self::boosting::{Ensemble, Row};
use self::features::features;
use crate::error::Error;
use crate::label_mapping::LabelMapping;

/// Most pixels of a set that a classifier is fitted on.
const FIT_PIXELS: usize = 48_000;

/// Most pixels of an image that are measured, on a regular grid.
const MEASURED_PIXELS: usize = 60_000;

/// Every so many-th training image chooses the threshold; the others fit.
const CHOOSING: usize = 4;

/// A classifier for each query of one set.
#[derive(Debug)]
pub struct Baseline {
    queries: Vec<Option<Query>>,
}

#[derive(Debug)]
struct Query {
    ensemble: Ensemble,
    /// Above it a pixel belongs to the query.
    threshold: f32,
}

/// Pixels with their targets.
#[derive(Default)]
struct Pixels {
    rows: Vec<Row>,
    /// By mapping: 1, 0, or 255 where the set does not say.
    targets: Vec<Vec<u8>>,
}

impl Baseline {
    /// Fits a classifier for each labelled one of `mappings` on the training images of `set`;
    /// nothing for a query that the sampled pixels do not both show and not show.
    pub fn fit(
        set: &DenseSet,
        mappings: &[LabelMapping],
        mut step: impl FnMut() -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let images = set.len(Split::Train);
        let share = FIT_PIXELS.div_ceil(images.max(1));
        let (mut fitting, mut choosing) = (Pixels::default(), Pixels::default());
        for index in 0..images {
            let sample = set.sample(Split::Train, index)?;
            let is_choosing = images >= CHOOSING && index % CHOOSING == CHOOSING - 1;
            let pixels = if is_choosing { &mut choosing } else { &mut fitting };
            let mut rng = Rng::keyed(&[hash_name(set.name()), index as u64]);
            pixels.add(&sample, mappings, share, &mut rng);
            step()?;
        }
        let choosing = if choosing.rows.is_empty() { &fitting } else { &choosing };
        let queries = mappings.iter().enumerate().map(|(query, mapping)| {
            if mapping.is_labelled() { fitting.fit(query, choosing) } else { None }
        });
        Ok(Self { queries: queries.collect() })
    }

    /// Counts the pixels of `sample` into `counts`, one matrix a query.
    pub fn count(
        &self,
        sample: &Sample,
        mappings: &[LabelMapping],
        counts: &mut [ConfusionMatrix],
    ) -> Result<(), Error> {
        let image = &sample.image;
        let step = ((image.width * image.height) as f64 / MEASURED_PIXELS as f64).sqrt().ceil();
        let step = (step as usize).max(1);
        let table = features(image);
        let grid: Vec<usize> = (0..image.height)
            .step_by(step)
            .flat_map(|y| (0..image.width).step_by(step).map(move |x| y * image.width + x))
            .collect();
        for ((query, mapping), matrix) in self.queries.iter().zip(mappings).zip(counts) {
            let Some(query) = query else { continue };
            let truth: Vec<u8> = grid
                .iter()
                .map(|&pixel| mapping.targets[usize::from(sample.mask.ids[pixel])])
                .collect();
            let found: Vec<u8> = grid
                .iter()
                .map(|&pixel| u8::from(query.ensemble.logit(&table[pixel]) > query.threshold))
                .collect();
            matrix
                .add(&truth, &found)
                .map_err(|source| Error::Baseline { image: sample.id.clone(), source })?;
        }
        Ok(())
    }

    /// Whether there is a classifier for the query.
    pub fn has(&self, query: usize) -> bool {
        self.queries[query].is_some()
    }
}

impl Pixels {
    /// Takes `count` pixels, or as many as there are, of those that the set says something about.
    fn add(&mut self, sample: &Sample, mappings: &[LabelMapping], count: usize, rng: &mut Rng) {
        let table = features(&sample.image);
        self.targets.resize_with(mappings.len(), Vec::new);
        for _ in 0..count.min(table.len()) {
            let pixel = rng.below(table.len());
            let id = usize::from(sample.mask.ids[pixel]);
            if mappings.iter().all(|mapping| mapping.targets[id] == UNLABELLED) {
                continue;
            }
            self.rows.push(table[pixel]);
            for (targets, mapping) in self.targets.iter_mut().zip(mappings) {
                targets.push(mapping.targets[id]);
            }
        }
    }

    /// The rows that say something about `query`, with what they say.
    fn of(&self, query: usize) -> Vec<(Row, bool)> {
        let pairs = self.rows.iter().zip(&self.targets[query]);
        pairs
            .filter(|&(_, &target)| target != UNLABELLED)
            .map(|(&row, &target)| (row, target == POSITIVE))
            .collect()
    }

    fn fit(&self, query: usize, choosing: &Self) -> Option<Query> {
        let examples = self.of(query);
        let positives = examples.iter().filter(|example| example.1).count();
        if positives == 0 || positives == examples.len() {
            return None;
        }
        let ensemble = Ensemble::fit(&examples);
        let scored = choosing.of(query);
        let scored = scored.iter().map(|(row, is_there)| (ensemble.logit(row), *is_there));
        let threshold = best_threshold(scored.collect());
        Some(Query { ensemble, threshold })
    }
}

/// The logit with the best intersection over union; 0 where nothing is there.
fn best_threshold(mut scored: Vec<(f32, bool)>) -> f32 {
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positives = scored.iter().filter(|one| one.1).count();
    let (mut best, mut threshold, mut hits) = (0.0, 0.0, 0);
    for (taken, window) in scored.windows(2).enumerate() {
        hits += usize::from(window[0].1);
        let iou = hits as f64 / (positives + taken + 1 - hits) as f64;
        if window[0].0 > window[1].0 && iou > best {
            (best, threshold) = (iou, f32::midpoint(window[0].0, window[1].0));
        }
    }
    threshold
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;
    use crate::label_mapping::mappings;

    #[test]
    fn the_threshold_with_the_best_iou_is_between_two_scores() {
        let scored = vec![(3.0, true), (2.0, true), (1.0, false), (0.0, true), (-1.0, false)];
        assert!((best_threshold(scored) + 0.5).abs() < 1e-6);
        assert!(best_threshold(vec![(1.0, false), (0.5, false)]).abs() < 1e-6);
    }

    #[test]
    fn colour_that_says_what_is_there_is_learned_and_measured() {
        let folder = tempfile::tempdir().unwrap();
        let set = fake::set(folder.path(), 3);
        let mappings = mappings(set.classes(), &fake::vocabulary(&["flood", "building"]));
        let baseline = Baseline::fit(&set, &mappings, || Ok(())).unwrap();
        let mut counts = vec![ConfusionMatrix::new(2).unwrap(); 2];
        for index in 0..set.len(Split::Val) {
            let sample = set.sample(Split::Val, index).unwrap();
            baseline.count(&sample, &mappings, &mut counts).unwrap();
        }
        for matrix in counts {
            // A third of the pixels shows each; what all-positive reaches is below 0.35.
            assert!(matrix.iou(1).unwrap() > 0.5, "{:?}", matrix.iou(1));
        }
    }
}
