//! Cutting a cleaned text into the words that are encoded one by one.

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// Marks the start of every encoded text.
pub(crate) const START_OF_TEXT: &str = "<|startoftext|>";
/// Marks the end of every encoded text.
pub(crate) const END_OF_TEXT: &str = "<|endoftext|>";

const WHOLE: [&str; 9] = [START_OF_TEXT, END_OF_TEXT, "'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

/// The words of `text`, white space left out. CLIP's pattern, by hand, alternatives in its order:
/// `<|startoftext|>|<|endoftext|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`,
/// ignoring case.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(is_space);
        let (word, after) = rest.split_at(first_word_bytes(rest));
        rest = after;
        (!word.is_empty()).then_some(word)
    })
}

fn first_word_bytes(rest: &str) -> usize {
    if let Some(bytes) = WHOLE.iter().find_map(|whole| bytes_ignoring_case(rest, whole)) {
        return bytes;
    }
    let Some(first) = rest.chars().next() else { return 0 };
    let stop = if is_letter(first) {
        rest.find(|c| !is_letter(c))
    } else if is_number(first) {
        Some(first.len_utf8())
    } else {
        rest.find(|c| is_space(c) || is_letter(c) || is_number(c))
    };
    stop.unwrap_or(rest.len())
}

/// Bytes of `rest` that match all of `pattern` (lower-case ASCII), or none.
fn bytes_ignoring_case(rest: &str, pattern: &str) -> Option<usize> {
    let mut characters = rest.char_indices();
    for expected in pattern.chars() {
        let (_, found) = characters.next()?;
        // The long s folds to s and survives lower-casing, so `'ſ` is a contraction too.
        let found = if found == 'ſ' { 's' } else { found.to_ascii_lowercase() };
        if found != expected {
            return None;
        }
    }
    Some(characters.offset())
}

pub(crate) fn is_space(c: char) -> bool {
    // Python's idea of white space also holds the four separators of ASCII.
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

fn is_letter(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphabetic()
    } else {
        c.general_category_group() == GeneralCategoryGroup::Letter
    }
}

fn is_number(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_digit()
    } else {
        c.general_category_group() == GeneralCategoryGroup::Number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        words(text).collect()
    }

    #[test]
    fn digits_stand_alone_and_letters_stay_together() {
        assert_eq!(split("b52 bomber"), ["b", "5", "2", "bomber"]);
    }

    #[test]
    fn contractions_are_cut_off_only_directly_behind_an_apostrophe() {
        assert_eq!(split("don't 'tis we'll"), ["don", "'t", "'t", "is", "we", "'ll"]);
    }

    #[test]
    fn punctuation_runs_together_until_a_letter_digit_or_space() {
        assert_eq!(split("a--!?b ...1"), ["a", "--!?", "b", "...", "1"]);
    }

    #[test]
    fn a_punctuation_run_swallows_the_apostrophe_of_a_contraction() {
        assert_eq!(split("(a)'s"), ["(", "a", ")'", "s"]);
    }

    #[test]
    fn a_vowel_sign_is_not_a_letter() {
        assert_eq!(split("कि"), ["क", "\u{93f}"]);
    }

    #[test]
    fn special_tokens_are_words() {
        assert_eq!(split("a<|endoftext|>b"), ["a", "<|endoftext|>", "b"]);
        assert_eq!(split("!<|endoftext|>b"), ["!<|", "endoftext", "|>", "b"]);
    }
}
