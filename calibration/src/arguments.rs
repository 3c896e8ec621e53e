//! The command line of `rszs-calibrate`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use rszs_data::Split;
use rszs_edge::cli::engine_arguments::EngineArguments;

use crate::exit::ExitStatus;
use crate::int8::observer::Observer;
use crate::thresholds::pooled_histogram::Weighting;
use crate::thresholds::threshold_choice::Target;

/// In place of a file: stdout.
pub const STDOUT: &str = "-";

/// Measure a bundle on labelled images, through the deployed pipeline
#[derive(Debug, Clone, Parser)]
#[command(name = "rszs-calibrate", version, after_help = after_help())]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Choose a threshold and a temperature for each query that a set labels, and write them into
    /// the bundle
    ///
    /// A threshold fits the images it was chosen on better than any others: report numbers on
    /// images of another split or another set, not on these. Queries that no set labels keep what
    /// their threshold, which is 0.5 by default.
    Thresholds(ThresholdArguments),
    /// Measure masks at the bundle's thresholds: the numbers of a model card, as a Markdown table
    /// or JSON
    Evaluate(EvaluateArguments),
    /// Quantize the heavy products to INT8, measure, and write model.int8.onnx into the bundle if
    /// that is worth it
    ///
    /// Ranges are observed on tiles of training images, as the deployed pipeline cuts them. Masks
    /// of both precisions are then measured on --split, and the time of a tile in one process. INT8
    /// is written if a tile is at least 1.05 times as fast and the mean intersection over union
    /// loses at most one point, and its outputs on the golden set are near enough; otherwise the
    /// report says why not. It holds for the processor it ran on: measure where you deploy.
    Int8(Int8Arguments),
    /// Show what half precision does to every node: how near its values come to 65504, and how far
    /// rounding moves them
    ///
    /// Tiles of training images run through the reference interpreter twice: in 32 bits, and with
    /// every value rounded that model.fp16.onnx holds in 16 bits. It is slow, and nothing is
    /// written into the bundle.
    Fp16(Fp16Arguments),
}

impl Command {
    /// What all commands share.
    pub fn measure(&self) -> &MeasureArguments {
        match self {
            Self::Thresholds(arguments) => &arguments.measure,
            Self::Evaluate(arguments) => &arguments.measure,
            Self::Int8(arguments) => &arguments.measure,
            Self::Fp16(arguments) => &arguments.measure,
        }
    }
}

/// Choosing thresholds.
#[derive(Debug, Clone, Args)]
pub struct ThresholdArguments {
    /// What is measured, and with what.
    #[command(flatten)]
    pub measure: MeasureArguments,

    /// What a threshold maximises: iou, f1, or precision=0.9 for the highest recall at that
    /// precision
    ///
    /// The best threshold by intersection over union is the best by F1 too: one rises with the
    /// other.
    #[arg(long, value_name = "TARGET", default_value_t = Target::Iou)]
    pub target: Target,

    /// How the places and sets that label a query are weighted
    #[arg(long, value_enum, default_value_t = Weighting::Places)]
    pub weighting: Weighting,

    /// Largest share of false area allowed on a set, of the places that are known to show none of a
    /// query
    ///
    /// Thresholds below which some set has more false area than this are not taken. 1 allows any.
    #[arg(long, value_name = "SHARE", default_value_t = 0.005, value_parser = share)]
    pub false_area: f64,

    /// Words for which sets that label them only as absent are used, too: flood, for cities without
    /// floods
    #[arg(long, value_name = "WORDS", value_delimiter = ',')]
    pub with_ruled_out: Vec<String>,

    /// Leave temperatures as they are
    ///
    /// A temperature moves no mask of its query, since the threshold moves with it. It makes scores
    /// match frequencies, and it changes how queries compare in an exclusive decision.
    #[arg(long)]
    pub keep_temperature: bool,

    /// Print what would be written, and write no bundle
    #[arg(long)]
    pub dry_run: bool,

    /// Folder for the new bundle [default: in place of the old one]
    #[arg(long, value_name = "DIR", conflicts_with = "dry_run")]
    pub output: Option<PathBuf>,
}

/// Evaluating a bundle.
#[derive(Debug, Clone, Args)]
pub struct EvaluateArguments {
    /// What is measured, and with what.
    #[command(flatten)]
    pub measure: MeasureArguments,

    /// Fit a classifier of colour and texture on the train part of each set; print its scores too
    ///
    /// Gradient boosting over 37 numbers a pixel at four scales. A bundle that is below it is not
    /// worth its time.
    #[arg(long)]
    pub baseline: bool,

    /// Write a PNG for each set and query into this folder: the best, the median and the worst
    /// image, each as image, labels and mask
    #[arg(long, value_name = "FOLDER")]
    pub contact_sheets: Option<PathBuf>,
}

/// Quantizing a bundle.
#[derive(Debug, Clone, Args)]
pub struct Int8Arguments {
    /// What is measured, and with what.
    #[command(flatten)]
    pub measure: MeasureArguments,

    /// How the range of an activation is chosen from the observed values
    #[arg(long, value_enum, default_value_t = Observer::Minmax)]
    pub observer: Observer,

