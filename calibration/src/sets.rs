//! The sets to measure on.

use rszs_bundle::Bundle;
use rszs_data::{DenseSet, Split, catalogue};

use crate::arguments::MeasureArguments;
use crate::error::Error;
use crate::label_mapping::{LabelMapping, mappings};

/// A set with what it says about the vocabulary.
pub type LabelledSet = (DenseSet, Vec<LabelMapping>);

/// Opens the sets that were named, or all known ones in the data folder. Each has images in the
/// split.
pub fn open_sets(arguments: &MeasureArguments) -> Result<Vec<DenseSet>, Error> {
    let mut names: Vec<&str> = arguments.sets.iter().map(|name| name.trim()).collect();
    if names.is_empty() {
        names = catalogue::NAMES
            .into_iter()
            .filter(|name| arguments.data.join(name).is_dir())
            .collect();
    }
    if names.is_empty() {
        let (folder, known) = (arguments.data.clone(), catalogue::NAMES.join(", "));
        return Err(Error::NoSets { folder, known });
    }
    let mut sets: Vec<DenseSet> = Vec::with_capacity(names.len());
    for name in names {
        let set = catalogue::open(name, &arguments.data)?;
        if set.is_empty(arguments.split.split()) {
            return Err(Error::EmptySplit {
                set: set.name().to_owned(),
                split: arguments.split.name(),
            });
        }
        if sets.iter().any(|other| other.name() == set.name()) {
            return Err(Error::SetTwice);
        }
        sets.push(set);
    }
    Ok(sets)
}

/// The sets that say something about the vocabulary of `bundle`; an error if none does.
pub fn labelled(sets: Vec<DenseSet>, bundle: &Bundle) -> Result<Vec<LabelledSet>, Error> {
    let label = |set: DenseSet| (mappings(set.classes(), bundle.vocabulary()), set);
    let stated: Vec<_> = sets.into_iter().map(label).collect();
    if stated.iter().all(|(mappings, _)| mappings.is_empty()) {
        let sets: Vec<DenseSet> = stated.into_iter().map(|(_, set)| set).collect();
        return Err(nothing_labelled(bundle, &sets));
    }
    Ok(stated
        .into_iter()
        .filter(|(mappings, _)| !mappings.is_empty())
        .map(|(said, set)| (set, said))
        .collect())
}

/// Indices of the images to measure on: all of the split, or `limit` of them, evenly spread.
pub fn chosen(
    set: &DenseSet,
    split: Split,
    limit: Option<u32>,
) -> impl ExactSizeIterator<Item = usize> + use<> {
    let all = set.len(split);
    let count = limit.map_or(all, |limit| all.min(limit as usize));
    (0..count).map(move |index| index * all / count)
}

pub(crate) fn nothing_labelled(bundle: &Bundle, sets: &[DenseSet]) -> Error {
    let concepts = sets.iter().flat_map(|set| set.classes().concepts());
    let mut labelled: Vec<&str> = concepts.map(|concept| concept.name.as_str()).collect();
    labelled.sort_unstable();
    labelled.dedup();
    Error::NothingLabelled { bundle: bundle.path().to_owned(), labelled: labelled.join(", ") }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser;
    use rszs_data::fixtures;

    use super::*;
    use crate::arguments::Arguments;
    use crate::exit::ExitStatus;

    fn open(data: &Path, more: &[&str]) -> Result<Vec<DenseSet>, Error> {
        let data = data.to_str().unwrap();
        let line = ["rszs-calibrate", "evaluate", "--bundle", "b", "--data", data]
            .into_iter()
            .chain(more.iter().copied());
        open_sets(Arguments::try_parse_from(line).unwrap().command.measure())
    }

    #[test]
    fn without_names_every_known_set_that_is_there_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(open(folder.path(), &[]), Err(Error::NoSets { .. })));
        fixtures::dubai(folder.path()).unwrap();
        fixtures::flood_area(folder.path()).unwrap();
        let sets = open(folder.path(), &[]).unwrap();
        assert_eq!(sets.iter().map(DenseSet::name).collect::<Vec<_>>(), ["dubai", "flood_area"]);
    }

    #[test]
    fn a_set_of_ones_own_is_a_folder_with_classes() {
        let folder = tempfile::tempdir().unwrap();
        fixtures::folder(folder.path()).unwrap();
        assert_eq!(open(folder.path(), &["--set", "own_set"]).unwrap()[0].len(Split::Val), 1);
    }

    #[test]
    fn an_unknown_name_and_a_set_without_images_in_the_split_are_usage_errors() {
        let folder = tempfile::tempdir().unwrap();
        let unknown = open(folder.path(), &["--set", "mars"]).unwrap_err();
        assert!(unknown.to_string().contains("flood_area"), "{unknown}");
        assert_eq!(unknown.exit_status(), ExitStatus::Usage);
        let own = fixtures::folder(folder.path()).unwrap();
        std::fs::remove_file(own.join("val.txt")).unwrap();
        assert!(matches!(
            open(folder.path(), &["--set", "own_set"]),
            Err(Error::EmptySplit { .. })
        ));
    }

    #[test]
    fn a_limit_spreads_over_the_whole_split() {
        let folder = tempfile::tempdir().unwrap();
        let set = rszs_data::sets::flood_area::open(&fixtures::flood_area(folder.path()).unwrap())
            .unwrap();
        assert_eq!(set.len(Split::Train), 7);
        assert_eq!(chosen(&set, Split::Train, Some(3)).collect::<Vec<_>>(), [0, 2, 4]);
        assert_eq!(chosen(&set, Split::Train, Some(100)).len(), 7);
        assert_eq!(chosen(&set, Split::Train, None).len(), 7);
    }
}
