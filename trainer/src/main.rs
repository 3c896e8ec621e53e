//! `rszs-train`: trains RS-ZeroSeg and evaluates it.

mod arguments;
mod commands;

use std::process::ExitCode;

use arguments::Arguments;
use clap::Parser;
use rszs_train::Ending;
use rszs_train::run::tell;

fn main() -> ExitCode {
    match commands::run(Arguments::parse().command) {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::Stopped) => ExitCode::from(Ending::STOPPED_CODE),
        Err(error) => {
            // Every error says what caused it; the chain would say it again.
            tell(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}
