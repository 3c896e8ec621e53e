//! What was typed.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;
use rszs_edge::cli::engine_arguments::{EngineChoice, PrecisionChoice};
use rszs_edge::frame::ground::GroundSample;

use crate::device::Device;

/// Measure the latency of a bundle, stage by stage, beside its accuracy.
///
/// Every combination of --engine, --precision, --batch and --queries segments the same images again
/// and again, one after the other, from reading a file to syncing its mask. Before the clock
/// starts, an engine passes the bundle's self-test and segments every image once. Masks and logits
/// are compared with those of the first configuration that ran, so a wrong result cannot hide
/// behind a good time.
#[derive(Debug, Clone, Parser)]
#[command(name = "rszs-bench", version, after_long_help = AFTER_LONG_HELP)]
pub struct Arguments {
    /// Image files, folders or globs; none: a built-in scene
    #[arg(value_name = "IMAGE")]
    pub images: Vec<OsString>,

    /// Folder of the model bundle [default: bundles/nano above the program or the current folder]
    #[arg(short, long, value_name = "DIR")]
    pub bundle: Option<PathBuf>,

    /// Engines to measure, separated by commas; one that is not on this machine is named and left
    /// out
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "tensorrt,tensorrt-rtx,cuda,cpu,embedded"
    )]
    pub engine: Vec<EngineChoice>,

    /// Precisions of the model file, separated by commas; one that the bundle or the engine lacks
    /// is named and left out
    #[arg(long, value_enum, value_delimiter = ',', default_value = "auto")]
    pub precision: Vec<PrecisionChoice>,

    /// Tiles per call of the engine, separated by commas
    #[arg(
        long,
        value_name = "COUNTS",
        value_delimiter = ',',
        default_value = "1",
        value_parser = clap::value_parser!(u16).range(1..=256)
    )]
    pub batch: Vec<u16>,

    /// What to look for, separated by commas; once for each set of words to measure
    #[arg(short, long, value_name = "NAMES", default_value = "flood,building")]
    pub queries: Vec<String>,

    /// Metres of ground per pixel of the images, as for rszs-edge
    #[arg(long, value_name = "METRES")]
    pub gsd: Option<GroundSample>,

    /// Threads of the engine [default: one per core]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// Library file of ONNX Runtime [default: searched, see rszs-edge --help]
    #[arg(long, value_name = "FILE")]
    pub onnxruntime: Option<PathBuf>,

    /// Folder of TensorRT's plans, as for rszs-edge
    #[arg(long, value_name = "DIR")]
    pub engine_cache: Option<PathBuf>,

    /// Frames to measure per configuration; the images are repeated as often as needed
    #[arg(
        short,
        long,
        value_name = "COUNT",
        default_value_t = 50,
        value_parser = clap::value_parser!(u32).range(10..=1_000_000)
    )]
    pub frames: u32,

    /// Device whose published peaks the network's work a second is compared with, whatever it ran
    /// on
    #[arg(long, value_enum, value_name = "DEVICE")]
    pub peak: Option<Device>,

    /// Measure nothing: predict from the cost model what named devices need for one tile of these
    /// networks
    #[arg(long, value_name = "PRESETS", value_delimiter = ',', value_parser = preset_names())]
    pub predict: Vec<String>,

    /// Write the report as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Write one line per configuration, columns as Triton's `perf_analyzer` has them
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,

    /// Write a page with bars for a browser
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// Compare with the JSON of an earlier run; exit with 1 where something became slower beyond
    /// noise
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
}

fn preset_names() -> Vec<&'static str> {
    rszs_network::Config::presets().map(|(name, _)| name).to_vec()
}

const AFTER_LONG_HELP: &str = "\
Examples:
  rszs-bench
      The default bundle in every engine, on the built-in scene.

  rszs-bench --batch 1,4 --queries flood --queries flood,building,road flight/ --json today.json
      Four configurations in each engine.

  rszs-bench --predict b16
      How long at best on an RTX 3090 and on Jetsons?

  rszs-bench --baseline yesterday.json
      What became slower? Medians whose 95 % confidence intervals do not overlap count as different.

A run is marked invalid where the machine counted thermal throttling, or a clock fell by more than \
a fifth, meanwhile. Not every machine tells.

Exit status:
    0  done
    1  done, and slower than the baseline
    2  usage, or a baseline of another machine, other images or configurations
    3  bundle missing, damaged or refused
    4  no engine, or none passed the self-test
    6  a report could not be written";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
