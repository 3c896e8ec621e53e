//! The tokenizer and its two file forms.

use crate::merge_table::{BYTE_IDS, MergeTable};
use crate::split::{END_OF_TEXT, START_OF_TEXT, words};
use crate::{Encoded, TokenizerError, clean};
use serde::{Deserialize, Serialize};

/// Merges in the original table; its file holds more lines, which CLIP does not read.
const CLIP_MERGES: usize = 49_152 - 256 - 2;

/// CLIP's byte-pair encoder over one table of merges.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    table: MergeTable,
}

/// `{"merges": ["a b", …]}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonForm {
    merges: Vec<String>,
}

impl Tokenizer {
    /// From our own file form, `{"merges": ["a b", …]}`.
    pub fn from_json(bytes: &[u8]) -> Result<Self, TokenizerError> {
        let form: JsonForm = serde_json::from_slice(bytes)?;
        Self::from_lines(form.merges.iter().map(String::as_str))
    }

    /// From the text of the original `bpe_simple_vocab_16e6.txt` (already unpacked): lines 2 to
    /// 48,895. A shorter file of the same form gives a smaller vocabulary; blank lines at its end
    /// count for nothing.
    pub fn from_clip_merges(text: &str) -> Result<Self, TokenizerError> {
        Self::from_lines(text.trim_end().split('\n').skip(1).take(CLIP_MERGES))
    }

    fn from_lines<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Self, TokenizerError> {
        let pairs = (1..).zip(lines).map(|(number, line)| {
            let mut symbols = line.split_whitespace();
            match (symbols.next(), symbols.next(), symbols.next()) {
                (Some(left), Some(right), None) => Ok((left.to_owned(), right.to_owned())),
                _ => {
                    Err(TokenizerError::NotAPair { number, found: line.chars().take(80).collect() })
                }
            }
        });
        Self::from_pairs(pairs.collect::<Result<_, _>>()?)
    }

    pub(crate) fn from_pairs(pairs: Vec<(String, String)>) -> Result<Self, TokenizerError> {
        Ok(Self { table: MergeTable::new(pairs)? })
    }

    /// The form that [`Tokenizer::from_json`] reads, one merge a line.
    pub fn to_json(&self) -> Vec<u8> {
        let merges: Vec<String> = self
            .table
            .pairs()
            .iter()
            .map(|(left, right)| serde_json::json!(format!("{left} {right}")).to_string())
            .collect();
        format!("{{\"merges\": [\n{}\n]}}\n", merges.join(",\n")).into_bytes()
    }

    /// How many ids there are: 512 for bytes, one per merge, start and end of text.
    pub fn vocabulary_size(&self) -> usize {
        BYTE_IDS as usize + self.table.pairs().len() + 2
    }

    /// Id of the start-of-text token.
    pub fn start_of_text(&self) -> u32 {
        self.end_of_text() - 1
    }

    /// Id of the end-of-text token, the largest of all.
    pub fn end_of_text(&self) -> u32 {
        self.vocabulary_size() as u32 - 1
    }

    /// `text` as `context` ids: start of text, the words, end of text, zeros. A text that is too
    /// long loses its tail, never its end-of-text token. As in CLIP, a text that spells out a
    /// special token gets that token. Time grows with the square of the longest word, so text from
    /// outside wants a limit on its length first.
    ///
    /// # Panics
    /// If `context` is below 2: there must be room for start and end.
    pub fn encode(&self, text: &str, context: usize) -> Encoded {
        assert!(context >= 2, "a context of {context} has no room for start and end of text");
        let mut ids = vec![self.start_of_text()];
        for word in words(&clean(text)) {
            if ids.len() >= context {
                break;
            }
            ids.extend(self.word_ids(word));
        }
        let truncated = ids.len() >= context;
        ids.truncate(context - 1);
        ids.push(self.end_of_text());
        let end = ids.iter().position(|&id| id == self.end_of_text()).unwrap_or(ids.len() - 1);
        ids.resize(context, 0);
        Encoded { ids, end, truncated }
    }

    fn word_ids(&self, word: &str) -> Vec<u32> {
        match word {
            START_OF_TEXT => vec![self.start_of_text()],
            END_OF_TEXT => vec![self.end_of_text()],
            word => self.table.symbols(word),
        }
    }
}
