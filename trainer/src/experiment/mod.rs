//! The paper's tables and figures by name: which runs make one, the runs themselves, and the
//! numbers beside the paper's.
//!
//! ```text
//! description ─ plan ─ runs ─ table
//!               │      │      └─ table.md, table.json
//!               │      └─ RUN/: a run's folder as `train` leaves it; result.json when finished
//!               └─ plan.json: what the folder was begun with
//! ```
//!
//! A run with a `result.json` is not repeated; any other goes on from its last state. So an
//! experiment can be killed at any moment, and the same command goes on. The scale is the
//! description's: the same plan makes a table of `nano` or of `l14`.

mod at_hand;
mod measure;
mod paper;
mod plan;
mod result;
mod runs;
mod table;
mod variants;

use std::path::PathBuf;

use clap::ValueEnum;
use serde::Serialize;
use tch::Device;

use crate::evaluate::Protocol;
use crate::run::tell;
use crate::{RunConfig, TrainError};

pub use plan::{Plan, PlannedRun};
use result::RunResult;
pub use table::Table;

/// A table or figure of the paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lower")]
pub enum Experiment {
    /// The description's run beside the methods that the paper compares with; sets that are not at
    /// hand are left out and named
    Table1,
    /// DSFE alone, with MS-CAM, with CARH, with both
    Table2,
    /// What learns of the two streams: nine pairs of freeze, attention, full
    Table3,
    /// Classes that training saw beside classes that it did not: --novel says which
    Table4,
    /// Backbones: the presets b32, b16, l14; --from may hold {preset}
    Table5,
    /// The weight λ of the alignment loss
    Table6,
    /// What people said of masks: the paper's numbers alone
    Table7,
    /// Each source of training images alone, and all of them
    Figure3,
    /// Parameters, multiply-accumulates and latency of every preset; trains nothing
    Figure4,
}

/// What an experiment starts from, where it writes, and how its runs are scored.
#[derive(Debug, Clone)]
pub struct ExperimentOptions {
    /// Checkpoint that every run starts from; `{preset}` in it is the run's preset.
    pub from: Option<PathBuf>,
    /// Folder of all experiments; each has one of its name in it.
    pub runs: PathBuf,
    /// Sets to evaluate on.
    pub sets: Vec<String>,
    /// Images of each set; all without it.
    pub limit: Option<usize>,
    /// How an image becomes scores.
    pub protocol: Protocol,
    /// Words that [`Experiment::Table4`] hides from training.
    pub novel: Vec<String>,
}

impl Experiment {
    /// As on the command line, in folders and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Table1 => "table1",
            Self::Table2 => "table2",
            Self::Table3 => "table3",
            Self::Table4 => "table4",
            Self::Table5 => "table5",
            Self::Table6 => "table6",
            Self::Table7 => "table7",
            Self::Figure3 => "figure3",
            Self::Figure4 => "figure4",
        }
    }

    /// Whether its runs are trained and scored.
    fn trains(self) -> bool {
        !matches!(self, Self::Table7 | Self::Figure4)
    }

    fn title(self) -> &'static str {
        match self {
            Self::Table1 => "Table 1: methods",
            Self::Table2 => "Table 2: parts of the network",
            Self::Table3 => "Table 3: what learns of the streams",
            Self::Table4 => "Table 4: base and novel classes",
            Self::Table5 => "Table 5: backbones",
            Self::Table6 => "Table 6: weight of the alignment loss",
            Self::Table7 => "Table 7: judged by people",
            Self::Figure3 => "Figure 3: training data",
            Self::Figure4 => "Figure 4: efficiency",
        }
    }
}

/// Runs what is left of a plan on `device` and returns its table, which is also in the experiment's
/// folder, after every run.
pub fn run(config: &RunConfig, plan: &Plan, device: Device) -> Result<Table, TrainError> {
    plan.begin()?;
    let mut results = Vec::new();
    for (number, planned) in plan.runs.iter().enumerate() {
        tell(&format!(
            "{}: run {} of {}, {}",
            plan.experiment.name(),
            number + 1,
            plan.runs.len(),
            planned.name
        ));
        results.push(runs::finish(config, plan, planned, device)?);
        Table::new(plan, &results).write(&plan.folder)?;
    }
    let table = Table::new(plan, &results);
    table.write(&plan.folder)?;
    Ok(table)
}
