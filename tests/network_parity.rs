//! The whole network and its text tower, on every runner, against the oracle.

mod support;

use std::process::ExitCode;

use rszs_tests::{harness, network_cases};
use support::runner::trials;

fn main() -> ExitCode {
    harness::run(trials(network_cases()))
}
