//! One suite, many runners.
//!
//! A [`Case`] is a graph with its inputs and parameters; a runner computes its outputs; a [`Tolerance`] says how far a runner may be
//! from the oracle. The op suite ([`op_cases`]) and the whole network run through the same three things.

mod case;
mod op_cases;
mod tolerance;

pub use case::Case;
pub use op_cases::op_cases;
pub use tolerance::Tolerance;
