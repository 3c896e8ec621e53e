//! What to look for: from typed words to embeddings, rules and colours.
//!
//! Letters: K rows of the engine's `queries: [K, D]`; the queries come first, then, in an exclusive
//! decision, the support words that compete with them.

mod colour;
mod error;
mod free;
mod set;
mod support;
pub mod text;
mod typed;

pub use error::QueryError;
pub use set::{Query, QuerySet, ThresholdOrigin, Words};
pub use typed::{TypedQuery, parse_queries};
