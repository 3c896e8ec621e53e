//! `rszs-calibrate`: parses, runs, exits.

use std::process::{ExitCode, Termination};

use clap::Parser;
use rszs_calibrate::arguments::Arguments;
use rszs_engine::serve_builds;

fn main() -> ExitCode {
    serve_builds().unwrap_or_else(|| rszs_calibrate::run(&Arguments::parse()).report())
}
