//! `rszs-edge build`: builds TensorRT's plans ahead of the first start.

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use serde::Serialize;

use super::engine_line::EngineLine;
use crate::cli::console::Console;
use crate::cli::engine_arguments::EngineArguments;
use crate::cli::exit::ExitStatus;
use crate::error::Error;
use crate::interrupt;
use crate::plan::open_bundle;
use rszs_engine::{self as engine, BuildNews, EngineOptions, NoEngine};

/// Arguments of `rszs-edge build`.
///
/// TensorRT builds a plan for the GPU that it runs on, for calls of up to --batch tiles and
/// --query-count queries, and keeps it in --engine-cache. A run that asks for no more takes it from
/// there. Engines that need no building are tested all the same.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "\
Exit status:
    0  an engine is ready: a run would start with it at once
    3  bundle missing, damaged or refused
    4  no engine passed
  130  interrupted; nothing half built is left")]
pub struct BuildArguments {
    /// Folder of the model bundle [default: bundles/nano above the program or the current folder]
    #[arg(short, long, value_name = "DIR")]
    pub bundle: Option<PathBuf>,

    /// What computes.
    #[command(flatten)]
    pub engine: EngineArguments,

    /// Queries that plans take, in steps of 64; with --decision exclusive the bundle's other words
    /// count too
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 64,
        value_parser = clap::value_parser!(u16).range(1..=4096)
    )]
    pub query_count: u16,

    /// Build even if a plan is kept, and measure kernels again; for a kept plan that is refused
    #[arg(long)]
    pub again: bool,

    /// Write results to stdout as JSON Lines instead of text
    #[arg(long)]
    pub json: bool,
}

/// A plan that was built for one engine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Build {
    /// Size of the plan.
    plan_bytes: usize,
    /// How long the build took.
    build_s: f64,
}

/// One engine's result, a line of `--json`.
#[derive(Debug, Serialize)]
struct BuildLine {
    #[serde(flatten)]
    engine: EngineLine,
    /// Nothing if there was nothing to build.
    #[serde(flatten)]
    build: Option<Build>,
}

impl BuildArguments {
    pub(super) fn run(&self, console: &Console) -> Result<ExitStatus, Error> {
        let interrupt = interrupt::on_signals().map_err(Error::Signals)?;
        let built = Arc::new(Mutex::new(None));
        let (told, keep) = (console.build_watch(interrupt.clone()), Arc::clone(&built));
        let watch = told.and(move |news| {
            if let BuildNews::Finished { bytes, seconds } = *news {
                let build = Build { plan_bytes: bytes, build_s: seconds };
                *keep.lock().unwrap_or_else(PoisonError::into_inner) = Some(build);
            }
        });
        let rows = NonZero::new(usize::from(self.query_count));
        let options =
            EngineOptions { watch, rows, build_again: self.again, ..self.engine.options()? };
        let bundle = open_bundle(self.bundle.as_deref(), &options)?;
        let (mut any_passed, mut skipped) = (false, Vec::new());
        for result in engine::first_of_each(&bundle, &options) {
            let build = built.lock().unwrap_or_else(PoisonError::into_inner).take();
            let line = BuildLine { engine: EngineLine::new(&result, &bundle), build };
            any_passed |= line.engine.passed;
            if self.json {
                console.print_json(&line)?;
            } else {
                console.print(&line.text())?;
            }
            skipped.extend(result.err());
            if interrupt.is_raised() {
                return Err(NoEngine { skipped, is_interrupted: true }.into());
            }
        }
        Ok(if any_passed { ExitStatus::Done } else { ExitStatus::NoEngine })
    }
}

impl BuildLine {
    fn text(&self) -> String {
        let build = self.build.map_or_else(String::new, |Build { plan_bytes, build_s }| {
            format!("; built in {build_s:.1} s, {:.1} MiB", plan_bytes as f64 / f64::from(1 << 20))
        });
        format!("{}{build}", self.engine.text())
    }
}
