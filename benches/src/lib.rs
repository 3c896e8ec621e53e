//! `rszs-bench`: latency by stage beside accuracy, for engines × batches × queries; and the
//! criterion benches.
//!
//! | module | what it is |
//! |---|---|
//! | [`arguments`] | what was typed |
//! | [`sweep`] | every configuration in turn, on the same images |
//! | [`stages`] | histograms of times, by stage |
//! | [`condition`], [`allocations`], [`accelerator`] | whether the machine slowed down meanwhile, what was allocated, memory and energy of a GPU |
//! | [`gemm`], [`device`], [`roofline`] | what the engine reaches in one product, published peaks, predictions from the cost model |
//! | [`report`] | the JSON form |
//! | [`table`], [`csv`], [`page`] | for people, for spreadsheets, for browsers |
//! | [`baseline`] | what became slower than an earlier report says |
//!
//! | `cargo bench -p rszs-bench --bench …` | what it times |
//! |---|---|
//! | `hot` | what touches every pixel, each kernel beside a copy of the bytes it must move |
//! | `engine` | one tile of the default bundle in every engine, 2 to 64 queries |
//! | `pipeline` | files to files in one process, and starting it |
//! | `process` | whole processes: `rszs-edge` beside `python/baseline.py`, which does the same job in plain Python |

pub mod accelerator;
pub mod allocations;
pub mod arguments;
pub mod baseline;
pub mod clock_reasons;
pub mod condition;
pub mod csv;
pub mod device;
pub mod error;
pub mod gemm;
pub mod nvml;
pub mod page;
pub mod report;
pub mod roofline;
pub mod sample;
pub mod stages;
pub mod sweep;
pub mod table;
mod tegra;

use std::io::{self, Write};
use std::path::Path;

use arguments::Arguments;
use baseline::Change;
use error::Error;
use report::Report;
use roofline::{Prediction, TileCost};
use rszs_network::{Config, Purpose, image_graph};

/// Queries that predictions are for.
const PREDICTED_QUERIES: usize = 2;

/// Measures what `arguments` ask for and tells it. Returns whether something became slower than the
/// baseline.
pub fn run(arguments: &Arguments) -> Result<bool, Error> {
    if !arguments.predict.is_empty() {
        predict(&arguments.predict)?;
        return Ok(false);
    }
    // Read first: an hour of measuring must not end in a misspelt name.
    let baseline = match &arguments.baseline {
        Some(path) => Some((path, Report::read(path)?)),
        None => None,
    };
    let report = sweep::run(arguments)?;
    print(&table::of(&report))?;
    for (path, text) in [
        (&arguments.json, report.to_json()),
        (&arguments.csv, csv::of(&report)),
        (&arguments.html, page::of(&report)),
    ] {
        if let Some(path) = path {
            write(path, &text)?;
        }
    }
    let Some((path, baseline)) = baseline else { return Ok(false) };
    let changes = baseline::changes(&baseline, &report)
        .map_err(|source| Error::Baseline { path: path.clone(), source })?;
    print(&baseline::text(&changes))?;
    Ok(changes.iter().any(Change::is_regression))
}

/// Tells what named devices need for one tile of each preset.
fn predict(presets: &[String]) -> Result<(), Error> {
    for name in presets {
        let Some(config) = Config::preset(name) else { continue };
        let cost = TileCost::of(&image_graph(&config, Purpose::Deploy)?, PREDICTED_QUERIES);
        let what = format!("{name}, {} px, {PREDICTED_QUERIES} queries", config.tile_px);
        print(&(roofline::table(&what, &cost, &Prediction::all(&cost)) + "\n"))?;
    }
    Ok(())
}

fn print(text: &str) -> Result<(), Error> {
    io::stdout().lock().write_all(text.as_bytes()).map_err(Error::Stdout)
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    rszs_durable::replace(path, text.as_bytes())
        .map_err(|source| Error::Write { path: path.to_owned(), source })
}
