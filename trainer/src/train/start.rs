//! What a run starts from: weights and data.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use rszs_data::{Concept, DenseSet, Sampler, Source, Split, catalogue};
use rszs_network::Config;

use super::TrainSettings;
use crate::checkpoint::Checkpoint;
use crate::parallel::Communicator;
use crate::{Parameters, PositionRule, RunConfig, TrainError, group, interpolate_positions};

/// Loads the text tower and every other part that a checkpoint has; position tables are brought to
/// this network's grid.
pub(super) fn start_from(
    path: &Path,
    network: &Config,
    parameters: &mut Parameters,
    communicator: &Communicator,
) -> Result<(), TrainError> {
    let mut checkpoint = Checkpoint::read(path)?;
    let trained: Config = serde_json::from_str(&checkpoint.origin.config)?;
    for (name, from, to) in [
        ("vlm.positions", trained.vlm.grid(), network.vlm.grid()),
        ("rsi.positions", trained.rsi.grid(), network.rsi.grid()),
    ] {
        if let Some(table) = checkpoint.tensors.get_mut(name).filter(|_| from != to) {
            *table = interpolate_positions(table, from, to, PositionRule::Size)?;
            communicator.tell(&format!("{name}: from a grid of {from} to one of {to}"));
        }
    }
    let mut groups: BTreeSet<String> =
        checkpoint.tensors.keys().map(|name| group(name).to_owned()).collect();
    communicator.tell(&format!(
        "{}: starting from {}",
        path.display(),
        groups.iter().cloned().collect::<Vec<_>>().join(", ")
    ));
    groups.insert("text".to_owned());
    checkpoint.load_group_into(parameters, |name| groups.contains(group(name)))?;
    Ok(())
}

/// Crops of every source that still labels something once `excluded` words are gone; of each batch
/// the share of this rank.
pub(super) fn sampler(
    config: &RunConfig,
    settings: &TrainSettings,
    excluded: &[String],
    communicator: &Communicator,
) -> Result<Sampler, TrainError> {
    let mut sets = Vec::with_capacity(settings.sources.len());
    for source in &settings.sources {
        let set =
            catalogue::open(&source.set, source.root.as_ref().unwrap_or(&config.data().root))?;
        for note in [catalogue::count_note(&set), catalogue::label_note(&set)].into_iter().flatten()
        {
            communicator.tell(&note);
        }
        sets.push(set);
    }
    expect_known(excluded, &sets)?;
    let excluded: Vec<&str> = excluded.iter().map(String::as_str).collect();
    let mut sources = Vec::new();
    for (source, set) in settings.sources.iter().zip(sets) {
        let set = set.without(&excluded);
        if set.classes().concepts().is_empty() {
            communicator.tell(&format!("{}: every label is excluded, not used", source.set));
            continue;
        }
        let mut augment = settings.augment.clone();
        (augment.scale_min, augment.scale_max) = (source.scale_min, source.scale_max);
        augment.uniform_probability =
            source.uniform_probability.unwrap_or(augment.uniform_probability);
        if source.oblique {
            (augment.flip_vertical, augment.quarter_turns) = (false, false);
        }
        let loss_weight = source.loss_weight.unwrap_or(1.0);
        sources.push(Source { set: Arc::new(set), weight: source.weight, loss_weight, augment });
    }
    if sources.is_empty() {
        let reason = format!(
            "--exclude-queries {}: expected a set that labels other words, found none",
            excluded.join(",")
        );
        return Err(config.invalid(reason));
    }
    let batch_size = settings.step_images() * communicator.size();
    let sampler = Sampler::new(sources, Split::Train, batch_size, settings.seed)?
        .mixing(settings.mix_probability);
    Ok(sampler.share(communicator.rank(), communicator.size()))
}

/// A word that no set labels was typed wrongly: with it the run would be the one without the
/// option, under another name.
pub(super) fn expect_known<'a>(
    words: impl IntoIterator<Item = &'a String>,
    sets: impl IntoIterator<Item = &'a DenseSet>,
) -> Result<(), TrainError> {
    let sets: Vec<&DenseSet> = sets.into_iter().collect();
    let concepts = || sets.iter().flat_map(|set| set.classes().concepts());
    match words.into_iter().find(|word| !concepts().any(|concept| concept.is_called(word))) {
        None => Ok(()),
        Some(word) => {
            let known: BTreeSet<&str> = concepts().flat_map(Concept::words).collect();
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            Err(TrainError::UnknownWord { word: word.clone(), known })
        }
    }
}
