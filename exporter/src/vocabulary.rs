//! From words and their vectors to the vocabulary of a bundle.

use rszs_bundle::{Entry, Threshold, Vocabulary, VocabularyError};
use rszs_graph::Tensor;

use crate::words::{Word, colour_of};

/// A threshold typed by hand, by class name.
#[derive(Debug, Clone, PartialEq)]
pub struct TypedThreshold {
    /// The class.
    pub name: String,
    /// From this score on a pixel belongs to it.
    pub threshold: Threshold,
}

/// A threshold for a class that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: expected a class of the vocabulary to set a threshold for, found none; the \
    classes are {}", known.join(", "))]
pub struct UnknownClass {
    name: String,
    known: Vec<String>,
}

impl std::str::FromStr for TypedThreshold {
    type Err = String;

    /// Reads `flood=0.31`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, number) =
            text.split_once('=').ok_or_else(|| format!("expected name=0.31, found {text:?}"))?;
        let number: f32 = number
            .trim()
            .parse()
            .map_err(|_| format!("expected a number after =, found {number:?}"))?;
        let threshold = Threshold::new(number).map_err(|error| error.to_string())?;
        Ok(Self { name: name.trim().to_owned(), threshold })
    }
}

/// The entries of a vocabulary: `words`, then the hidden `support` words.
pub fn entries(
    words: &[Word],
    support: &[Word],
    template_set: &str,
    thresholds: &[TypedThreshold],
) -> Result<Vec<Entry>, UnknownClass> {
    let supported = support.iter().map(|word| (word, true));
    let all = words.iter().map(|word| (word, false)).chain(supported).enumerate();
    let mut entries: Vec<Entry> = all
        .map(|(index, (word, support))| {
            let colour = word.colour.unwrap_or_else(|| colour_of(index));
            let entry = Entry::new(word.name.clone(), template_set, colour);
            Entry { synonyms: word.synonyms.clone(), support, ..entry }
        })
        .collect();
    for TypedThreshold { name, threshold } in thresholds {
        let known = || entries.iter().map(|entry| entry.name.to_string()).collect();
        let unknown = UnknownClass { name: name.clone(), known: known() };
        let entry = entries.iter_mut().find(|entry| entry.name.as_str() == name).ok_or(unknown)?;
        entry.threshold = *threshold;
    }
    Ok(entries)
}

/// Entries with their rows `[words, D]`.
pub fn vocabulary(entries: Vec<Entry>, rows: &Tensor) -> Result<Vocabulary, VocabularyError> {
    Vocabulary::new(entries, rows.values.clone(), rows.shape[1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::parse_words;

    fn words(text: &str) -> Vec<Word> {
        parse_words(std::path::Path::new("words.txt"), text).unwrap()
    }

    #[test]
    fn support_words_follow_and_are_hidden() {
        let typed = "flood=0.31".parse().unwrap();
        let entries =
            entries(&words("flood, water\nroad = 010203"), &words("sky"), "plain", &[typed])
                .unwrap();
        let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["flood", "road", "sky"]);
        assert_eq!(
            entries.iter().map(|entry| entry.support).collect::<Vec<_>>(),
            [false, false, true]
        );
        assert!((entries[0].threshold.get() - 0.31).abs() < f32::EPSILON);
        assert_eq!(entries[1].colour, [1, 2, 3]);
    }

    #[test]
    fn a_threshold_for_no_class_lists_the_classes() {
        let typed = "fire=0.5".parse().unwrap();
        let error = entries(&words("flood\nroad"), &[], "plain", &[typed]).unwrap_err();
        let expected = "fire: expected a class of the vocabulary to set a threshold for, found \
            none; the classes are flood, road";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_threshold_outside_0_to_1_is_refused() {
        assert!("flood=1.2".parse::<TypedThreshold>().is_err());
        assert!("flood".parse::<TypedThreshold>().is_err());
    }
}
