//! Every call of the crate against a library that writes down which slot it was made through, in
//! each version family.
//!
//! The recorder (`recorder/`) is built with the examples: `cargo test -p rszs-tensorrt` does that,
//! `--test recorder` alone does not.
#![allow(unsafe_code, reason = "the recorder is told what to do through foreign functions")]
#![expect(
    clippy::unwrap_used,
    reason = "these are tests; the lint knows functions marked as such alone"
)]

mod plan;
mod recorder;
mod refusals;
mod run;
