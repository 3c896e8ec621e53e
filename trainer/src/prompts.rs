//! From words to query vectors, by the frozen text tower.

use std::collections::BTreeMap;

use rszs_graph::Graph;
use rszs_tokenizer::Tokenizer;
use serde::Deserialize;
use tch::{Kind, Tensor};

use crate::device::upload;
use crate::{Mode, Parameters, TrainError, eval};

/// How a word becomes sentences.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptSettings {
    /// Sentences with `{}` for the word. Training draws one, evaluation takes the mean of all.
    pub templates: Vec<String>,
}

/// A text tower with its tokenizer.
#[derive(Debug)]
pub struct TextEncoder<'a> {
    /// The graph of `rszs_network::text_graph`.
    pub graph: &'a Graph,
    /// Words to tokens.
    pub tokenizer: &'a Tokenizer,
    /// Tokens of a prompt.
    pub context: usize,
}

impl TextEncoder<'_> {
    /// `[K, D]`, L2-normalised rows.
    pub fn embed(
        &self,
        texts: &[String],
        parameters: &Parameters,
        mode: Mode,
    ) -> Result<Tensor, TrainError> {
        let (tokens, end) = self.tokens(texts)?;
        let device = parameters.device();
        let feeds =
            BTreeMap::from([("tokens", upload(&tokens, device)?), ("end", upload(&end, device)?)]);
        let outputs = eval(self.graph, &["embeddings"], &feeds, parameters, mode)?;
        Ok(outputs["embeddings"].shallow_clone())
    }

    /// `tokens: i32 [K, context]` and `end: f32 [K, context]`, one-hot.
    pub fn tokens(&self, texts: &[String]) -> Result<(Tensor, Tensor), TrainError> {
        let mut ids = Vec::with_capacity(texts.len() * self.context);
        let mut end = vec![0.0_f32; texts.len() * self.context];
        for (row, text) in texts.iter().enumerate() {
            let encoded = self.tokenizer.encode(text, self.context);
            ids.extend(encoded.ids.iter().map(|&id| id as i32));
            end[row * self.context + encoded.end] = 1.0;
        }
        let shape = [texts.len() as i64, self.context as i64];
        Ok((
            Tensor::f_from_slice(&ids)?.f_reshape(shape)?,
            Tensor::f_from_slice(&end)?.f_reshape(shape)?,
        ))
    }
}

/// Query vectors of a fixed set of words, computed once.
#[derive(Debug)]
pub struct Prompts {
    /// Word -> `[templates, D]`.
    vectors: BTreeMap<String, Tensor>,
    templates: usize,
}

impl Prompts {
    /// Embeds every word in every template.
    pub fn new(
        encoder: &TextEncoder,
        parameters: &Parameters,
        settings: &PromptSettings,
        words: impl IntoIterator<Item = String>,
    ) -> Result<Self, TrainError> {
        let _guard = tch::no_grad_guard();
        let mut vectors = BTreeMap::new();
        for word in words {
            let word = word.to_lowercase();
            let texts: Vec<String> =
                settings.templates.iter().map(|template| template.replace("{}", &word)).collect();
            vectors.insert(word, encoder.embed(&texts, parameters, Mode::Evaluate)?);
        }
        Ok(Self { vectors, templates: settings.templates.len() })
    }

    /// Number of templates.
    pub fn templates(&self) -> usize {
        self.templates
    }

    /// A word in one template: `[D]`.
    pub fn one(&self, word: &str, template: usize) -> Result<Tensor, TrainError> {
        Ok(self.of(word)?.f_get(template as i64)?)
    }

    /// A word in all templates, as the exporter writes it: the mean of the unit vectors, of length
    /// 1 again. `[D]`.
    pub fn mean(&self, word: &str) -> Result<Tensor, TrainError> {
        let mean = self.of(word)?.f_mean_dim([0].as_slice(), false, Kind::Float)?;
        Ok(mean.f_div(&mean.f_norm()?)?)
    }

    fn of(&self, word: &str) -> Result<&Tensor, TrainError> {
        self.vectors.get(&word.to_lowercase()).ok_or_else(|| TrainError::UnknownWord {
            word: word.to_owned(),
            known: self.vectors.keys().cloned().collect::<Vec<_>>().join(", "),
        })
    }
}
