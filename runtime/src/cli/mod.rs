//! The command line: what was typed, and what is told in return.
//!
//! | module | what it is |
//! |---|---|
//! | [`arguments`], [`engine_arguments`] | what was typed |
//! | [`commands`] | what `rszs-edge` does beside segmenting |
//! | [`report`], [`events`], [`console`] | lines for people and for programs |
//! | `describe`, `run_lengths` | parts of these lines |
//! | [`exit`] | how a run ended, as a number |

pub mod arguments;
pub mod commands;
pub mod console;
pub(crate) mod describe;
pub mod engine_arguments;
pub mod events;
pub mod exit;
pub mod location_events;
mod location_report;
pub mod report;
pub(crate) mod run_lengths;
