//! Words as query vectors, by a text tower that is frozen or learns.

use rszs_data::Rng;
use rszs_graph::Graph;
use rszs_tokenizer::Tokenizer;
use tch::{Kind, Tensor};

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

    /// `[K, D]`, L2-normalised rows, each word in a template of its own draw; with gradients to the
    /// tower in `weights`.
    pub(super) fn embed(
        &self,
        words: &[String],
        weights: &Parameters,
        mode: Mode,
        rng: &mut Rng,
    ) -> Result<Tensor, TrainError> {
        let templates = &self.settings.templates;
        let text = |word: &String| {
            templates[rng.below(templates.len())].replace("{}", &word.to_lowercase())
        };
        let texts: Vec<String> = words.iter().map(text).collect();
        self.encoder().embed(&texts, weights, mode)
    }

    fn encoder(&self) -> TextEncoder<'_> {
        TextEncoder { graph: &self.graph, tokenizer: &self.tokenizer, context: self.context }
    }
}

/// Sends the gradients that gathered in `leaf`, a detached copy of `value`, on to what `value` was
/// computed from.
pub(super) fn backward_from(value: &Tensor, leaf: &Tensor) -> Result<(), TrainError> {
    Ok(value.f_mul(&leaf.grad())?.f_sum(Kind::Float)?.f_backward()?)
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "exact numbers")]
mod tests {
    use super::*;

    #[test]
    fn gradients_of_two_passes_go_through_a_leaf_as_if_there_were_none() {
        let weight = Tensor::from_slice(&[2.0_f32]).set_requires_grad(true);
        let value = &weight * 3.0;
        let leaf = value.detach().set_requires_grad(true);
        leaf.square().sum(Kind::Float).backward();
        (&leaf * 5.0).sum(Kind::Float).backward();
        backward_from(&value, &leaf).unwrap();
        // d((3w)² + 5 · 3w) / dw = 18w + 15
        assert_eq!(weight.grad().double_value(&[0]), 51.0);
    }
}
