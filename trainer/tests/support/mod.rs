//! A network of a few thousand parameters, with every part of the real one.

use rszs_network::Config;

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
