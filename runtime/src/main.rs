//! `rszs-edge`: parses, runs, exits.

use clap::Parser;
use rszs_edge::arguments::Arguments;
use rszs_edge::exit::ExitStatus;

fn main() -> ExitStatus {
    rszs_edge::run(&Arguments::parse())
}
