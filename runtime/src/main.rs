//! `rszs-edge`: parses, runs, exits.

use std::process::{ExitCode, Termination};

use clap::Parser;
use rszs_edge::cli::arguments::Arguments;
use rszs_engine::serve_builds;

fn main() -> ExitCode {
    serve_builds().unwrap_or_else(|| rszs_edge::run(&Arguments::parse()).report())
}
