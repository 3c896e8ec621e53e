//! What a set says about the words of a vocabulary.

use rszs_bundle::{Entry, Name, Vocabulary, normalised};
use rszs_data::{ClassTable, Concept};
use rszs_edge::queries::{QueryError, QuerySet, TypedQuery, Words};
use rszs_hot::Decision;

/// What one set says about one word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelMapping {
    /// Row of the vocabulary.
    pub row: usize,
    /// Its name.
    pub name: Name,
    /// By index of the set's masks: 1 the query is there, 0 it is not, 255 the set does not say.
    pub targets: [u8; 256],
    /// The set's own word for it; nothing if the set only knows where it is not.
    pub concept: Option<String>,
}

impl LabelMapping {
    /// Whether the set outlines the query, so that recall has a meaning.
    pub fn is_labelled(&self) -> bool {
        self.concept.is_some()
    }
}

/// Every word of `vocabulary` that `classes` says something about, in the order of the vocabulary.
pub fn mappings(classes: &ClassTable, vocabulary: &Vocabulary) -> Vec<LabelMapping> {
    vocabulary.rows().filter_map(|row| mapping(classes, row.index, row.entry)).collect()
}

/// Only the words that the set outlines, one for each of its concepts: the first of the vocabulary.
/// They compete in an exclusive decision.
pub fn one_per_concept(mappings: &[LabelMapping]) -> Vec<LabelMapping> {
    let mut chosen: Vec<LabelMapping> = Vec::new();
    for mapping in mappings.iter().filter(|mapping| mapping.is_labelled()) {
        if chosen.iter().all(|other| other.concept != mapping.concept) {
            chosen.push(mapping.clone());
        }
    }
    chosen
}

/// The words of `mappings` as queries, with the thresholds of `words`.
pub fn query_set(
    mappings: &[LabelMapping],
    decision: Decision,
    words: Words<'_>,
) -> Result<QuerySet, QueryError> {
    let typed: Vec<TypedQuery> = mappings
        .iter()
        .map(|mapping| TypedQuery { name: mapping.name.clone(), threshold: None, colour: None })
        .collect();
    QuerySet::resolve(&typed, decision, words, || Ok(None))
}

fn mapping(classes: &ClassTable, row: usize, entry: &Entry) -> Option<LabelMapping> {
    // The name before the synonyms: "house, building" is a house where a set tells the two apart.
    let words = || {
        std::iter::once(&entry.name).chain(&entry.synonyms).map(|word| normalised(word.as_str()))
    };
    let concept = words()
        .find_map(|word| classes.concepts().iter().find(|concept| is_called(concept, &word)));
    let ruled_out = || words().find_map(|word| classes.targets(&word));
    let targets = concept.map(Concept::targets).or_else(ruled_out)?;
    Some(LabelMapping {
        row,
        name: entry.name.clone(),
        targets,
        concept: concept.map(|concept| concept.name.clone()),
    })
}

fn is_called(concept: &Concept, word: &str) -> bool {
    concept.words().any(|known| normalised(known) == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::vocabulary;

    #[test]
    fn names_and_synonyms_of_both_sides_meet() {
        let vocabulary = vocabulary(&["roof", "lava", "Bare_Ground"]);
        let found = mappings(&rszs_data::sets::dubai::classes(), &vocabulary);
        let concepts: Vec<_> = found.iter().map(|one| (one.row, one.concept.as_deref())).collect();
        assert_eq!(concepts, [(0, Some("building")), (2, Some("bare ground"))]);
        assert_eq!(&found[0].targets[..6], &[255, 0, 0, 0, 1, 0]);
    }

    #[test]
    fn a_set_that_only_knows_where_a_query_is_not_does_not_label_it() {
        let found = mappings(&rszs_data::sets::dubai::classes(), &vocabulary(&["flood"]));
        assert_eq!((found.len(), found[0].is_labelled()), (1, false));
        assert_eq!(&found[0].targets[..3], &[255, 255, 0]);
    }

    #[test]
    fn one_word_of_a_concept_competes() {
        let found = mappings(
            &rszs_data::sets::dubai::classes(),
            &vocabulary(&["house", "roof", "water", "flood"]),
        );
        let names: Vec<_> =
            one_per_concept(&found).iter().map(|one| one.name.to_string()).collect();
        assert_eq!(names, ["house", "water"]);
    }
}
