//! Free words to query embeddings, through the bundle's text tower.

use rszs_bundle::{Bundle, TextContract};
use rszs_tokenizer::{Tokenizer, TokenizerError};

use rszs_engine::{
    EngineError, EngineKind, EngineOptions, LoadError, NamedInput, NamedOutput, Session, Values,
};

/// The bundle's text tower, loaded into an engine.
#[derive(Debug)]
pub struct TextTower {
    session: Session,
    tokenizer: Tokenizer,
    contract: TextContract,
    joint_width: usize,
}

/// Why words cannot be encoded.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// The bundle's tokenizer cannot be used.
    #[error("tokenizer.json of the bundle: {0}")]
    Tokenizer(#[from] TokenizerError),
    /// The engine does not take the text tower.
    #[error("text tower of the bundle: {0}")]
    Load(#[from] LoadError),
    /// The engine failed.
    #[error("text tower of the bundle: {0}")]
    Run(#[from] EngineError),
    /// More words than the tower reads.
    #[error(
        "{name}: expected a query that fits into {context} tokens with its template, found a \
         longer one; use fewer words"
    )]
    TooLong {
        /// The query.
        name: String,
        /// Tokens the tower reads.
        context: u32,
    },
    /// The engine gave something that is no direction.
    #[error(
        "{name}: expected an embedding of finite numbers and some length, found none; the text \
         tower cannot encode it"
    )]
    NoDirection {
        /// The query.
        name: String,
    },
}

impl TextTower {
    /// Loads the tower of `bundle` into an engine of `kind`; nothing if the bundle has none.
    pub fn load(
        bundle: &Bundle,
        kind: EngineKind,
        options: &EngineOptions,
    ) -> Result<Option<Self>, TextError> {
        let manifest = bundle.manifest();
        let (Some(contract), Some(model), Some(tokenizer)) =
            (&manifest.text, bundle.text_bytes(), bundle.tokenizer_bytes())
        else {
            return Ok(None);
        };
        let tokenizer = Tokenizer::from_json(tokenizer)?;
        let session = kind.load(model, options)?;
        let joint_width = manifest.engine.joint_width as usize;
        Ok(Some(Self { session, tokenizer, contract: contract.clone(), joint_width }))
    }

    /// The embedding `[D]` of `name`: the normalised mean over the bundle's templates. Source:
    /// CLIP, arXiv:2103.00020, section 3.1.4.
    pub fn encode(&mut self, name: &str) -> Result<Vec<f32>, TextError> {
        let context = self.contract.context as usize;
        let texts = self.contract.templates.len();
        let mut tokens = Vec::with_capacity(texts * context);
        let mut ends = vec![0.0; texts * context];
        for (row, template) in self.contract.templates.iter().enumerate() {
            let encoded = self.tokenizer.encode(&template.fill(name), context);
            if encoded.truncated {
                return Err(TextError::TooLong {
                    name: name.to_owned(),
                    context: self.contract.context,
                });
            }
            tokens.extend(encoded.ids.iter().map(|id| *id as i32));
            ends[row * context + encoded.end] = 1.0;
        }
        let shape = [texts, context];
        let inputs = [
            NamedInput { name: "tokens", shape: &shape, values: Values::I32(&tokens) },
            NamedInput { name: "end", shape: &shape, values: Values::F32(&ends) },
        ];
        let mut embeddings = vec![0.0; texts * self.joint_width];
        let output = NamedOutput {
            name: "embeddings",
            shape: &[texts, self.joint_width],
            values: &mut embeddings,
        };
        self.session.run(&inputs, &mut [output])?;
        mean_direction(&embeddings, self.joint_width)
            .ok_or_else(|| TextError::NoDirection { name: name.to_owned() })
    }
}

/// Normalised mean of the rows `[texts, D]`, each normalised first; nothing if it has no direction.
fn mean_direction(rows: &[f32], width: usize) -> Option<Vec<f32>> {
    let mut mean = vec![0.0; width];
    for row in rows.chunks_exact(width) {
        let row = normalised(row)?;
        mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
    normalised(&mean)
}

fn normalised(row: &[f32]) -> Option<Vec<f32>> {
    let norm = row.iter().map(|value| value * value).sum::<f32>().sqrt();
    (norm.is_finite() && norm > f32::EPSILON)
        .then(|| row.iter().map(|value| value / norm).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_directions_has_length_one_and_ignores_lengths() {
        assert_eq!(
            mean_direction(&[3.0, 0.0, 0.0, 9.0], 2).unwrap(),
            [0.5_f32.sqrt(), 0.5_f32.sqrt()]
        );
    }

    #[test]
    fn opposite_or_broken_rows_have_no_direction() {
        assert_eq!(mean_direction(&[1.0, 0.0, -1.0, 0.0], 2), None);
        assert_eq!(mean_direction(&[f32::NAN, 0.0], 2), None);
        assert_eq!(mean_direction(&[0.0, 0.0], 2), None);
    }
}
