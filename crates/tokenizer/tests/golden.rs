//! Our ids against those of an independent tokenizer, `open_clip`'s copy of CLIP's own.
//!
//! `golden/strings.json` holds 209 strings: class names in sentences, contractions, digits,
//! punctuation, entities, other scripts, characters that change under lower-casing or composition,
//! special tokens, texts beyond the context. `golden/merges.json` holds 500 merges that
//! `train_merges` learned from those strings, each read twice so that words that occur once are
//! merged too. `golden/expected.json` is what `golden/make_expected.py` got from `open_clip` 3.3.0
//! with them. After a wanted change of the strings:
//! `RSZS_WRITE_GOLDEN=1 cargo test -p rszs-tokenizer --test golden`, then the script.

use rszs_tokenizer::{Tokenizer, train::train_merges};
use std::path::PathBuf;

const CONTEXT: usize = 24;
const VOCABULARY: usize = 512 + 500 + 2;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).expect("the golden files are committed")
}

fn strings() -> Vec<String> {
    serde_json::from_slice(&read("strings.json")).expect("strings.json is a list of strings")
}

fn expected() -> Vec<Vec<u32>> {
    serde_json::from_slice(&read("expected.json")).expect("expected.json is a list of lists of ids")
}

fn tokenizer() -> Tokenizer {
    Tokenizer::from_json(&read("merges.json")).expect("merges.json is a table of merges")
}

#[test]
fn training_gives_the_committed_merges() {
    let strings = strings();
    let trained =
        train_merges(strings.iter().chain(&strings).map(String::as_str), VOCABULARY).to_json();
    if std::env::var_os("RSZS_WRITE_GOLDEN").is_some() {
        std::fs::write(path("merges.json"), &trained).unwrap();
    }
    assert_eq!(
        String::from_utf8(trained).unwrap(),
        String::from_utf8(read("merges.json")).unwrap()
    );
}

#[test]
fn training_does_not_depend_on_the_order_of_the_corpus() {
    let strings = strings();
    let backwards = train_merges(
        strings.iter().rev().chain(strings.iter().rev()).map(String::as_str),
        VOCABULARY,
    );
    assert_eq!(backwards.to_json(), tokenizer().to_json());
}

#[test]
fn every_string_becomes_the_ids_that_clip_gives_it() {
    let (strings, expected, tokenizer) = (strings(), expected(), tokenizer());
    assert_eq!(strings.len(), expected.len());
    assert_eq!(tokenizer.vocabulary_size(), VOCABULARY);
    for (string, expected) in strings.iter().zip(&expected) {
        let encoded = tokenizer.encode(string, CONTEXT);
        let (ids, padding) = encoded.ids.split_at(expected.len());
        assert_eq!(ids, expected, "{string:?}");
        assert!(padding.iter().all(|&id| id == 0) && encoded.ids.len() == CONTEXT, "{string:?}");
    }
}

#[test]
fn the_end_is_where_the_largest_id_first_stands() {
    let tokenizer = tokenizer();
    for string in strings() {
        let encoded = tokenizer.encode(&string, CONTEXT);
        let first = encoded.ids.iter().position(|&id| id == VOCABULARY as u32 - 1).unwrap();
        assert_eq!(encoded.end, first, "{string:?}");
    }
}

#[test]
fn a_text_is_truncated_exactly_when_it_does_not_fit() {
    let tokenizer = tokenizer();
    for string in strings() {
        let whole = tokenizer.encode(&string, 1000);
        let ids = whole.ids.iter().rposition(|&id| id != 0).unwrap() + 1;
        assert!(!whole.truncated, "{string:?}");
        assert!(!tokenizer.encode(&string, ids).truncated, "{string:?}");
        if ids > 2 {
            assert!(tokenizer.encode(&string, ids - 1).truncated, "{string:?}");
        }
    }
}

#[test]
fn the_original_file_form_reads_the_same_merges() {
    let json: serde_json::Value = serde_json::from_slice(&read("merges.json")).unwrap();
    let lines: Vec<&str> =
        json["merges"].as_array().unwrap().iter().map(|merge| merge.as_str().unwrap()).collect();
    let text = format!("#version: 0.2\n{}\n", lines.join("\n"));
    assert_eq!(Tokenizer::from_clip_merges(&text).unwrap().to_json(), tokenizer().to_json());
}
