//! `rszs-calibrate`: parses, runs, exits.

use clap::Parser;
use rszs_calibrate::arguments::Arguments;
use rszs_calibrate::exit::ExitStatus;

fn main() -> ExitStatus {
    rszs_calibrate::run(&Arguments::parse())
}