    /// Training tiles to observe of each set, evenly spread
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 16,
        value_parser = clap::value_parser!(u32).range(1..=1024)
    )]
    pub tiles: u32,

    /// Keep the most quantization-sensitive products in float, up to this share of the
    /// multiply-accumulates
    #[arg(long, value_name = "SHARE", default_value_t = 0.15, value_parser = share)]
    pub float_share: f64,

    /// Also write model.int8-fp16.onnx, the same steps for TensorRT, if its masks are as good; its
    /// speed is not measured
    #[arg(long)]
    pub tensorrt_unmeasured: bool,

    /// Print what would be written, and write no bundle
    #[arg(long)]
    pub dry_run: bool,

    /// Folder for the new bundle [default: in place of the old one]
    #[arg(long, value_name = "DIR", conflicts_with = "dry_run")]
    pub output: Option<PathBuf>,
}

/// Looking at half precision.
#[derive(Debug, Clone, Args)]
pub struct Fp16Arguments {
    /// What is measured, and with what.
    #[command(flatten)]
    pub measure: MeasureArguments,

    /// Training tiles to look at of each set, evenly spread
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 4,
        value_parser = clap::value_parser!(u32).range(1..=1024)
    )]
    pub tiles: u32,
}

fn share(typed: &str) -> Result<f64, String> {
    let share = typed.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "expected a number from 0 to 1".to_owned())
}

/// What is measured, and with what.
#[derive(Debug, Clone, Args)]
pub struct MeasureArguments {
    /// Folder of the bundle
    #[arg(short, long, value_name = "DIR")]
    pub bundle: PathBuf,

    /// Folder of the sets, one folder each
    #[arg(long, value_name = "FOLDER")]
    pub data: PathBuf,

    /// Sets to measure on, separated by commas [default: all known ones that are in the data
    /// folder]
    ///
    /// Known by name: `dubai`, `oam_buildings`, `naip_urban_trees`, `flood_area`. Any other name is
    /// a folder with images/, masks/ and classes.txt (a line "index name, synonym" a class), and
    /// val.txt with the names of its validation images.
    #[arg(long = "set", visible_alias = "sets", value_name = "NAMES", value_delimiter = ',')]
    pub sets: Vec<String>,

    /// Images to measure on
    #[arg(long, value_enum, default_value_t = SplitChoice::Val)]
    pub split: SplitChoice,

    /// Images to measure on of each set, evenly spread [default: all]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,

    /// What computes.
    #[command(flatten)]
    pub engine: EngineArguments,

    /// Write the numbers as JSON: to stdout instead of the table, or to FILE beside it
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = STDOUT
    )]
    pub json: Option<PathBuf>,

    /// Show no progress
    #[arg(long)]
    pub quiet: bool,
}

/// Which images of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SplitChoice {
    /// Images that the weights were trained on
    Train,
    /// Images held out of training
    Val,
}

impl SplitChoice {
    /// As it stands in options and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
        }
    }

    /// As sets know it.
    pub fn split(self) -> Split {
        match self {
            Self::Train => Split::Train,
            Self::Val => Split::Val,
        }
    }
}

fn after_help() -> String {
    let table: Vec<String> = ExitStatus::ALL
        .iter()
        .map(|status| format!("  {:>3}  {}", status.code(), status.meaning()))
        .collect();
    format!("{EXAMPLES}\nExit status:\n{}", table.join("\n"))
}

const EXAMPLES: &str = "\
Examples:
  rszs-calibrate thresholds --bundle bundles/nano --data data --split train
  rszs-calibrate evaluate --bundle bundles/nano --data data --split val
      Thresholds from the training images, numbers from the validation images: no image is \
      used for both.

  rszs-calibrate int8 --bundle bundles/nano --data data --output nano-int8 --json=int8.json
      INT8 beside FP32, if this processor runs it faster and the masks are as good.

  rszs-calibrate fp16 --bundle bundles/nano --data data --json=fp16.json
      Whether half precision has room for the values of training images.

  rszs-calibrate thresholds --bundle bundles/nano --data data --set dubai,oam_buildings --target \
  precision=0.9 --dry-run
      What it would take to be right nine times out of ten.

  rszs-calibrate evaluate --bundle bundles/nano --data data --json=report.json > table.md
";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn validation_images_and_iou_are_the_defaults() {
        let parsed = parse("rszs-calibrate thresholds --bundle b --data d").unwrap();
        let Command::Thresholds(arguments) = parsed.command else { panic!("another command") };
        assert_eq!((arguments.target, arguments.measure.split), (Target::Iou, SplitChoice::Val));
    }

    #[test]
    fn json_takes_a_file_after_an_equals_sign_only() {
        let json = |line: &str| parse(line).unwrap().command.measure().json.clone();
        assert_eq!(json("rszs-calibrate evaluate --bundle b --data d"), None);
        assert_eq!(
            json("rszs-calibrate evaluate --json --bundle b --data d"),
            Some(PathBuf::from(STDOUT))
        );
        assert_eq!(
            json("rszs-calibrate evaluate --json=r --bundle b --data d"),
            Some(PathBuf::from("r"))
        );
    }

    #[test]
    fn sets_are_separated_by_commas() {
        let parsed = parse("rszs-calibrate evaluate --bundle b --data d --sets dubai,own").unwrap();
        assert_eq!(parsed.command.measure().sets, ["dubai", "own"]);
    }

    #[test]
    fn help_lists_every_exit_status_and_warns_of_the_split() {
        let help = Arguments::command().render_long_help().to_string();
        assert!(ExitStatus::ALL.iter().all(|status| help.contains(status.meaning())));
        let mut command = Arguments::command();
        let help =
            command.find_subcommand_mut("thresholds").unwrap().render_long_help().to_string();
        assert!(help.contains("another split"), "{help}");
    }
}
