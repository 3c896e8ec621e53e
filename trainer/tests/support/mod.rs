//! A network of a few thousand parameters, with every part of the real one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rszs_data::fixtures;
use rszs_graph::Tensor as Values;
use rszs_network::{Config, Policy, Purpose, StreamPolicy, image_graph, text_graph};
use rszs_tokenizer::Tokenizer;
use rszs_train::checkpoint::TOKENIZER;
use rszs_train::checkpoint::{Checkpoint, origin, save};
use rszs_train::loss::{Counts, Targets, Terms, loss};
use rszs_train::network::segments::{Cut, forward};
use rszs_train::train::TrainOptions;
use rszs_train::{Mode, Parameters, Precision, eval};
use tch::{Device, Kind, Tensor};

/// Changes to the preset `nano`, as `--set` takes them.
#[allow(dead_code, reason = "not every test that shares this file needs it")]
pub(crate) const TINY: [&str; 12] = [
    "network.tile_px = 64",
    "network.joint_width = 16",
    "network.vlm = { input_px = 64, width = 16, heads = 2, layers = 3 }",
    "network.vlm_taps = [1, 0]",
    "network.rsi = { input_px = 64, width = 16, heads = 2, layers = 2 }",
    "network.text = { vocabulary = 514, context = 8, width = 16, layers = 1, heads = 2 }",
    "network.fusion_width = 16",
    "network.fusion_heads = 2",
    "network.decoder_width = 8",
    "network.norm_groups = 4",
    "network.head.head_width = 8",
    "network.head.channels = 8",
];

/// The tiny network.
#[allow(dead_code, reason = "not every test that shares this file needs it")]
pub(crate) fn config() -> Config {
    let mut config = Config::nano();
    (config.tile_px, config.joint_width, config.vlm_taps) = (64, 16, [1, 0]);
    for (stream, layers) in [(&mut config.vlm, 3), (&mut config.rsi, 2)] {
        (stream.input_px, stream.width, stream.heads, stream.layers) = (64, 16, 2, layers);
    }
    (config.text.vocabulary, config.text.context, config.text.width) = (514, 8, 16);
    (config.text.layers, config.text.heads) = (1, 2);
    (config.fusion_width, config.fusion_heads, config.decoder_width, config.norm_groups) =
        (16, 2, 8, 4);
    (config.head.head_width, config.head.channels) = (8, 8);
    config
}

/// Tensors of these sizes are not worth a second thread, and the tests of one file already run side
/// by side.
pub(crate) fn single_thread() {
    tch::set_num_threads(1);
}

/// Everything learns.
pub(crate) const FULL: Policy = Policy {
    vlm: StreamPolicy::Full,
    rsi: StreamPolicy::Full,
    text: rszs_network::TextPolicy::Follow,
    frozen_stem_blocks: 0,
};

/// What a forward and a backward pass leave.
#[allow(dead_code, reason = "not every test that shares this file needs it")]
pub(crate) struct Step {
    pub(crate) logits: Tensor,
    /// With gradients.
    pub(crate) parameters: Parameters,
    /// In the order in which their gradients were finished; empty without a cut.
    pub(crate) finished: Vec<String>,
}

/// Forward and backward over two random images and three random queries: logits, and parameters
/// with gradients.
#[allow(dead_code, reason = "not every test that shares this file needs it")]
pub(crate) fn step(config: &Config, precision: Precision) -> (Tensor, Parameters) {
    let Step { logits, parameters, .. } = step_in(config, precision, FULL, None);
    (logits, parameters)
}

/// [`step`] in segments, or in one piece by `eval`.
#[allow(dead_code, reason = "not every test that shares this file needs it")]
pub(crate) fn step_in(
    config: &Config,
    precision: Precision,
    policy: Policy,
    cut: Option<Cut>,
) -> Step {
    single_thread();
    tch::manual_seed(1);
    let graph = image_graph(config, Purpose::Train).expect("the network is well-formed");
    let parameters =
        Parameters::initialise(&[&graph], 1, Device::Cpu).expect("parameters of a graph");
    let side = config.tile_px as i64;
    let tiles = Tensor::randint(256, [2, side, side, 3], (Kind::Uint8, Device::Cpu));
    let queries = Tensor::randn([3, config.joint_width as i64], (Kind::Float, Device::Cpu));
    let queries = &queries / queries.norm_scalaropt_dim(2, [-1], true);
    let targets = Tensor::randint(2, [2, 3, side, side], (Kind::Uint8, Device::Cpu));
    let feeds = BTreeMap::from([("tiles", &tiles), ("queries", &queries)]);
    parameters.set_trainable(|name| policy.trains(name)).expect("parameters of a graph");
    let targets = Targets::new(targets, None);
    let counts = Counts::of(&targets).expect("targets");
    let terms = Terms { patch_grid_weight: 1.0, ..Terms::paper(config.vlm.grid()) };
    let total = |outputs: &BTreeMap<String, Tensor>| {
        let (logits, aligned) = (&outputs["logits"], &outputs["aligned"]);
        loss(logits, aligned, &queries, &targets, None, &counts, terms).expect("a loss").total
    };
    let (wanted, mode) = (["logits", "aligned"], Mode::Train(precision));
    let mut finished = Vec::new();
    let logits = if let Some(cut) = cut {
        let pass =
            forward(&graph, &wanted, &feeds, &parameters, mode, cut).expect("a forward pass");
        let (logits, total) = (pass.outputs()["logits"].detach(), total(pass.outputs()));
        let finish = |names: &[String]| {
            finished.extend_from_slice(names);
            Ok(())
        };
        pass.backward(&total, finish).expect("a backward pass");
        logits
    } else {
        let outputs = eval(&graph, &wanted, &feeds, &parameters, mode).expect("a step");
        total(&outputs).backward();
        outputs["logits"].detach()
    };
    Step { logits, parameters, finished }
}

