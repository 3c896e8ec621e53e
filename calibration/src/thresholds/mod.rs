//! `rszs-calibrate thresholds`: measures scores, chooses thresholds, writes them into the bundle.

pub mod pooled_histogram;
pub mod presence;
pub mod score_count;
pub mod temperature;
pub mod tempered_score;
pub mod threshold_choice;
pub mod threshold_report;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rszs_bundle::{
    Bundle, BundleWriter, Calibration, Entry, PresenceThreshold, SignatureState, Temperature,
    Threshold, ThresholdSource, Vocabulary, normalised,
};
use rszs_data::{ClassTable, DenseSet};
use rszs_edge::queries::Words;
use rszs_metrics::{OperatingPoint, ScoreHistogram};

use crate::arguments::{MeasureArguments, ThresholdArguments};
use crate::deployed::{Deployed, open_bundle};
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::label_mapping::{LabelMapping, mappings};
use crate::report::identity::Identity;
use crate::report::output::Output;
use crate::sets::{chosen, nothing_labelled, open_sets};
use crate::thresholds::pooled_histogram::{PooledHistogram, Weighting};
use crate::thresholds::presence::{CANDIDATES, LEAST_GAIN};
use crate::thresholds::score_count::{MeasuredSet, count_scores};
use crate::thresholds::temperature::fit_temperature;
use crate::thresholds::tempered_score::{logit_of, score_at};
use crate::thresholds::threshold_choice::choose;
use crate::thresholds::threshold_report::{
    LeftOut, LeftQuery, QueryReport, SetPart, Setting, ThresholdReport, Written, curve_at,
    names_of_sets, set_parts, stored_curve,
};

/// Nearest to 0 and to 1 that a threshold may be: the runtime takes neither.
const ENDS: [f64; 2] = [1e-7, 1.0 - 1e-7];

/// The best that was found for a query so far.
struct Best {
    /// Place in [`CANDIDATES`].
    candidate: usize,
    pool: PooledHistogram,
    point: OperatingPoint,
}

/// Runs the command.
pub fn run(arguments: &ThresholdArguments, output: &mut Output) -> Result<ExitStatus, Error> {
    let measure = &arguments.measure;
    let sets = open_sets(measure)?;
    let bundle = open_bundle(measure)?;
    let with_ruled_out = rows_of(&arguments.with_ruled_out, &bundle)?;
    let stated: Vec<Vec<LabelMapping>> = sets
        .iter()
        .map(|set| counted(set.classes(), bundle.vocabulary(), &with_ruled_out))
        .collect();
    if !stated.iter().flatten().any(LabelMapping::is_labelled) {
        return Err(nothing_labelled(&bundle, &sets));
    }
    let mut deployed = Deployed::start(bundle, measure)?;
    let identity = Identity::new("thresholds", &deployed, measure);
    output.begin(
        sets.iter().map(|set| chosen(set, measure.split.split(), measure.limit).len()).sum(),
    );
    let measured = measure_sets(sets, stated, &mut deployed, measure, arguments.weighting, output)?;

    let mut entries = deployed.bundle.vocabulary().entries().to_vec();
    let (queries, left) = calibrate(&mut entries, &measured, arguments, &identity.date)?;
    let status = if left.is_empty() { ExitStatus::Done } else { ExitStatus::LeftAsItWas };
    let is_signed = deployed.bundle.signature() != SignatureState::Unsigned;
    let written = if arguments.dry_run || queries.is_empty() {
        None
    } else {
        let target = arguments.output.as_deref().unwrap_or(&measure.bundle);
        Some(write(deployed.bundle, entries, target)?)
    };
    if is_signed && written.is_some() {
        output.tell("the old bundle is signed, the new one is not: sign it again");
    }
    let (target, weighting) = (arguments.target.to_string(), arguments.weighting);
    let report = ThresholdReport { identity, target, weighting, queries, left, written };
    output.results(&report.table(), &report)?;
    Ok(status)
}

