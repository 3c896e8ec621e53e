//! `rszs-edge`: a bundle and images in, masks out.
//!
//! ```text
//! source → tile → batch → engine → blend → decide → sink
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`cli`] | what was typed, what is told in return, commands beside segmenting |
//! | [`plan`] | what was resolved from it |
//! | [`source`] | files, folders, globs → RGB frames |
//! | [`frame`] | metres per pixel → areas, how small the network sees an image |
//! | [`location`] | tags of a file → metres per pixel, place on the map |
//! | [`queries`] | words → embeddings, thresholds, colours |
//! | [`segment`], [`device`] | the frame path on the processor and on a CUDA device |
//! | [`pipeline`] | many frames, one stage per thread |
//! | [`mod@run`] | all of it, and another engine where a device is lost |
//! | [`sink`] | PNG files |
//! | [`compare`], [`machine`] | two engines side by side; what the program runs on |
//!
//! Engines are `rszs-engine`'s, and what touches every pixel is `rszs-hot`'s.
//!
//! This crate knows bundles, not networks. A query's mask does not depend on the other
//! queries: the engine computes each row of `queries: [K, D]` by itself, K is never 1 (see
//! [`queries`]), and each mask has its own threshold.
//!
//! Letters: N images or tiles, K queries, D joint width, H W pixels; `H4 = ceil(H / 4)`,
//! `W4 = ceil(W / 4)`, T4 the side of a tile in logits.

pub mod cli;
pub mod compare;
mod default_bundle;
pub mod device;
pub mod error;
pub mod frame;
pub mod interrupt;
pub mod location;
pub mod machine;
pub mod pipeline;
pub mod plan;
pub mod queries;
pub mod run;
pub mod segment;
pub mod sink;
pub mod source;

use cli::arguments::Arguments;
use cli::exit::ExitStatus;
use cli::report::Report;
use error::Error;
use plan::Plan;
use rszs_engine::EngineOptions;

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
    let interrupt = interrupt::on_signals().map_err(Error::Signals)?;
    report.warn_of_threads(arguments.engine.threads);
    let mut plan = Plan::resolve(arguments, report.build_watch(interrupt.clone()))?;
    report.begin(&plan)?;
    let jobs = std::mem::take(&mut plan.jobs);
    if let Err(error) = plan.run(jobs, &interrupt, |news| report.news(&news)) {
        let error = Error::from(error);
        report.stopped(error.exit_status());
        return Err(error);
    }
    let flight = plan.sink.finish_flight(&plan.queries)?;
    Ok(report.end(interrupt.is_raised(), &flight, &plan.queries)?)
}
