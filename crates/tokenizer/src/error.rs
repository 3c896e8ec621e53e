//! What can be wrong with a table of merges.

/// A table of merges that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// The bytes are not the JSON form.
    #[error("tokenizer: expected JSON of the form {{\"merges\": [\"a b\", …]}}, found {0}")]
    Json(#[from] serde_json::Error),
    /// A merge is not two symbols.
    #[error("tokenizer: merge {number}: expected two symbols and one space, found {found:?}")]
    NotAPair {
        /// Counted from 1.
        number: usize,
        /// The entry as it stands.
        found: String,
    },
    /// A merge joins something that is neither a byte symbol nor the result of an earlier merge.
    #[error(
        "tokenizer: merge {number}: expected byte symbols or results of earlier merges, found \
         {symbol:?} (table cut or reordered?)"
    )]
    UnknownSymbol {
        /// Counted from 1.
        number: usize,
        /// The symbol nothing produces.
        symbol: String,
    },
    /// The same merge stands twice.
    #[error("tokenizer: merge {number}: expected every merge once, found {found:?} again")]
    Repeated {
        /// Counted from 1.
        number: usize,
        /// The repeated entry.
        found: String,
    },
    /// More merges than any CLIP has.
    #[error("tokenizer: expected at most {limit} merges, found {found}")]
    TooManyMerges {
        /// The limit.
        limit: usize,
        /// Merges in the table.
        found: usize,
    },
}
