//! What the pixels of a set mean: the classes behind the indices, and what each index says about a
//! query.
//!
//! A set says nothing about the classes it does not label. A river in a set of building footprints
//! is a known negative for "building" and no statement at all about "water".
//! [`ClassTable::targets`] keeps these apart; a loss skips what is [`UNLABELLED`].

use serde::{Deserialize, Serialize};

use crate::mask::IGNORE;

/// Target of a pixel that is known not to show what the query names.
pub const NEGATIVE: u8 = 0;
/// Target of a pixel that shows what the query names.
pub const POSITIVE: u8 = 1;
/// Target of a pixel of which the set does not say.
pub const UNLABELLED: u8 = IGNORE;

/// An index that masks of the set may hold, besides [`IGNORE`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Class {
    /// The byte in the mask.
    pub id: u8,
    /// What the set calls it; "other" when it is only the absence of the rest.
    pub name: String,
}

/// Something one can ask of a set, and what its indices answer. An index in neither list is
/// [`UNLABELLED`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concept {
    /// The query word, as shown to a user.
    pub name: String,
    /// Other words for the same thing; a prompt may use any of them.
    pub synonyms: Vec<String>,
    /// Indices that show it.
    pub positive: Vec<u8>,
    /// Indices that do not.
    pub negative: Vec<u8>,
}

impl Concept {
    /// The name and the synonyms, the name first.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.as_str()).chain(self.synonyms.iter().map(String::as_str))
    }

    /// Whether `query` is its name or a synonym; letter case does not matter.
    pub fn is_called(&self, query: &str) -> bool {
        self.words().any(|word| word.eq_ignore_ascii_case(query.trim()))
    }

    /// Target of every index: `targets[id]`.
    pub fn targets(&self) -> [u8; 256] {
        let mut targets = [UNLABELLED; 256];
        self.negative.iter().for_each(|&id| targets[usize::from(id)] = NEGATIVE);
        self.positive.iter().for_each(|&id| targets[usize::from(id)] = POSITIVE);
        targets
    }
}

/// The classes and concepts of one set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassTable {
    classes: Vec<Class>,
    concepts: Vec<Concept>,
    ruled_out: Vec<Concept>,
    competing: Vec<String>,
}

impl ClassTable {
    /// A table of `(index, name)` and, for each index that can be asked for, its name and synonyms.
    ///
    /// Every class is a negative for the concepts of all others, which is what a mask with one
    /// label a pixel says. An index without a concept (the "other" of a binary mask) is a negative
    /// for all.
    pub fn exclusive(classes: &[(u8, &str)], concepts: &[(u8, &[&str])]) -> Self {
        let concept = |&(id, words): &(u8, &[&str])| {
            let (name, synonyms) = words.split_first().expect("a concept has a name");
            assert!(
                classes.iter().any(|&(class, _)| class == id),
                "concept {name} has index {id}, which is no class"
            );
            Concept {
                name: (*name).to_owned(),
                synonyms: synonyms.iter().map(|&word| word.to_owned()).collect(),
                positive: vec![id],
                negative: classes
                    .iter()
                    .map(|&(class, _)| class)
                    .filter(|&class| class != id)
                    .collect(),
            }
        };
        Self {
            classes: classes
                .iter()
                .map(|&(id, name)| Class { id, name: name.to_owned() })
                .collect(),
            concepts: concepts.iter().map(concept).collect(),
            ruled_out: Vec::new(),
            competing: Vec::new(),
        }
    }

    /// Adds a concept of its own: pixels of the indices `positive` show what `words` name, those of
    /// `negative` do not, and the rest say nothing. For labels that overlap: a forest is
    /// vegetation, too.
    #[must_use]
    pub fn labelling(mut self, words: &[&str], positive: &[u8], negative: &[u8]) -> Self {
        self.concepts.push(self.new_concept(words, positive, negative));
        self
    }

    /// Adds what the set knows without having labelled it: pixels of index `ids` do not show what
    /// `words` name. A roof is no vegetation; a city that was not flooded shows no flood. Such
    /// words have targets but are no concepts of the set: nobody can be evaluated on them.
    #[must_use]
    pub fn ruling_out(mut self, words: &[&str], ids: &[u8]) -> Self {
        self.ruled_out.push(self.new_concept(words, &[], ids));
        self
    }

