//! Why a vocabulary is refused.

use crate::{Name, Sha256, Vocabulary};
use safetensors::SafeTensorError;

/// A vocabulary that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VocabularyError {
    /// No JSON of this form.
    #[error("vocabulary.json: expected names and thresholds, found: {0}")]
    Json(#[from] serde_json::Error),
    /// No safetensors of this form.
    #[error("vocabulary.safetensors: expected the tensor `embeddings`, found: {0}")]
    Embeddings(#[from] SafeTensorError),
    /// Wrong tensor, type or shape.
    #[error("vocabulary.safetensors: expected one tensor `embeddings: f32 [rows, D]`, found {0}")]
    EmbeddingsForm(String),
    /// Nothing, or too much.
    #[error("vocabulary: expected 1 to {limit} rows, found {0}", limit = Vocabulary::LIMIT_ROWS)]
    RowCount(usize),
    /// One file holds more rows than the other.
    #[error(
        "vocabulary: expected one embedding a name, found {names} names and {embeddings} embeddings"
    )]
    RowMismatch {
        /// Rows of `vocabulary.json`.
        names: usize,
        /// Rows of `vocabulary.safetensors`.
        embeddings: usize,
    },
    /// Names and embeddings do not come from the same run.
    #[error(
        "vocabulary: expected names and embeddings that hash to {expected}, found {found} (files \
         of two runs?)"
    )]
    Hash {
        /// What `vocabulary.json` says.
        expected: Sha256,
        /// What its names and the embeddings give.
        found: Sha256,
    },
    /// An embedding with NaN, infinity, zero length or not of unit length.
    #[error("vocabulary row {index} ({name}): expected an embedding of length 1, found {norm}")]
    Norm {
        /// Row.
        index: usize,
        /// Its name.
        name: Name,
        /// Length of the embedding.
        norm: f32,
    },
    /// Two rows claim the same word.
    #[error(
        "vocabulary row {index}: expected each name and synonym once, found {name:?} again (row \
         {first} has it)"
    )]
    Duplicate {
        /// The later row.
        index: usize,
        /// The word.
        name: Name,
        /// The earlier row.
        first: usize,
    },
    /// A field of a row that cannot be.
    #[error("vocabulary row {index} ({name}): {field}: expected {expected}, found {found}")]
    Field {
        /// Row.
        index: usize,
        /// Its name.
        name: Name,
        /// Field.
        field: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// What is there.
        found: String,
    },
}
