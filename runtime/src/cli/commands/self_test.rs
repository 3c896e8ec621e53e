//! `rszs-edge selftest`: does every engine of this machine compute what the bundle says?

use std::path::PathBuf;

use clap::Args;

use super::engine_line::EngineLine;
use crate::cli::console::Console;
use crate::cli::engine_arguments::EngineArguments;
use crate::cli::exit::ExitStatus;
use crate::error::Error;
use crate::plan::open_bundle;
use rszs_engine::Interrupt;
use rszs_engine::{self as engine, EngineOptions};

/// Arguments of `rszs-edge selftest`.
///
/// The golden set holds tiles and queries with the outputs of the reference interpreter. A run
/// tests the engine it takes in the same way and refuses one that is off; this command tests all of
/// them, also after one has passed.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "\
Exit status:
    0  an engine passed
    3  bundle missing, damaged or refused
    4  no engine passed")]
pub struct SelfTestArguments {
    /// Folder of the model bundle [default: bundles/nano above the program or the current folder]
    #[arg(short, long, value_name = "DIR")]
    pub bundle: Option<PathBuf>,

    /// What computes.
    #[command(flatten)]
    pub engine: EngineArguments,

    /// Write results to stdout as JSON Lines instead of text
    #[arg(long)]
    pub json: bool,
}

impl SelfTestArguments {
    pub(super) fn run(&self, console: &Console) -> Result<ExitStatus, Error> {
        let watch = console.build_watch(Interrupt::new());
        let options = EngineOptions { watch, ..self.engine.options()? };
        let bundle = open_bundle(self.bundle.as_deref(), &options)?;
        let mut any_passed = false;
        for result in engine::attempts(&bundle, &options) {
            let line = EngineLine::new(&result, &bundle);
            any_passed |= line.passed;
            if self.json {
                console.print_json(&line)?;
            } else {
                console.print(&line.text())?;
            }
        }
        Ok(if any_passed { ExitStatus::Done } else { ExitStatus::NoEngine })
    }
}