/// The rows of the vocabulary that have one of `words` as their name.
fn rows_of(words: &[String], bundle: &Bundle) -> Result<Vec<usize>, Error> {
    let entries = bundle.vocabulary().entries();
    let row_of = |word: &String| {
        let found =
            entries.iter().position(|entry| normalised(entry.name.as_str()) == normalised(word));
        found.ok_or_else(|| Error::UnknownRuledOut {
            word: word.clone(),
            known: entries.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    };
    words.iter().map(row_of).collect()
}

/// What `classes` say about `vocabulary` as far as it is to be counted: what they label, and of the
/// rows `with_ruled_out` what they rule out, too.
fn counted(
    classes: &ClassTable,
    vocabulary: &Vocabulary,
    with_ruled_out: &[usize],
) -> Vec<LabelMapping> {
    let mut stated = mappings(classes, vocabulary);
    stated.retain(|mapping| mapping.is_labelled() || with_ruled_out.contains(&mapping.row));
    stated
}

fn measure_sets(
    sets: Vec<DenseSet>,
    stated: Vec<Vec<LabelMapping>>,
    deployed: &mut Deployed,
    arguments: &MeasureArguments,
    weighting: Weighting,
    output: &Output,
) -> Result<Vec<MeasuredSet>, Error> {
    let Deployed { bundle, started, pipeline, interrupt, .. } = deployed;
    let words = Words::from(&*bundle);
    let mut measured = Vec::with_capacity(sets.len());
    // A set goes with its decoded images as soon as it is counted.
    for (set, mappings) in sets.into_iter().zip(stated).filter(|(_, mappings)| !mappings.is_empty())
    {
        let mut step = || {
            output.step();
            if interrupt.is_raised() { Err(Error::Interrupted) } else { Ok(()) }
        };
        let split = arguments.split.split();
        let measured_images: BTreeSet<usize> = chosen(&set, split, arguments.limit).collect();
        let mut groups: Vec<(Option<String>, Vec<usize>)> = match weighting {
            Weighting::Places => set
                .places(split)
                .into_iter()
                .map(|(place, images)| (Some(place.to_owned()), images))
                .collect(),
            Weighting::Sets | Weighting::Pixels => {
                vec![(None, measured_images.iter().copied().collect())]
            }
        };
        for (place, images) in &mut groups {
            images.retain(|index| measured_images.contains(index));
            if images.is_empty() {
                continue;
            }
            let engine = &mut started.engine;
            let count = count_scores(
                (&set, images),
                &mappings,
                words,
                arguments,
                pipeline,
                engine,
                &mut step,
            )?;
            let label = format!("{}/{}", set.name(), arguments.split.name());
            measured.push(MeasuredSet {
                label,
                place: place.take(),
                mappings: mappings.clone(),
                count,
            });
        }
    }
    Ok(measured)
}

/// Sets threshold, presence threshold, temperature and their origin in every entry that a set
/// labels. Returns what was done and what was left.
pub fn calibrate(
    entries: &mut [Entry],
    measured: &[MeasuredSet],
    arguments: &ThresholdArguments,
    date: &str,
) -> Result<(Vec<QueryReport>, Vec<LeftQuery>), Error> {
    let (mut done, mut left) = (Vec::new(), Vec::new());
    for (row, entry) in entries.iter_mut().enumerate() {
        let parts = set_parts(row, 0, measured);
        if !parts.iter().any(|part| part.mapping.is_labelled()) {
            continue;
        }
        let pooled = |candidate: usize| {
            let parts = set_parts(row, candidate, measured);
            PooledHistogram::new(
                &pooled_histograms(&parts, arguments.weighting),
                arguments.weighting,
            )
        };
        let Some(everywhere) = pooled(0) else {
            left.push(LeftQuery {
                name: entry.name.to_string(),
                reason: "expected labelled pixels, found none".to_owned(),
            });
            continue;
        };
        let least = |candidate: usize| {
            least_threshold(&set_parts(row, candidate, measured), arguments.false_area)
        };
        let mut best = match choose(&everywhere, arguments.target, least(0)) {
            Ok(point) => Best { candidate: 0, pool: everywhere.clone(), point },
            Err(reason) => {
                left.push(LeftQuery { name: entry.name.to_string(), reason: reason.to_string() });
                continue;
            }
        };
        for candidate in 1..CANDIDATES.len() {
            let Some(pool) = pooled(candidate) else { continue };
            // A filter that takes away every pixel, or the precision that was asked for, is none.
            let Ok(point) = choose(&pool, arguments.target, least(candidate)) else { continue };
            if arguments.target.value(&point) > arguments.target.value(&best.point) + LEAST_GAIN {
                best = Best { candidate, pool, point };
            }
        }
        let Best { candidate, pool, point } = best;
        let parts = set_parts(row, candidate, measured);
        let presence = CANDIDATES[candidate];
        let before = Setting::new(&everywhere, entry.threshold, entry.temperature, None);
        if !arguments.keep_temperature {
            // What presence rules out says nothing about how far scores can be believed.
            entry.temperature = Temperature::new(fit_temperature(&everywhere) as f32)?;
        }
        let temperature = f64::from(entry.temperature.get());
        let score = score_at(logit_of(point.threshold), temperature).clamp(ENDS[0], ENDS[1]);
        entry.threshold = Threshold::new(score as f32)?;
        entry.presence_threshold = presence.map(PresenceThreshold::new).transpose()?;
        let after = Setting::new(&pool, entry.threshold, entry.temperature, presence);
        let sets: Vec<_> = parts.iter().map(|part| part.report(point.threshold)).collect();
        let set = names_of_sets(&sets);
        let pixels = sets.iter().map(|part| part.pixels).sum();
        let images = sets.iter().map(|part| part.images).sum();
        entry.calibration = Some(Calibration {
            n_pixels: pixels,
            iou: after.iou,
            f1: after.f1,
            set: set.clone(),
            date: date.to_owned(),
            curve: stored_curve(&pool, temperature),
        });
        entry.threshold_source = ThresholdSource::Calibrated { set, images };
        let curve = curve_at(&pool, temperature);
        let left_out = left_out(&parts, arguments);
        let name = entry.name.to_string();
        done.push(QueryReport { name, images, pixels, before, after, sets, left_out, curve });
    }
    Ok((done, left))
}

/// What a threshold is chosen on. Where places count the same, those that show none of a query
/// would outweigh the few that show it: they have a say by their limit of false area alone.
fn pooled_histograms<'a>(parts: &[SetPart<'a>], weighting: Weighting) -> Vec<&'a ScoreHistogram> {
    let counts = |part: &&SetPart<'_>| weighting != Weighting::Places || part.shows();
    parts.iter().filter(counts).map(|part| part.histogram).collect()
}

