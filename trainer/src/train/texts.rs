//! Words as query vectors, by a text tower that is frozen or learns.

use rszs_data::Rng;
use rszs_graph::Graph;
use rszs_tokenizer::Tokenizer;
use tch::Tensor;

use crate::{Mode, Parameters, PromptSettings, Prompts, TextEncoder, TrainError};

/// The text tower without its weights, and every word that the sets label.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) graph: Graph,
    pub(super) tokenizer: Tokenizer,
    /// Tokens of a prompt.
    pub(super) context: usize,
    pub(super) settings: PromptSettings,
    pub(super) words: Vec<String>,
}

impl Texts {
    /// Vectors of every word by the tower in `weights`.
    pub(super) fn prompts(&self, weights: &Parameters) -> Result<Prompts, TrainError> {
        Prompts::new(&self.encoder(), weights, &self.settings, self.words.iter().cloned())
    }

    /// `[K, D]`, L2-normalised rows, each word in a template of its own draw; with gradients to the tower in `weights`.
    pub(super) fn embed(
        &self,
        words: &[String],
        weights: &Parameters,
        mode: Mode,
        rng: &mut Rng,
    ) -> Result<Tensor, TrainError> {
        let templates = &self.settings.templates;
        let text = |word: &String| templates[rng.below(templates.len())].replace("{}", &word.to_lowercase());
        let texts: Vec<String> = words.iter().map(text).collect();
        self.encoder().embed(&texts, weights, mode)
    }

    fn encoder(&self) -> TextEncoder<'_> {
        TextEncoder { graph: &self.graph, tokenizer: &self.tokenizer, context: self.context }
    }
}
