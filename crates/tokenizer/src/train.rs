//! Learning a table of merges from a corpus.

use crate::merge_table::{BYTE_IDS, MergeTable, replace_pair};
use crate::split::{END_OF_TEXT, START_OF_TEXT, words};
use crate::{Tokenizer, byte_symbols, clean};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

type Pair = (u32, u32);

/// Learns merges from the words of `corpus` until the vocabulary holds `vocabulary_size` ids (bytes
/// and the two special tokens included), or no two neighbours occur together twice; then the
/// vocabulary is smaller.
///
/// Plain byte-pair encoding (arXiv:1508.07909, algorithm 1): the most frequent pair of neighbours
/// is merged first, and of equally frequent ones the pair with the smaller ids, so that the same
/// corpus gives the same table whatever its order.
///
/// # Panics
/// If `vocabulary_size` is below 514, which bytes and special tokens take.
pub fn train_merges<'a>(
    corpus: impl Iterator<Item = &'a str>,
    vocabulary_size: usize,
) -> Tokenizer {
    let smallest = BYTE_IDS as usize + 2;
    assert!(
        vocabulary_size >= smallest,
        "a vocabulary of {vocabulary_size} is below the {smallest} ids of bytes"
    );
    let mut words = WordCounts::of(corpus);
    let mut symbols = Symbols::of_bytes();
    let mut merges = Vec::new();
    while merges.len() < vocabulary_size - smallest {
        let Some(pair) = words.most_frequent_pair() else { break };
        let (left, right) = (symbols.name(pair.0).to_owned(), symbols.name(pair.1).to_owned());
        words.merge(pair, symbols.id_of(format!("{left}{right}")));
        merges.push((left, right));
    }
    Tokenizer::from_pairs(merges).expect("each pair of symbols is taken once, after both exist")
}

/// Names of symbols; one id a name, so that two ways to spell a symbol stay one symbol.
struct Symbols {
    names: Vec<String>,
    ids: BTreeMap<String, u32>,
}

impl Symbols {
    fn of_bytes() -> Self {
        let inside = byte_symbols::in_vocabulary_order().map(|(_, symbol)| symbol.to_string());
        let at_end = byte_symbols::in_vocabulary_order().map(|(_, symbol)| format!("{symbol}</w>"));
        let names: Vec<String> = inside.chain(at_end).collect();
        Self { ids: names.iter().cloned().zip(0..).collect(), names }
    }

    fn name(&self, id: u32) -> &str {
        &self.names[id as usize]
    }

    fn id_of(&mut self, name: String) -> u32 {
        let next = self.names.len() as u32;
        let id = *self.ids.entry(name.clone()).or_insert(next);
        if id == next {
            self.names.push(name);
        }
        id
    }
}

/// The distinct words of a corpus, and where each pair of neighbours stands.
struct WordCounts {
    /// Symbols of a word, and how often it occurs.
    words: Vec<(Vec<u32>, u64)>,
    pairs: BTreeMap<Pair, Occurrences>,
    /// Most frequent first; of equals the smallest pair.
    by_frequency: BTreeSet<(Reverse<u64>, Pair)>,
}

#[derive(Default)]
struct Occurrences {
    count: u64,
    words: BTreeSet<usize>,
}

impl WordCounts {
    fn of<'a>(corpus: impl Iterator<Item = &'a str>) -> Self {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for text in corpus {
            for word in
                words(&clean(text)).filter(|&word| word != START_OF_TEXT && word != END_OF_TEXT)
            {
                match counts.get_mut(word) {
                    Some(count) => *count += 1,
                    None => drop(counts.insert(word.to_owned(), 1)),
                }
            }
        }
        let no_merges = MergeTable::new(Vec::new()).expect("an empty table is valid");
        let mut all = Self {
            words: counts.iter().map(|(word, &count)| (no_merges.symbols(word), count)).collect(),
            pairs: BTreeMap::new(),
            by_frequency: BTreeSet::new(),
        };
        for word in 0..all.words.len() {
            all.add_pairs(word);
        }
        all
    }

    fn most_frequent_pair(&self) -> Option<Pair> {
        self.by_frequency.first().filter(|(count, _)| count.0 >= 2).map(|&(_, pair)| pair)
    }

    fn merge(&mut self, pair: Pair, merged: u32) {
        let words =
            self.pairs.get(&pair).map(|occurrences| occurrences.words.clone()).unwrap_or_default();
        for word in words {
            self.remove_pairs(word);
            replace_pair(&mut self.words[word].0, pair, merged);
            self.add_pairs(word);
        }
    }

    fn add_pairs(&mut self, word: usize) {
        let (symbols, count) = &self.words[word];
        for pair in symbols.windows(2).map(|pair| (pair[0], pair[1])) {
            let occurrences = self.pairs.entry(pair).or_default();
            self.by_frequency.remove(&(Reverse(occurrences.count), pair));
            occurrences.count += count;
            occurrences.words.insert(word);
            self.by_frequency.insert((Reverse(occurrences.count), pair));
        }
    }

    fn remove_pairs(&mut self, word: usize) {
        let (symbols, count) = &self.words[word];
        for pair in symbols.windows(2).map(|pair| (pair[0], pair[1])) {
            let occurrences = self.pairs.entry(pair).or_default();
            self.by_frequency.remove(&(Reverse(occurrences.count), pair));
            occurrences.count -= count;
            occurrences.words.remove(&word);
            if occurrences.count == 0 {
                self.pairs.remove(&pair);
            } else {
                self.by_frequency.insert((Reverse(occurrences.count), pair));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALLEST: usize = 514;

    fn merges_of(corpus: &[&str], merges: usize) -> Vec<String> {
        let tokenizer = train_merges(corpus.iter().copied(), SMALLEST + merges);
        let form: serde_json::Value = serde_json::from_slice(&tokenizer.to_json()).unwrap();
        form["merges"]
            .as_array()
            .unwrap()
            .iter()
            .map(|merge| merge.as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn the_most_frequent_pair_is_merged_first() {
        assert_eq!(merges_of(&["lower lowest low"], 2), ["l o", "w e"]);
    }

    #[test]
    fn equally_frequent_pairs_are_merged_in_the_order_of_their_ids() {
        assert_eq!(merges_of(&["cd cd ab ab"], 2), ["a b</w>", "c d</w>"]);
        assert_eq!(merges_of(&["ab ab cd cd"], 2), ["a b</w>", "c d</w>"]);
    }

    #[test]
    fn training_stops_when_no_pair_occurs_twice() {
        assert_eq!(merges_of(&["ab ab xyz"], 100), ["a b</w>"]);
    }

    #[test]
    fn two_ways_to_spell_a_symbol_stay_one_symbol() {
        let corpus =
            ["abc abc abc abd abd abd abd zbcq zbcq zbcq zbcq zbcq abcq abcq abcq abcq abcq abcq \
             xabcqx xabcqx"];
        let tokenizer = train_merges(corpus.into_iter(), SMALLEST + 100);
        let ids = tokenizer.encode("abcq", 8);
        assert_eq!(ids.end, 2, "a word of the corpus is one symbol: {ids:?}");
    }

    #[test]
    fn frequent_words_become_one_symbol() {
        let tokenizer = train_merges(["flood water flood", "water"].into_iter(), SMALLEST + 50);
        assert_eq!(tokenizer.encode("Flood water", 6).ids.len(), 6);
        assert_eq!(tokenizer.encode("Flood water", 6).end, 3);
    }
}
