//! Names people type.

use serde::{Deserialize, Serialize};
use std::fmt;

/// More characters than this is no name.
const LIMIT_CHARS: usize = 100;

/// A class name or synonym: 1 to 100 visible characters, no space at either end, nothing invisible,
/// and neither of the characters `,` and `=`, which separate queries on the command line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// A text that is no [`Name`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing to see.
    #[error("name: expected at least one letter or digit, found {0:?}")]
    Empty(String),
    /// Longer than any name.
    #[error("name: expected at most {LIMIT_CHARS} characters, found {found} ({start:?}…)")]
    TooLong {
        /// Characters.
        found: usize,
        /// The first of them.
        start: String,
    },
    /// A character that is invisible, changes the writing direction or has a meaning on the command
    /// line.
    #[error("name {name:?}: expected visible characters other than `,` and `=`, found {found:?}")]
    Character {
        /// The whole name.
        name: String,
        /// The offending character.
        found: char,
    },
    /// White space at an end.
    #[error("name {0:?}: expected no space at either end")]
    Untrimmed(String),
}

impl Name {
    /// Checks `text`.
    pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        let found = text.chars().count();
        if found > LIMIT_CHARS {
            return Err(NameError::TooLong { found, start: text.chars().take(20).collect() });
        }
        if let Some(found) = text.chars().find(|&c| is_forbidden(c)) {
            return Err(NameError::Character { name: text, found });
        }
        if normalised(&text).is_empty() {
            return Err(NameError::Empty(text));
        }
        if text.trim() != text {
            return Err(NameError::Untrimmed(text));
        }
        Ok(Self(text))
    }

    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `text` as names are compared: lower case, with each run of spaces, hyphens and underscores as
/// one space.
pub fn normalised(text: &str) -> String {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| c.is_whitespace() || matches!(c, '-' | '_' | '‐' | '‑'))
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ")
}

fn is_forbidden(c: char) -> bool {
    let is_invisible = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{ffff}' | '\u{e0000}'..='\u{e0fff}');
    c.is_control() || is_invisible || matches!(c, ',' | '=')
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_spaces_hyphens_and_underscores_do_not_matter() {
        for written in ["Swimming Pool", "swimming-pool", "swimming_pool", " swimming   pool "] {
            assert_eq!(normalised(written), "swimming pool");
        }
    }

    #[test]
    fn names_of_other_scripts_are_names() {
        for name in ["Gebäude", "建物", "здание", "नदी"] {
            assert!(Name::new(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn invisible_and_direction_changing_characters_are_refused() {
        for name in ["tre\u{200b}e", "\u{202e}eert", "a\u{0}b", "a\nb", "a\u{fe0f}", "\u{e0041}a"] {
            assert!(matches!(Name::new(name), Err(NameError::Character { .. })), "{name:?}");
        }
    }

    #[test]
    fn what_separates_queries_is_not_part_of_a_name() {
        assert!(Name::new("a,b").is_err() && Name::new("a=1").is_err());
    }

    #[test]
    fn empty_untrimmed_and_overlong_names_are_refused() {
        assert!(matches!(Name::new(""), Err(NameError::Empty(_))));
        assert!(matches!(Name::new("--"), Err(NameError::Empty(_))));
        assert!(matches!(Name::new(" tree"), Err(NameError::Untrimmed(_))));
        assert!(matches!(Name::new("x".repeat(10_000_000)), Err(NameError::TooLong { .. })));
    }
}