    /// Adds an index that masks may hold and that says nothing about any concept: what a set's own
    /// evaluation leaves out.
    #[must_use]
    pub fn ignoring(mut self, id: u8, name: &str) -> Self {
        assert!(!self.allows(id), "{name} has index {id}, which is taken");
        self.classes.push(Class { id, name: name.to_owned() });
        self
    }

    /// Adds a word that competes where the largest score decides and is not scored itself: no index
    /// stands for it, and a pixel that goes to it is lost to its true class.
    #[must_use]
    pub fn competing(mut self, word: &str) -> Self {
        assert!(self.targets(word).is_none(), "{word} is labelled by this set");
        self.competing.push(word.to_owned());
        self
    }

    fn new_concept(&self, words: &[&str], positive: &[u8], negative: &[u8]) -> Concept {
        let (name, synonyms) = words.split_first().expect("a concept has a name");
        assert!(self.targets(name).is_none(), "{name} is labelled by this set");
        Concept {
            name: (*name).to_owned(),
            synonyms: synonyms.iter().map(|&word| word.to_owned()).collect(),
            positive: positive.to_vec(),
            negative: negative.to_vec(),
        }
    }

    /// A table of images without masks: no class, no concept, every pixel [`IGNORE`].
    pub fn unlabelled() -> Self {
        Self {
            classes: Vec::new(),
            concepts: Vec::new(),
            ruled_out: Vec::new(),
            competing: Vec::new(),
        }
    }

    /// The indices, in the order of the table.
    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// What can be asked, in the order of the table.
    pub fn concepts(&self) -> &[Concept] {
        &self.concepts
    }

    /// Words that compete with the concepts where the largest score decides: see
    /// [`ClassTable::competing`].
    pub fn competitors(&self) -> &[String] {
        &self.competing
    }

    /// Whether every index that says anything is one concept's, so that the largest score has to be
    /// right everywhere. Ignored indices do not matter: their pixels count nowhere.
    pub fn labels_every_pixel(&self) -> bool {
        let stated = self.classes.iter().filter(|class| !self.ignores(class.id)).count();
        self.concepts.len() > 1 && stated == self.concepts.len()
    }

    /// Name of an index.
    pub fn class_name(&self, id: u8) -> Option<&str> {
        self.classes.iter().find(|class| class.id == id).map(|class| class.name.as_str())
    }

    /// Whether a mask of this set may hold `id`.
    pub fn allows(&self, id: u8) -> bool {
        id == IGNORE || self.classes.iter().any(|class| class.id == id)
    }

    /// Whether masks may hold `id` and it says nothing about any concept.
    pub fn ignores(&self, id: u8) -> bool {
        self.concepts
            .iter()
            .all(|concept| !concept.positive.contains(&id) && !concept.negative.contains(&id))
    }

    /// Whether every concept is one index and a negative for all others, as in
    /// [`ClassTable::exclusive`], and nothing is ruled out.
    pub fn is_exclusive(&self) -> bool {
        let stated = || self.classes.iter().map(|class| class.id).filter(|&id| !self.ignores(id));
        let is_one = |concept: &Concept| {
            concept.positive.len() == 1
                && stated()
                    .all(|id| concept.positive.contains(&id) || concept.negative.contains(&id))
        };
        self.ruled_out.is_empty() && self.concepts.iter().all(is_one)
    }

    /// The concept that has `query` as its name or as a synonym; letter case does not matter.
    pub fn concept(&self, query: &str) -> Option<&Concept> {
        self.concepts.iter().find(|concept| concept.is_called(query))
    }

    /// Target of every index for `query`, or `None` when this set says nothing about it.
    pub fn targets(&self, query: &str) -> Option<[u8; 256]> {
        let ruled_out = || self.ruled_out.iter().find(|concept| concept.is_called(query));
        self.concept(query).or_else(ruled_out).map(Concept::targets)
    }

