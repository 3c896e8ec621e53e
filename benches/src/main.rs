//! `rszs-bench`: parses, measures, exits.

use std::process::ExitCode;

use clap::Parser;
use rszs_bench::allocations::Counting;
use rszs_bench::arguments::Arguments;
use rszs_engine::serve_builds;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[expect(clippy::print_stderr, reason = "the one place that tells errors")]
fn main() -> ExitCode {
    if let Some(code) = serve_builds() {
        return code;
    }
    match rszs_bench::run(&Arguments::parse()) {
        Ok(false) => ExitCode::SUCCESS,
        Ok(true) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
