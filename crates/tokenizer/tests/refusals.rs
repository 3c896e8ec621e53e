//! Tables of merges that are refused, and texts that never are.

use proptest::prelude::*;
use rszs_tokenizer::{Tokenizer, TokenizerError};

fn from_merges(merges: &[&str]) -> Result<Tokenizer, TokenizerError> {
    Tokenizer::from_json(serde_json::json!({ "merges": merges }).to_string().as_bytes())
}

#[test]
fn a_merge_of_one_or_three_symbols_is_refused() {
    for merge in ["ab", "a b c", ""] {
        assert!(
            matches!(from_merges(&["a b", merge]), Err(TokenizerError::NotAPair { number: 2, .. })),
            "{merge:?}"
        );
    }
}

#[test]
fn a_merge_of_a_symbol_that_nothing_produces_is_refused() {
    let error = from_merges(&["a b", "ab cd"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "tokenizer: merge 2: expected byte symbols or results of earlier merges, found \"cd\" \
         (table cut or reordered?)"
    );
}

#[test]
fn a_repeated_merge_is_refused() {
    assert!(matches!(
        from_merges(&["a b", "c d", "a b"]),
        Err(TokenizerError::Repeated { number: 3, .. })
    ));
}

#[test]
fn more_merges_than_any_clip_has_are_refused() {
    assert!(matches!(
        from_merges(&vec!["a b"; 100_001]),
        Err(TokenizerError::TooManyMerges { found: 100_001, .. })
    ));
}

#[test]
fn json_of_another_form_is_refused() {
    for json in ["", "{}", "[]", r#"{"merges": ["a b"], "vocabulary": {}}"#, r#"{"merges": [1]}"#] {
        assert!(
            matches!(Tokenizer::from_json(json.as_bytes()), Err(TokenizerError::Json(_))),
            "{json}"
        );
    }
}

#[test]
fn two_merges_may_spell_the_same_symbol() {
    let tokenizer = from_merges(&["a b", "ab c</w>", "b c</w>", "a bc</w>"]).unwrap();
    // "a b" comes first, then "ab c</w>" (id 513), whose spelling carries the id of the last merge,
    // 515.
    assert_eq!(tokenizer.encode("abc", 4).ids, [516, 515, 517, 0]);
}

#[test]
fn an_empty_text_is_start_and_end() {
    let tokenizer = from_merges(&[]).unwrap();
    let encoded = tokenizer.encode(" \n", 4);
    assert_eq!((encoded.ids, encoded.end, encoded.truncated), (vec![512, 513, 0, 0], 1, false));
}

proptest! {
    #[test]
    fn any_text_fits_the_context_and_keeps_its_end(
        text in any::<String>(),
        context in 2_usize..40,
    ) {
        let tokenizer = from_merges(&["t h", "th e</w>"]).unwrap();
        let encoded = tokenizer.encode(&text, context);
        prop_assert_eq!(encoded.ids.len(), context);
        prop_assert_eq!(encoded.ids[0], tokenizer.start_of_text());
        prop_assert_eq!(encoded.ids[encoded.end], tokenizer.end_of_text());
        prop_assert!(encoded.ids.iter().all(|&id| (id as usize) < tokenizer.vocabulary_size()));
    }
}