    /// This table with the concepts of `queries` gone, as if nobody had labelled them: their
    /// indices become [`UNLABELLED`] for every other concept too. For open-vocabulary folds.
    #[must_use]
    pub fn without(&self, queries: &[&str]) -> Self {
        let held_out = |concept: &&Concept| queries.iter().any(|query| concept.is_called(query));
        let hidden: Vec<u8> =
            self.concepts.iter().filter(held_out).flat_map(|c| c.positive.clone()).collect();
        let rest = |concepts: &[Concept]| {
            let rest = concepts.iter().filter(|concept| !held_out(concept)).cloned();
            let unlabelled = |mut concept: Concept| {
                concept.negative.retain(|id| !hidden.contains(id));
                concept
            };
            rest.map(unlabelled).collect()
        };
        Self {
            classes: self.classes.clone(),
            concepts: rest(&self.concepts),
            ruled_out: rest(&self.ruled_out),
            competing: self.competing.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> ClassTable {
        ClassTable::exclusive(
            &[(0, "other"), (1, "water"), (2, "building")],
            &[(1, &["water"]), (2, &["building", "roof", "house"])],
        )
    }

    #[test]
    fn every_other_class_is_a_negative_and_the_rest_is_unlabelled() {
        let targets = table().targets("building").unwrap();
        assert_eq!(&targets[..4], &[NEGATIVE, NEGATIVE, POSITIVE, UNLABELLED]);
        assert_eq!(targets[255], UNLABELLED);
    }

    #[test]
    fn a_synonym_in_any_case_finds_its_concept() {
        assert_eq!(table().concept(" Roof ").unwrap().name, "building");
    }

    #[test]
    fn a_set_says_nothing_about_what_it_does_not_label() {
        assert_eq!(table().targets("vegetation"), None);
        assert_eq!(ClassTable::unlabelled().targets("water"), None);
    }

    #[test]
    fn a_held_out_class_is_no_negative_for_the_others() {
        let fold = table().without(&["house"]);
        assert_eq!(fold.targets("building"), None);
        assert_eq!(&fold.targets("water").unwrap()[..3], &[NEGATIVE, POSITIVE, UNLABELLED]);
        assert!(fold.allows(2));
    }

    #[test]
    fn an_ignored_index_may_occur_and_is_unlabelled_for_every_concept() {
        let table = table().ignoring(9, "clutter");
        assert!(table.allows(9));
        assert_eq!(table.class_name(9), Some("clutter"));
        assert_eq!(table.targets("water").unwrap()[9], UNLABELLED);
    }

    #[test]
    fn every_pixel_is_labelled_where_each_index_is_a_concept_or_ignored() {
        assert!(!table().labels_every_pixel(), "other is nobody's");
        let complete =
            ClassTable::exclusive(&[(1, "water"), (2, "roof")], &[(1, &["water"]), (2, &["roof"])]);
        assert!(
            complete.labels_every_pixel()
                && complete.clone().ignoring(9, "clutter").labels_every_pixel()
        );
        assert!(
            !complete.without(&["roof"]).labels_every_pixel(),
            "one concept is always the largest"
        );
    }

    #[test]
    fn a_table_with_one_index_a_word_is_exclusive() {
        assert!(table().is_exclusive() && table().ignoring(9, "clutter").is_exclusive());
        assert!(!table().labelling(&["roof garden"], &[2], &[0]).is_exclusive(), "1 is left open");
        assert!(!table().labelling(&["built or wet"], &[1, 2], &[0]).is_exclusive());
        assert!(!table().ruling_out(&["flood"], &[0]).is_exclusive());
    }

    #[test]
    fn what_is_ruled_out_is_a_negative_but_no_concept() {
        let table = table().ruling_out(&["vegetation", "plants"], &[1, 2]);
        assert_eq!(&table.targets("plants").unwrap()[..3], &[UNLABELLED, NEGATIVE, NEGATIVE]);
        assert!(table.concept("vegetation").is_none());
        let fold = table.without(&["building"]);
        assert_eq!(&fold.targets("vegetation").unwrap()[..3], &[UNLABELLED, NEGATIVE, UNLABELLED]);
        assert_eq!(table.without(&["plants"]).targets("vegetation"), None);
    }
}