/// The lowest flat score above which no set has more than `false_area` of the pixels of those of
/// its places that show none of a query.
fn least_threshold(parts: &[SetPart<'_>], false_area: f64) -> f64 {
    let mut of_sets: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for part in parts.iter().filter(|part| !part.shows()) {
        let negatives = part.histogram.negatives();
        let sums = of_sets.entry(part.label()).or_insert_with(|| vec![0; negatives.len()]);
        sums.iter_mut().zip(negatives).for_each(|(sum, count)| *sum += count);
    }
    let of_set = |negatives: &Vec<u64>| {
        let allowed = negatives.iter().sum::<u64>() as f64 * false_area;
        let mut above = 0;
        let first = (0..negatives.len()).rev().find(|&bin| {
            above += negatives[bin];
            above as f64 > allowed
        });
        first.map_or(0.0, |bin| (bin + 1) as f64 / negatives.len() as f64)
    };
    of_sets.values().map(of_set).fold(0.0, f64::max)
}

/// For each place that shows a query: what the threshold that all others choose gives there.
fn left_out(parts: &[SetPart<'_>], arguments: &ThresholdArguments) -> Vec<LeftOut> {
    let mut found = Vec::new();
    for (index, part) in parts.iter().enumerate().filter(|(_, part)| part.shows()) {
        let mut others = parts.to_vec();
        others.remove(index);
        let histograms = pooled_histograms(&others, arguments.weighting);
        let Some(pool) = PooledHistogram::new(&histograms, arguments.weighting) else { continue };
        let least = least_threshold(&others, arguments.false_area);
        let Ok(point) = choose(&pool, arguments.target, least) else { continue };
        let report = part.report(point.threshold);
        found.push(LeftOut { set: report.set, iou: report.iou, best_iou: report.best_iou });
    }
    found
}

/// Writes `bundle` with `entries` as the next release to `target`.
fn write(bundle: Bundle, entries: Vec<Entry>, target: &Path) -> Result<Written, Error> {
    let vocabulary = bundle.vocabulary().clone().with_entries(entries)?;
    let mut writer = BundleWriter::from_bundle(bundle)?;
    writer.manifest_mut().counter += 1;
    Ok(Written::of(&writer.vocabulary(&vocabulary)?.write(target)?))
}

#[cfg(test)]
mod tests;
