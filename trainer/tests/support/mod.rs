//! A network of a few thousand parameters, with every part of the real one.

use std::collections::BTreeMap;

use rszs_network::{Config, Purpose, image_graph};
use rszs_train::loss::loss;
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
    (config.fusion_width, config.fusion_heads, config.decoder_width, config.norm_groups) = (16, 2, 8, 4);
    (config.head.head_width, config.head.channels) = (8, 8);
    config
}

/// Tensors of these sizes are not worth a second thread, and the tests of one file already run side by side.
pub(crate) fn single_thread() {
    tch::set_num_threads(1);
}

/// Forward and backward over two random pictures and three random queries: logits, and parameters with gradients.
#[allow(dead_code, reason = "not every test that shares this file needs it")]
pub(crate) fn step(config: &Config, precision: Precision) -> (Tensor, Parameters) {
    single_thread();
    tch::manual_seed(1);
    let graph = image_graph(config, Purpose::Train).expect("the network is well-formed");
    let parameters = Parameters::initialise(&[&graph], 1, Device::Cpu).expect("parameters of a graph");
    let side = config.tile_px as i64;
    let tiles = Tensor::randint(256, [2, side, side, 3], (Kind::Uint8, Device::Cpu));
    let queries = Tensor::randn([3, config.joint_width as i64], (Kind::Float, Device::Cpu));
    let queries = &queries / queries.norm_scalaropt_dim(2, [-1], true);
    let targets = Tensor::randint(2, [2, 3, side, side], (Kind::Uint8, Device::Cpu));
    let feeds = BTreeMap::from([("tiles", &tiles), ("queries", &queries)]);
    let outputs = eval(&graph, &["logits", "aligned"], &feeds, &parameters, Mode::Train(precision)).expect("a step");
    let losses = loss(&outputs["logits"], &outputs["aligned"], &queries, &targets, 0.2).expect("a loss");
    losses.total.backward();
    (outputs["logits"].detach(), parameters)
}
