//! From words to query vectors.

use std::collections::BTreeMap;

use rszs_bundle::Template;
use rszs_graph::{Graph, Tensor};
use rszs_tokenizer::Tokenizer;

use crate::engine::{Engine, RunError};
use crate::words::Word;

/// Sentences a call: enough to fill an engine, small enough for its memory.
const SENTENCES_A_CALL: usize = 64;

/// The text tower in an engine, with its tokenizer.
#[derive(Debug)]
pub struct TextTower<'a> {
    /// Made by `rszs_network::text_graph`.
    pub graph: &'a Graph,
    /// That graph, lowered and loaded.
    pub engine: Engine,
    /// From text to token numbers.
    pub tokenizer: &'a Tokenizer,
    /// Tokens a sentence.
    pub context: usize,
}

/// Why words cannot be encoded.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// More tokens than the tower reads.
    #[error(
        "{word}: expected a sentence of at most {context} tokens, found a longer one: \
         {sentence:?}; use fewer words"
    )]
    TooLong {
        /// The word.
        word: String,
        /// The sentence around it.
        sentence: String,
        /// Tokens the tower reads.
        context: usize,
    },
    /// Vectors that cancel, or are not numbers.
    #[error(
        "{word}: expected an embedding with a direction, found length {length} (are the weights \
         trained?)"
    )]
    NoDirection {
        /// The word.
        word: String,
        /// Length of the mean.
        length: f32,
    },
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] RunError),
}

impl TextTower<'_> {
    /// One row a word, `[words, D]`: the mean over all sentences with the name and with each
    /// synonym, of length 1.
    pub fn rows(&mut self, words: &[Word], templates: &[Template]) -> Result<Tensor, TextError> {
        let mut sentences = Vec::new();
        let mut counts = Vec::new();
        for word in words {
            let before = sentences.len();
            for name in std::iter::once(&word.name).chain(&word.synonyms) {
                sentences
                    .extend(templates.iter().map(|template| (word, template.fill(name.as_str()))));
            }
            counts.push(sentences.len() - before);
        }
        let mut embeddings = Vec::new();
        for batch in sentences.chunks(SENTENCES_A_CALL) {
            let feeds = feeds(self.tokenizer, self.context, batch)?;
            let outputs = self.engine.run(self.graph, &feeds)?;
            embeddings.extend(outputs.into_iter().flat_map(|(_, tensor)| tensor.values));
        }
        let width = embeddings.len() / sentences.len().max(1);
        let mut rest = embeddings.as_slice();
        let mut rows = Vec::with_capacity(words.len() * width);
        for (word, count) in words.iter().zip(counts) {
            let (own, others) = rest.split_at(count * width);
            rows.extend(mean_direction(word, own, width)?);
            rest = others;
        }
        Ok(Tensor::new([words.len(), width], rows))
    }
}

/// `tokens` and `end` for the bare names of the first words, to try a tower with.
pub fn feeds_of_names(
    tokenizer: &Tokenizer,
    context: usize,
    words: &[Word],
    most: usize,
) -> Result<BTreeMap<String, Tensor>, TextError> {
    let names: Vec<(&Word, String)> =
        words.iter().take(most).map(|word| (word, word.name.to_string())).collect();
    feeds(tokenizer, context, &names)
}

/// `tokens` and `end` for sentences, each with the word it is about.
fn feeds(
    tokenizer: &Tokenizer,
    context: usize,
    sentences: &[(&Word, String)],
) -> Result<BTreeMap<String, Tensor>, TextError> {
    let shape = [sentences.len(), context];
    let mut tokens = Vec::with_capacity(sentences.len() * context);
    let mut end = Tensor::zeros(shape);
    for (row, (word, sentence)) in sentences.iter().enumerate() {
        let encoded = tokenizer.encode(sentence, context);
        if encoded.truncated {
            let (word, sentence) = (word.name.to_string(), sentence.clone());
            return Err(TextError::TooLong { word, sentence, context });
        }
        tokens.extend(encoded.ids.iter().map(|&id| id as f32));
        end.values[row * context + encoded.end] = 1.0;
    }
    Ok([("tokens".to_owned(), Tensor::new(shape, tokens)), ("end".to_owned(), end)].into())
}

/// The mean of rows of length 1, brought to length 1 again.
fn mean_direction(word: &Word, rows: &[f32], width: usize) -> Result<Vec<f32>, TextError> {
    let mut mean = vec![0.0; width];
    let count = (rows.len() / width) as f32;
    for row in rows.chunks_exact(width) {
        mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += value / count);
    }
    let length = mean.iter().map(|value| value * value).sum::<f32>().sqrt();
    if !length.is_finite() || length < 1e-6 {
        return Err(TextError::NoDirection { word: word.name.to_string(), length });
    }
    Ok(mean.into_iter().map(|value| value / length).collect())
}
