//! A word file: the classes of a vocabulary.
//!
//! ```text
//! # one line a class: its name, then synonyms, then maybe a colour for masks
//! flood, flooded area, inundation = 56b4e9
//! building, house
//! ```

use std::path::{Path, PathBuf};
use std::{fs, io};

use rszs_bundle::{Name, NameError};

/// One class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The name that masks and reports carry.
    pub name: Name,
    /// Other words for it; they are encoded, too, and found by the device.
    pub synonyms: Vec<Name>,
    /// Red, green, blue.
    pub colour: Option<[u8; 3]>,
}

/// A word file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WordsError {
    /// The system says no.
    #[error("{}: expected a text file of words, found: {source}", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// A word that is none.
    #[error("{}:{line}: {source}", path.display())]
    Name {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        source: NameError,
    },
    /// A colour that is none.
    #[error("{}:{line}: expected a colour of six hexadecimal digits such as 56b4e9, found \
        {found:?}", path.display())]
    Colour {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What stands there.
        found: String,
    },
    /// No class at all.
    #[error("{}: expected at least one word, found none", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// Reads a word file.
pub fn read_words(path: &Path) -> Result<Vec<Word>, WordsError> {
    let text = fs::read_to_string(path)
        .map_err(|source| WordsError::Disk { path: path.to_owned(), source })?;
    parse_words(path, &text)
}

/// Reads the text of a word file; `path` is for errors.
pub fn parse_words(path: &Path, text: &str) -> Result<Vec<Word>, WordsError> {
    let mut words = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let content = line.split('#').next().unwrap_or_default().trim();
        if !content.is_empty() {
            words.push(parse_line(path, index + 1, content)?);
        }
    }
    if words.is_empty() {
        return Err(WordsError::Empty { path: path.to_owned() });
    }
    Ok(words)
}

fn parse_line(path: &Path, line: usize, content: &str) -> Result<Word, WordsError> {
    let (names, colour) = match content.split_once('=') {
        Some((names, colour)) => (names, Some(parse_colour(path, line, colour.trim())?)),
        None => (content, None),
    };
    let name = |text: &str| {
        Name::new(text.trim()).map_err(|source| WordsError::Name {
            path: path.to_owned(),
            line,
            source,
        })
    };
    let mut names = names.split(',');
    let first = name(names.next().unwrap_or_default())?;
    Ok(Word { name: first, synonyms: names.map(name).collect::<Result<_, _>>()?, colour })
}

fn parse_colour(path: &Path, line: usize, text: &str) -> Result<[u8; 3], WordsError> {
    let is_colour = text.len() == 6 && text.chars().all(|digit| digit.is_ascii_hexdigit());
    let number = u32::from_str_radix(text, 16).ok().filter(|_| is_colour);
    let wrong = || WordsError::Colour { path: path.to_owned(), line, found: text.to_owned() };
    let [_, red, green, blue] = number.ok_or_else(wrong)?.to_be_bytes();
    Ok([red, green, blue])
}

/// A colour for class `index` where the file has none: hues a golden angle apart, so that
/// neighbours differ.
pub fn colour_of(index: usize) -> [u8; 3] {
    const GOLDEN_ANGLE: f32 = 0.381_966;
    let hue = (index as f32 * GOLDEN_ANGLE).fract() * 6.0;
    let channel = |offset: f32| {
        // A trapezoid over the circle of hues, at saturation 0.75 and value 0.95.
        let distance = ((hue + offset) % 6.0 - 3.0).abs();
        let saturated = (distance - 1.0).clamp(0.0, 1.0);
        (255.0 * 0.95 * (0.25 + 0.75 * saturated)) as u8
    };
    [channel(0.0), channel(4.0), channel(2.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<Word>, WordsError> {
        parse_words(Path::new("words.txt"), text)
    }

    #[test]
    fn a_line_is_a_name_its_synonyms_and_a_colour() {
        let words = parse("# classes\n\nflood, flooded area = 56b4e9 # blue\nbuilding\n").unwrap();
        let text = |name: &str| Name::new(name).unwrap();
        let flood = Word {
            name: text("flood"),
            synonyms: vec![text("flooded area")],
            colour: Some([86, 180, 233]),
        };
        let building = Word { name: text("building"), synonyms: vec![], colour: None };
        assert_eq!(words, [flood, building]);
    }

    #[test]
    fn what_is_no_word_file_is_named_with_its_line() {
        let error = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(error("# nothing\n"), "words.txt: expected at least one word, found none");
        assert_eq!(
            error("road\nflood = blue"),
            "words.txt:2: expected a colour of six hexadecimal digits such as 56b4e9, found \
             \"blue\""
        );
        assert_eq!(
            error("flood,,water"),
            "words.txt:1: name: expected at least one letter or digit, found \"\""
        );
    }

    #[test]
    fn the_first_hundred_colours_differ() {
        let colours: std::collections::BTreeSet<_> = (0..100).map(colour_of).collect();
        assert_eq!(colours.len(), 100);
        assert_eq!(colour_of(0), [242, 60, 60]);
    }
}
