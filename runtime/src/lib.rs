//! `rszs-edge`: a bundle and images in, masks out.
//!
//! ```text
//! source → tile → batch → engine → blend → decide → sink
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`arguments`], [`engine_arguments`], [`plan`] | what was typed, what was resolved from it |
//! | [`ground`], [`layout`] | metres per pixel → areas, how small the network sees an image |
//! | [`source`] | files, folders, globs → RGB frames |
//! | [`queries`], [`text`] | words → embeddings, thresholds, colours |
//! | [`engine`] | TensorRT, ONNX Runtime or the embedded engine, proven on the bundle's golden set |
//! | [`device`] | the frame path on a CUDA device |
//! | [`segment`] | the frame path, without allocations after the first frame |
//! | [`pipeline`] | many frames, one stage per thread |
//! | [`mod@run`] | all of it, and another engine where a device is lost |
//! | [`sink`], [`report`], [`console`] | PNG files; lines for people and for programs |
//! | [`commands`], [`compare`], [`machine`] | what `rszs-edge` does beside segmenting |
//!
//! This crate knows bundles, not networks. A query's mask does not depend on the other
//! queries: the engine computes each row of `queries: [K, D]` by itself, K is never 1 (see
//! [`queries`]), and each mask has its own threshold.
//!
//! Letters: N images or tiles, K queries, D joint width, H W pixels; `H4 = ceil(H / 4)`,
//! `W4 = ceil(W / 4)`, T4 the side of a tile in logits.

pub mod arguments;
pub mod commands;
pub mod compare;
pub mod console;
mod default_bundle;
mod describe;
pub mod device;
pub mod engine;
pub mod engine_arguments;
pub mod error;
pub mod events;
pub mod exit;
pub mod ground;
pub mod interrupt;
pub mod layout;
pub mod machine;
pub mod pipeline;
pub mod plan;
pub mod queries;
pub mod report;
pub mod run;
mod run_lengths;
pub mod segment;
pub mod sink;
pub mod source;
pub mod text;

use arguments::Arguments;
use engine::EngineOptions;
use error::Error;
use exit::ExitStatus;
use interrupt::Interrupt;
use plan::Plan;
use report::Report;

/// Does what `arguments` ask and says how it ended.
pub fn run(arguments: &Arguments) -> ExitStatus {
    let mut report = Report::new(arguments);
    try_run(arguments, &mut report).unwrap_or_else(|error| {
        report.error(&error);
        error.exit_status()
    })
}

fn try_run(arguments: &Arguments, report: &mut Report) -> Result<ExitStatus, Error> {
    if let Some(command) = &arguments.command {
        return command.run(report.console());
    }
    if arguments.list_queries {
        report.list_queries(&plan::open_bundle(
            arguments.bundle.as_deref(),
            &EngineOptions::default(),
        )?)?;
        return Ok(ExitStatus::Done);
    }
    let interrupt = Interrupt::on_signals().map_err(Error::Signals)?;
    report.warn_of_threads(arguments.engine.threads);
    let mut plan = Plan::resolve(arguments, report.build_watch(interrupt.clone()))?;
    report.begin(&plan)?;
    let jobs = std::mem::take(&mut plan.jobs);
    if let Err(error) = plan.run(jobs, &interrupt, |news| report.news(&news)) {
        let error = Error::from(error);
        report.stopped(error.exit_status());
        return Err(error);
    }
    Ok(report.end(interrupt.is_raised())?)
}
