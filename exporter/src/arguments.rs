//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use rszs_export::template_set::TemplateSet;
use rszs_export::vocabulary::TypedThreshold;

/// Exit code of whatever went wrong after the command line was understood.
pub(crate) const FAILED: u8 = 1;

const EXAMPLES: &str = "\
Examples:
  rszs-export random --preset nano --output nano.safetensors
  rszs-export inspect --preset b16
  rszs-export inspect --preset l14 --memory --images 2 --queries 40 --budget-gib 24
  rszs-export bundle --checkpoint nano.safetensors --tokenizer tokenizer.json --vocabulary \
  words.txt --output bundles/nano
  rszs-export bundle --checkpoint nano.safetensors --tokenizer tokenizer.json --vocabulary \
  words.txt --precision fp16 --output nano
  rszs-export onnx --checkpoint nano.safetensors --graph image --output image.onnx
  rszs-export checkpoint --bundle bundles/nano --output start/nano.safetensors

A word file has one class a line: its name, synonyms after commas, maybe `= rrggbb` for its \
colour; # starts a comment.

Every ONNX file is opened again in ONNX Runtime (if its library is found) and in the built-in \
engine and compared with the
reference interpreter. A file that differs is not shipped.

Exit codes: 0 done; 1 nothing written, the message says why; 2 the command line is wrong.";

/// Turns a trained checkpoint into what a device runs: ONNX files, query embeddings, a verified
/// bundle
#[derive(Debug, Parser)]
#[command(name = "rszs-export", version, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a bundle: models, vocabulary, tokenizer, golden set, manifest
    Bundle(Box<BundleArguments>),
    /// Replace the model card of a bundle, as its next release
    Card(CardArguments),
    /// Write the weights of a bundle as a checkpoint that training can start from, with its
    /// tokenizer beside it
    Checkpoint(CheckpointArguments),
    /// Write one ONNX file
    Onnx(OnnxArguments),
    /// Show what a network is made of and what it costs
    Inspect(InspectArguments),
    /// Write a checkpoint of untrained weights, for tests and measurements
    Random(RandomArguments),
}

#[derive(Debug, Args)]
pub(crate) struct BundleArguments {
    /// Trained weights (.safetensors of rszs-train)
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: PathBuf,

    /// Word file: the classes that the bundle knows by name
    #[arg(long, value_name = "FILE")]
    pub(crate) vocabulary: PathBuf,

    /// The tokenizer that the text tower was trained with
    #[arg(long, value_name = "FILE")]
    pub(crate) tokenizer: PathBuf,

    /// Directory to write; a bundle that is there is replaced in one step
    #[arg(long, value_name = "DIR")]
    pub(crate) output: PathBuf,

    /// Bake the vocabulary in: faster and smaller, but no other word can be asked for
    #[arg(long)]
    pub(crate) fold: bool,

    /// Precisions of the image model, as fp32,fp16; fp32 is written always
    #[arg(long, value_enum, value_delimiter = ',', default_value = "fp32")]
    pub(crate) precision: Vec<ExportPrecision>,

    /// Word file of hidden classes that compete for pixels when decisions are exclusive
    #[arg(long, value_name = "FILE")]
    pub(crate) support: Option<PathBuf>,

    /// Sentences that a word is put into; their embeddings are averaged
    #[arg(long, value_name = "SET", default_value_t = TemplateSet::Aerial)]
    pub(crate) template_set: TemplateSet,

    /// Thresholds by class, as flood=0.31,building=0.5; rszs-calibrate measures better ones
    #[arg(long, value_name = "NAME=SCORE", value_delimiter = ',')]
    pub(crate) thresholds: Vec<TypedThreshold>,

    /// Name of the model [default: the checkpoint's file name]
    #[arg(long)]
    pub(crate) name: Option<String>,

    /// Release number; a device can refuse a lower one
    #[arg(long, default_value_t = 1)]
    pub(crate) counter: u64,

    /// Overlap of neighbouring tiles [default: a quarter of a tile]
    #[arg(long, value_name = "PX")]
    pub(crate) overlap_px: Option<u32>,

    /// Metres a pixel of the training images, smallest and largest, as 0.05,0.5
    #[arg(long, value_name = "LOW,HIGH", value_parser = range)]
    pub(crate) training_gsd_m: Option<[f64; 2]>,

    /// Licence of the weights, as an SPDX expression
    #[arg(long, default_value = "MIT OR Apache-2.0")]
    pub(crate) licence: String,

