//! Why queries cannot be used.

use rszs_bundle::{NameError, ScoreError, UnknownName};
use rszs_hot::RuleError;

use super::set::MAX_QUERIES;
use crate::queries::text::TextError;

/// Queries that cannot be used: a usage error, except where the text tower is at fault.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// Two commas in a row, or nothing at all.
    #[error("--queries {typed:?}: expected names separated by commas, found an empty one")]
    Empty {
        /// What was typed.
        typed: String,
    },
    /// Characters that no name has.
    #[error("--queries: {0}")]
    Name(#[from] NameError),
    /// What follows the equals sign is no number.
    #[error("--queries: {name}: expected a threshold such as {name}=0.31, found {found:?}")]
    NotANumber {
        /// The query.
        name: String,
        /// What follows the equals sign.
        found: String,
    },
    /// What follows `:#` is no colour.
    #[error(
        "--queries: {name}: expected a colour such as {name}:#ff00ff behind name and threshold, \
         found {found:?}"
    )]
    Colour {
        /// The query.
        name: String,
        /// What follows the mark.
        found: String,
    },
    /// A threshold outside its range.
    #[error("--queries: {name}: {source}")]
    Threshold {
        /// The query.
        name: String,
        /// Why.
        source: ScoreError,
    },
    /// A threshold or temperature that decides nothing.
    #[error("{name}: {source}; set another with {name}=0.5")]
    Rule {
        /// The query.
        name: String,
        /// Why.
        source: RuleError,
    },
    /// The same query twice, perhaps under two names.
    #[error(
        "--queries: {second}: expected each query once, found {first} already there; remove one"
    )]
    Twice {
        /// The name that came first.
        first: String,
        /// The name that came later.
        second: String,
    },
    /// More queries than a mask file can tell apart, or than the model accepts.
    #[error("--queries: expected at most {most}, found {found}; ask for the rest in a second run")]
    TooMany {
        /// What is possible.
        most: usize,
        /// What was asked for.
        found: usize,
    },
    /// Not in the vocabulary, and nothing to encode it with.
    #[error(
        "--queries: {0} (this bundle has no text tower for free words; --list-queries shows all \
         names)"
    )]
    Unknown(#[from] UnknownName),
    /// A vocabulary baked into the model has no room for other words.
    #[error(
        "--queries: {name}: expected one of the names baked into this model, {known}, found none \
         of them; use a bundle that was not folded"
    )]
    NotFolded {
        /// The query.
        name: String,
        /// The names.
        known: String,
    },
    /// One query and nothing to compare it with.
    #[error(
        "--decision exclusive: expected at least two queries or a bundle that knows other words, \
         found {name} alone; use --decision multilabel"
    )]
    NothingToCompare {
        /// The query.
        name: String,
    },
    /// The text tower cannot encode it.
    #[error("--queries: {0}")]
    Text(#[from] TextError),
}

impl QueryError {
    pub(super) fn too_many(most: usize, found: usize) -> Result<(), Self> {
        let most = most.min(MAX_QUERIES);
        if found > most { Err(Self::TooMany { most, found }) } else { Ok(()) }
    }
}
