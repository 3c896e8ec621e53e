//! One run of a plan: trained and evaluated, unless it is finished.

use std::path::Path;

use tch::Device;

use super::measure::Efficiency;
use super::result::SetResult;
use super::{Plan, PlannedRun, RunResult};
use crate::evaluate::{EvaluateOptions, evaluate};
use crate::run::{Run, write_atomically};
use crate::train::{TrainOptions, WEIGHTS, train};
use crate::{RunConfig, TrainError};

const RESULT: &str = "result.json";

/// For a person: how far the run in `folder` is.
pub(super) fn state(folder: &Path) -> &'static str {
    if folder.join(RESULT).is_file() {
        "finished"
    } else if folder.is_dir() {
        "begun"
    } else {
        "not begun"
    }
}

/// Reads the result of a run, or trains it to its end and evaluates it.
pub(super) fn finish(
    config: &RunConfig,
    plan: &Plan,
    planned: &PlannedRun,
    device: Device,
) -> Result<RunResult, TrainError> {
    let folder = plan.path(planned);
    let path = folder.join(RESULT);
    if path.is_file() {
        return Ok(serde_json::from_slice(
            &std::fs::read(&path).map_err(TrainError::file(&path))?,
        )?);
    }
    let config = config.changed(&planned.changes)?;
    let result = match &planned.from {
        None => RunResult::Efficiency(Efficiency::of(&config, device)?),
        Some(from) => {
            let mut run = Run::open(&folder)?;
            let options = TrainOptions { from: from.clone(), exclude_queries: plan.novel.clone() };
            train(&config, &options, &mut run, device)?;
            let options = EvaluateOptions {
                weights: run.path(WEIGHTS),
                sets: plan.sets.clone(),
                limit: plan.limit,
                protocol: plan.protocol,
                novel: plan.novel.clone(),
            };
            RunResult::Scores(
                evaluate(&config, &options, &run, device)?.iter().map(SetResult::of).collect(),
            )
        }
    };
    write_atomically(&path, &serde_json::to_vec_pretty(&result)?)?;
    Ok(result)
}
