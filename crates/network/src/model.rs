//! The two graphs that are trained, exported and run.

use rszs_graph::{Builder, DType, Dim, Graph, GraphError, K, N};

use crate::align::align;
use crate::carh::{carh, without_carh};
use crate::dsfe::dsfe;
use crate::layers::TokenSource;
use crate::ms_cam::{Taps, ms_cam, without_ms_cam};
use crate::preprocess::{channels_first, stem_pixels, stream_pixels};
use crate::stem::stem;
use crate::{Config, VitConfig, clip, dino};

/// Which outputs [`image_graph`] has. The nodes and their names are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The engine contract: `logits: [N, K, H/4, W/4]`, `presence: [N, K]`.
    Deploy,
    /// Those, and what losses need: `aligned: [N, D]` (L2-normalised), `vlm_dense: [N, T, D]`,
    /// `rsi_tokens: [N, T, C]` (both without the class token, neither normalised).
    Train,
}

/// From bytes and query vectors to masks: `tiles: U8 [N, H, W, 3]`, `queries: F32 [K, D]`,
/// L2-normalised rows.
pub fn image_graph(config: &Config, purpose: Purpose) -> Result<Graph, GraphError> {
    let b = &Builder::new();
    let side = Dim::fixed(config.tile_px);
    let tiles = b.input("tiles", DType::U8, [N, side, side, 3.into()]);
    let queries = b.input("queries", DType::F32, [K, config.joint_width.into()]);

    let pixels = channels_first(tiles);
    let maps = config.stem.as_ref().map(|config| {
        let pixels = stem_pixels(b, pixels, config);
        b.scoped("stem", || stem(b, pixels, config))
    });
    let source = |stream: &VitConfig| match maps {
        Some(maps) => TokenSource::Map(maps.stride_16),
        None => TokenSource::Patches {
            pixels: stream_pixels(b, pixels, stream),
            patch_px: stream.patch_px,
        },
    };
    let tokens = source(&config.vlm);
    let vlm = b.scoped("vlm", || {
        clip::dense_tower(b, tokens, &config.vlm, config.vlm_taps, config.joint_width)
    });
    let tokens = source(&config.rsi);
    let rsi = b.scoped("rsi", || dino::tower(b, tokens, &config.rsi));
    let rsi = rsi.slice(1, 1, 1 + config.rsi.grid().pow(2));
    let taps = maps.map_or(Taps::Tokens(vlm.taps), Taps::Maps);

    let fused = dsfe(b, vlm.features, rsi, config);
    let f = if config.multi_scale_cross_attention {
        ms_cam(b, &fused, taps, config)
    } else {
        without_ms_cam(b, &fused, config)
    };
    let logits = if config.category_adaptive_head {
        carh(b, f, queries, config)
    } else {
        without_carh(b, f, queries, config)
    };
    let alignment = align(b, f, queries, config);

    let deploy = [("logits", logits.id()), ("presence", alignment.presence.id())];
    let train = [
        ("aligned", alignment.aligned.id()),
        ("vlm_dense", vlm.features.id()),
        ("rsi_tokens", rsi.id()),
    ];
    match purpose {
        Purpose::Deploy => b.finish(&deploy),
        Purpose::Train => b.finish(&[&deploy[..], &train[..]].concat()),
    }
}

/// From tokens to query vectors: `tokens: I32 [K, context]`, `end: F32 [K, context]` (one-hot place
/// of the end-of-text token) → `embeddings: [K, D]`, L2-normalised.
pub fn text_graph(config: &Config) -> Result<Graph, GraphError> {
    let b = &Builder::new();
    let context = Dim::fixed(config.text.context);
    let tokens = b.input("tokens", DType::I32, [K, context]);
    let end = b.input("end", DType::F32, [K, context]);
    let embeddings =
        b.scoped("text", || clip::text_tower(b, tokens, end, &config.text, config.joint_width));
    b.finish(&[("embeddings", embeddings.l2_normalize().id())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_and_ablation_has_the_contract_shapes() {
        for (name, config) in Config::presets() {
            for (cross_attention, adaptive_head) in
                [(true, true), (false, true), (true, false), (false, false)]
            {
                let config = Config {
                    multi_scale_cross_attention: cross_attention,
                    category_adaptive_head: adaptive_head,
                    ..config.clone()
                };
                let graph = image_graph(&config, Purpose::Deploy)
                    .unwrap_or_else(|error| panic!("{name}: {error}"));
                let shapes: Vec<String> = graph
                    .outputs()
                    .iter()
                    .map(|(name, id)| format!("{name} {}", graph.node(*id).shape))
                    .collect();
                let side = config.tile_px / 4;
                assert_eq!(
                    shapes,
                    [format!("logits [N, K, {side}, {side}]"), "presence [N, K]".to_owned()]
                );
            }
            text_graph(&config).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    fn parameters(graph: &Graph) -> usize {
        graph.params().map(|node| node.shape.elements().at(1, 1)).sum()
    }

    /// `clip::pooled_tower` at its published input size. Counts: profile files of `open_clip`.
    fn clip_image_tower(config: &Config, input_px: usize) -> Graph {
        let vlm = crate::VitConfig { input_px, ..config.vlm.clone() };
        let b = Builder::new();
        let pixels = b.input("pixels", DType::F32, [N, 3.into(), input_px.into(), input_px.into()]);
        let source = TokenSource::Patches { pixels, patch_px: vlm.patch_px };
        let output = clip::pooled_tower(&b, source, &vlm, config.joint_width).id();
        b.finish(&[("output", output)]).unwrap()
    }

    #[test]
    fn published_parameter_counts_are_reproduced_exactly() {
        assert_eq!(parameters(&clip_image_tower(&Config::b16(), 224)), 86_192_640);
        assert_eq!(parameters(&clip_image_tower(&Config::l14(), 224)), 303_966_208);
        assert_eq!(parameters(&text_graph(&Config::b16()).unwrap()), 63_428_096);
        let b = Builder::new();
        let config = crate::VitConfig { input_px: 224, ..Config::b16().rsi };
        let pixels = b.input("pixels", DType::F32, [N, 3.into(), 224.into(), 224.into()]);
        let source = TokenSource::Patches { pixels, patch_px: config.patch_px };
        let output = dino::tower(&b, source, &config).id();
        assert_eq!(parameters(&b.finish(&[("output", output)]).unwrap()), 85_798_656);
    }

    /// 107.4 GMACs count the projection of every token; the pooled tower projects one of the 1,025.
    #[test]
    fn b16_at_512_px_costs_what_arithmetic_says() {
        let graph = clip_image_tower(&Config::b16(), 512);
        let macs = rszs_graph::Cost::of(&graph, 1, 1).total().macs + 1024 * 768 * 512;
        assert_eq!(
            macs,
            12 * (12 * 1025 * 768 * 768 + 2 * 1025 * 1025 * 768)
                + 1024 * 768 * 768
                + 1025 * 768 * 512
        );
        assert_eq!((macs + 50_000_000) / 100_000_000, 1074);
    }

    #[test]
    fn a_further_query_costs_under_one_percent_of_the_forward_pass() {
        for (name, config) in Config::presets() {
            let graph = image_graph(&config, Purpose::Deploy).unwrap();
            let macs = |queries| rszs_graph::Cost::of(&graph, 1, queries).total().macs as f64;
            assert!((macs(64) - macs(2)) / 62.0 < 0.01 * macs(2), "{name}");
        }
    }
}