    /// Model card in Markdown [default: a short one]
    #[arg(long, value_name = "FILE")]
    pub(crate) model_card: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) engine: EngineArguments,
}

#[derive(Debug, Args)]
pub(crate) struct CardArguments {
    /// Directory of the bundle; it is replaced in one step
    #[arg(long, value_name = "DIR")]
    pub(crate) bundle: PathBuf,

    /// Model card in Markdown
    #[arg(long, value_name = "FILE")]
    pub(crate) model_card: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct CheckpointArguments {
    /// Directory of the bundle; one with a text tower
    #[arg(long, value_name = "DIR")]
    pub(crate) bundle: PathBuf,

    /// Checkpoint to write (.safetensors); tokenizer.json goes beside it
    #[arg(long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct OnnxArguments {
    /// Trained weights (.safetensors of rszs-train)
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: PathBuf,

    /// Which of the two graphs
    #[arg(long, value_enum, default_value_t = GraphName::Image)]
    pub(crate) graph: GraphName,

    /// File to write
    #[arg(long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    #[command(flatten)]
    pub(crate) engine: EngineArguments,
}

#[derive(Debug, Args)]
pub(crate) struct EngineArguments {
    /// Library of ONNX Runtime to check with; without it, the variable `ORT_DYLIB_PATH` and
    /// `third_party/onnxruntime/lib` are tried
    #[arg(long, value_name = "FILE")]
    pub(crate) onnxruntime: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    /// A checkpoint (.safetensors) or an ONNX file
    #[arg(value_name = "FILE", required_unless_present = "preset")]
    pub(crate) file: Option<PathBuf>,

    /// One of the built-in networks, without any file
    #[arg(long, conflicts_with = "file", value_parser = preset_names())]
    pub(crate) preset: Option<String>,

    /// Print every node instead of the summary
    #[arg(long, value_enum, value_name = "GRAPH")]
    pub(crate) dump: Option<GraphName>,

    /// Scopes that training does not change, as vlm,text; the count of trainable parameters leaves
    /// them out
    #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
    pub(crate) frozen: Vec<String>,

    /// Print what training needs of a GPU's memory, for every policy of the two streams, instead of
    /// the summary
    #[arg(long, conflicts_with_all = ["dump", "frozen"])]
    pub(crate) memory: bool,

    /// Memory of the GPU that training has to fit, in GiB
    #[arg(long, value_name = "GIB", default_value_t = 24.0, requires = "memory")]
    pub(crate) budget_gib: f64,

    /// Images that costs are computed for
    #[arg(long, default_value_t = 1)]
    pub(crate) images: usize,

    /// Queries that costs are computed for
    #[arg(long, default_value_t = 2)]
    pub(crate) queries: usize,
}

#[derive(Debug, Args)]
pub(crate) struct RandomArguments {
    /// Which network
    #[arg(long, value_parser = preset_names())]
    pub(crate) preset: String,

    /// The same seed gives the same weights
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,

    /// Give the text tower as many token ids as this tokenizer has
    #[arg(long, value_name = "FILE")]
    pub(crate) tokenizer: Option<PathBuf>,

    /// Side of a tile, if not the preset's
    #[arg(long, value_name = "PX")]
    pub(crate) tile_px: Option<usize>,

    /// File to write
    #[arg(long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// What a model file can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportPrecision {
    /// 32-bit floats, for processors
    Fp32,
    /// 16-bit floats, sums over many in 32 bits, for accelerators; needs ONNX Runtime for its proof
    Fp16,
}

/// The graphs of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphName {
    /// From tiles and queries to masks
    Image,
    /// From tokens to query vectors
    Text,
}

/// `LOW,HIGH` as two numbers; whether they make a range is the manifest's to say.
fn range(text: &str) -> Result<[f64; 2], String> {
    let numbers: Option<Vec<f64>> =
        text.split(',').map(|number| number.trim().parse().ok()).collect();
    numbers
        .and_then(|numbers| <[f64; 2]>::try_from(numbers).ok())
        .ok_or_else(|| "expected two numbers with a comma between them, as 0.05,0.5".to_owned())
}

fn preset_names() -> Vec<&'static str> {
    rszs_network::Config::presets().map(|(name, _)| name).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn a_range_is_two_numbers() {
        assert_eq!(range("0.05, 0.5"), Ok([0.05, 0.5]));
        for text in ["0.05", "0.05,0.5,1", "a,b", "", "0.05 0.5"] {
            assert!(range(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
