//! Every op, on every runner, against the oracle.

mod support;

use std::process::ExitCode;

use rszs_tests::{harness, op_cases};
use support::runner::trials;

fn main() -> ExitCode {
    harness::run(trials(op_cases()))
}
