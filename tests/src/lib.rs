//! One suite, many runners.
//!
//! A [`Case`] is a graph with its inputs and parameters; a runner computes its outputs; a
//! [`Tolerance`] says how far a runner may be from the oracle. The ops one by one ([`op_cases`])
//! and the whole network ([`network_cases`]) go through the same three things. The engines' runners
//! are in `tests/support/runner.rs`, libtorch's is in `trainer/tests/oracle.rs`.
//!
//! Letters: N images, K queries.

mod case;
pub mod harness;
mod network_cases;
mod op_cases;
mod tolerance;

pub use case::Case;
pub use network_cases::{network_cases, small};
pub use op_cases::op_cases;
pub use tolerance::Tolerance;
