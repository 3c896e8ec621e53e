//! `rszs-export`: parses, runs, exits.

mod arguments;
mod commands;
mod report;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Bundle(arguments) => commands::bundle(&arguments),
        Command::Card(arguments) => commands::card(&arguments),
        Command::Checkpoint(arguments) => commands::checkpoint(&arguments),
        Command::Onnx(arguments) => commands::onnx(&arguments),
        Command::Inspect(arguments) => commands::inspect(&arguments),
        Command::Random(arguments) => commands::random(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::error(&error);
            ExitCode::from(arguments::FAILED)
        }
    }
}