/// The description that every run of these tests changes.
#[allow(dead_code, reason = "not every test that shares this file needs it")]
pub(crate) fn nano() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/nano.toml")
}

/// Changes that train the tiny network for `steps` on what [`start`] wrote below `folder`. The
/// learning rate is the same whatever `steps` is, so that a run of three steps is the first half of
/// one of six.
#[allow(dead_code, reason = "not every test that shares this file needs it")]
pub(crate) fn changes(folder: &Path, steps: u64) -> Vec<String> {
    let mut changes: Vec<String> = TINY.map(str::to_owned).to_vec();
    changes.push(format!("data.root = '{}'", folder.display()));
    changes.push(format!(
        "train.schedule = \
            {{ peak = 1e-3, floor_fraction = 1.0, warmup_steps = 1, steps = {steps} }}"
    ));
    let others = [
        "network.vlm.drop_path = 0.3",
        "train.augment.tile_px = 64",
        "train.batch_size = 2",
        "train.log_every_steps = 1",
        "train.save_every_s = 0",
        "train.evaluate_every_steps = 0",
        "train.sources = \
         [{ set = \"flood_area\", weight = 1.0, scale_min = 1.0, scale_max = 2.0, oblique = true \
         }]",
    ];
    changes.extend(others.map(str::to_owned));
    changes
}

/// Writes what a run starts from below `folder`: images with masks, a text tower, its tokenizer.
#[allow(dead_code, reason = "not every test that shares this file needs it")]
pub(crate) fn start(folder: &Path) -> TrainOptions {
    fixtures::flood_area(folder).expect("a folder to write to");
    let path = folder.join("text.safetensors");
    let network = config();
    let graph = text_graph(&network).expect("the network is well-formed");
    let parameters =
        Parameters::initialise(&[&graph], 5, Device::Cpu).expect("parameters of a graph");
    let origin = origin(serde_json::to_string(&network).expect("a config is JSON"), "text", 5);
    save(&path, &parameters, &origin).expect("a folder to write to");
    let tokenizer = Tokenizer::from_json(br#"{"merges": []}"#).expect("a tokenizer of bytes");
    std::fs::write(folder.join(TOKENIZER), tokenizer.to_json()).expect("a folder to write to");
    TrainOptions { from: path, exclude_queries: Vec::new() }
}

/// The states of a run by file name, oldest first.
#[allow(dead_code, reason = "not every test that shares this file needs it")]
pub(crate) fn states(run: &Path) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(run.join("states")) else { return BTreeMap::new() };
    let paths = entries.map(|entry| entry.expect("a folder that can be read").path());
    let file = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.to_owned();
        // A file that is being written may be gone.
        name.starts_with("step_")
            .then(|| std::fs::read(&path).ok())
            .flatten()
            .map(|bytes| (name, bytes))
    };
    paths.filter_map(file).collect()
}

/// The values of a safetensors file, without its header, which names the command.
#[allow(dead_code, reason = "not every test that shares this file needs it")]
pub(crate) fn values_in(bytes: &[u8]) -> &[u8] {
    let (length, rest) = bytes.split_first_chunk::<8>().expect("a safetensors file");
    &rest[u64::from_le_bytes(*length) as usize..]
}

/// The means of the gradients after one step, one after the other, over the largest of `reference`.
#[allow(dead_code, reason = "not every test that shares this file needs it")]
pub(crate) fn gradients(state: &Checkpoint) -> Values {
    let means = state.tensors.iter().filter(|(name, _)| name.starts_with("mean."));
    let all = Tensor::cat(&means.map(|(_, mean)| mean.flatten(0, -1)).collect::<Vec<_>>(), 0);
    let values = Vec::<f32>::try_from(&all / all.abs().max()).expect("numbers");
    Values::new(vec![values.len()], values)
}
