//! `rszs-edge selftest`: does every engine of this machine compute what the bundle says?

use std::path::PathBuf;

use clap::Args;
use rszs_bundle::Bundle;
use serde::Serialize;

use crate::console::Console;
use crate::engine::{self, Skipped, Started};
use crate::engine_arguments::EngineArguments;
use crate::error::Error;
use crate::exit::ExitStatus;
use crate::plan::open_bundle;

/// What `rszs-edge selftest` is told.
///
/// The golden set holds tiles and queries with the outputs of the reference interpreter. A run tests the engine it takes in the same way and
/// refuses one that is off; this command tests all of them, also after one has passed.
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

/// One engine's result, a line of `--json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct EngineLine {
    /// As `--engine` has it.
    engine: &'static str,
    /// Whether a run would use it.
    passed: bool,
    /// Version and place of its library; nothing if it did not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    library: Option<String>,
    /// Of the model it ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    precision: Option<String>,
    /// Largest absolute difference of any logit.
    #[serde(skip_serializing_if = "Option::is_none")]
    logits_difference: Option<f32>,
    /// Largest absolute difference of any presence.
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_difference: Option<f32>,
    /// What is allowed for either.
    #[serde(skip_serializing_if = "Option::is_none")]
    tolerance: Option<f32>,
    /// Why it did not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl SelfTestArguments {
    pub(super) fn run(&self, console: &Console) -> Result<ExitStatus, Error> {
        let options = self.engine.options()?;
        let bundle = open_bundle(self.bundle.as_deref())?;
        let mut any_passed = false;
        for result in engine::try_all(&bundle, &options) {
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

impl EngineLine {
    fn new(result: &Result<Started, Skipped>, bundle: &Bundle) -> Self {
        match result {
            Ok(started) => Self {
                engine: started.kind.name(),
                passed: true,
                library: Some(started.kind.library()),
                precision: Some(started.precision.to_string()),
                logits_difference: Some(started.deviation.logits),
                presence_difference: Some(started.deviation.presence),
                tolerance: Some(bundle.golden().tolerance.of(started.precision)),
                reason: None,
            },
            Err(skipped) => Self {
                engine: skipped.kind.name(),
                passed: false,
                library: None,
                precision: None,
                logits_difference: None,
                presence_difference: None,
                tolerance: None,
                reason: Some(skipped.reason.clone()),
            },
        }
    }

    fn text(&self) -> String {
        let Self { engine, library, precision, logits_difference, presence_difference, tolerance, reason, .. } = self;
        match (library, precision, logits_difference, presence_difference, tolerance) {
            (Some(library), Some(precision), Some(logits), Some(presence), Some(tolerance)) => format!(
                "{engine:<12} passed  {precision}, logits off by {logits:.1e}, presence by {presence:.1e}, of {tolerance:.1e} allowed ({library})"
            ),
            _ => format!("{engine:<12} no      {}", reason.as_deref().unwrap_or_default()),
        }
    }
}
