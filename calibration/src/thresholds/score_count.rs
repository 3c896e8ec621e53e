//! Counting the scores of labelled pixels.

use rszs_bundle::{PresenceThreshold, Temperature, Threshold};
use rszs_data::DenseSet;
use rszs_edge::queries::{QuerySet, Words};
use rszs_edge::segment::Keep;
use rszs_engine::TileEngine;
use rszs_hot::Decision;
use rszs_metrics::{HistogramResolution, ScoreHistogram};

use crate::arguments::MeasureArguments;
use crate::deployed::pipeline::Pipeline;
use crate::error::Error;
use crate::label_mapping::{LabelMapping, query_set};
use crate::thresholds::presence::CANDIDATES;
use crate::thresholds::tempered_score::{FLAT_TEMPERATURE, TemperedScores};

/// What one set, or one place of it, says and what the pipeline gave for it.
#[derive(Debug)]
pub struct MeasuredSet {
    /// Name and split, as `dubai/val`.
    pub label: String,
    /// The place, where places count.
    pub place: Option<String>,
    /// What the set says.
    pub mappings: Vec<LabelMapping>,
    /// One histogram for each mapping.
    pub count: ScoreCount,
}

/// Scores of the labelled pixels of one set.
#[derive(Debug, Clone)]
pub struct ScoreCount {
    /// Images.
    pub images: u64,
    /// For each of [`CANDIDATES`] one per query: flat scores of its labelled pixels under that
    /// presence threshold.
    pub histograms: Vec<Vec<ScoreHistogram>>,
}

/// The queries with no calibration of their own but a presence threshold.
fn uncalibrated(
    mappings: &[LabelMapping],
    words: Words<'_>,
    temperature: Temperature,
    least_presence: Option<f32>,
) -> Result<QuerySet, Error> {
    let mut entries = words.vocabulary.entries().to_vec();
    for entry in &mut entries {
        (entry.threshold, entry.temperature) = (Threshold::EVEN, temperature);
        entry.presence_threshold = least_presence.map(PresenceThreshold::new).transpose()?;
    }
    let vocabulary = words.vocabulary.clone().with_entries(entries)?;
    Ok(query_set(mappings, Decision::Multilabel, Words { vocabulary: &vocabulary, ..words })?)
}

/// Runs the images at these indices of a set through `pipeline` and counts the score that the
/// runtime would decide by, of every pixel that `mappings` label. `step` is called for each image
/// and may stop the run.
pub fn count_scores(
    (set, indices): (&DenseSet, &[usize]),
    mappings: &[LabelMapping],
    words: Words<'_>,
    arguments: &MeasureArguments,
    pipeline: &mut Pipeline,
    engine: &mut impl TileEngine,
    mut step: impl FnMut() -> Result<(), Error>,
) -> Result<ScoreCount, Error> {
    let plain_queries: Result<Vec<QuerySet>, Error> = CANDIDATES
        .iter()
        .map(|&least| uncalibrated(mappings, words, Temperature::ONE, least))
        .collect();
    let plain_queries = plain_queries?;
    // Scores are read at a second temperature; presences have been decided by then.
    let flat_queries = uncalibrated(mappings, words, Temperature::new(FLAT_TEMPERATURE)?, None)?;
    let table = TemperedScores::new();
    let split = arguments.split.split();
    let mut histograms = vec![
        vec![ScoreHistogram::new(HistogramResolution::Fine); mappings.len()];
        CANDIDATES.len()
    ];
    let (mut plain, mut flat) = (Vec::new(), Vec::new());
    let (mut scores, mut truth) = (Vec::new(), Vec::new());
    let images = indices.len() as u64;
    for &index in indices {
        let path = set.image_path(split, index);
        let sample = set.sample(split, index)?;
        pipeline.read(path, &sample)?;
        let found = pipeline.segment_each(
            path,
            &plain_queries,
            Keep { masks: false, scores: true },
            engine,
        )?;
        for (query, mapping) in mappings.iter().enumerate() {
            truth.clear();
            truth.extend(sample.mask.ids.iter().map(|id| mapping.targets[usize::from(*id)]));
            let mut read: &[f32] = &[];
            for ((found, queries), histograms) in
                found.iter().zip(&plain_queries).zip(&mut histograms)
            {
                // A higher presence threshold that no further tile falls below leaves the scores as
                // they were.
                if found.logits(query) != read {
                    let unreadable = |source| Error::Segment { path: path.to_owned(), source };
                    found.scores(query, queries, &mut plain).map_err(unreadable)?;
                    found.scores(query, &flat_queries, &mut flat).map_err(unreadable)?;
                    scores.clear();
                    scores.extend(
                        plain.iter().zip(&flat).map(|(plain, flat)| table.of(*plain, *flat)),
                    );
                    read = found.logits(query);
                }
                let counted = histograms[query].add(&truth, &scores);
                counted.map_err(|source| Error::Count { path: path.to_owned(), source })?;
            }
        }
        step()?;
    }
    Ok(ScoreCount { images, histograms })
}
