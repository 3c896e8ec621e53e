//! What training keeps of whole towers, against counts that know nothing of graphs.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use rszs_graph::{BlockOf, Builder, DType, Graph, N, Parameters, Training, TrainingMemory};
use rszs_network::{
    Config, Policy, Purpose, StreamPolicy, TextPolicy, TokenSource, VitConfig, block_of, dino,
    image_graph,
};

const IMAGES: usize = 3;

fn tower() -> (Graph, VitConfig) {
    let config = VitConfig {
        input_px: 32,
        patch_px: 8,
        width: 24,
        layers: 4,
        heads: 3,
        ..Config::nano().rsi
    };
    let b = Builder::new();
    let side = config.input_px;
    let pixels = b.input("pixels", DType::F32, [N, 3.into(), side.into(), side.into()]);
    let output = b
        .scoped("rsi", || {
            dino::tower(&b, TokenSource::Patches { pixels, patch_px: config.patch_px }, &config)
        })
        .id();
    (b.finish(&[("tokens", output)]).unwrap(), config)
}

fn memory(
    graph: &Graph,
    factor_bytes: u64,
    recompute: bool,
    trains: &dyn Fn(&str) -> bool,
) -> TrainingMemory {
    let parameters = Parameters::of(graph, graph, trains);
    let recomputed = recompute.then_some(block_of as BlockOf);
    let training = Training { images: IMAGES, queries: 2, factor_bytes, trains, recomputed };
    TrainingMemory::of(graph, &parameters, &training)
}

/// Elements of the three kinds of values in a tower: a row of tokens, statistics of a norm,
/// attention weights.
struct Sizes {
    pixels: u64,
    tokens: u64,
    statistics: u64,
    weights: u64,
    layers: u64,
}

impl Sizes {
    fn of(config: &VitConfig) -> Self {
        let tokens = config.grid().pow(2) + 1;
        Self {
            pixels: (IMAGES * 3 * config.input_px.pow(2)) as u64,
            tokens: (IMAGES * tokens * config.width) as u64,
            statistics: (IMAGES * tokens * 2) as u64,
            weights: (IMAGES * config.heads * tokens.pow(2)) as u64,
            layers: config.layers as u64,
        }
    }

    /// The input of the last norm with its statistics, and what it returns.
    fn end(&self) -> u64 {
        2 * self.tokens + self.statistics
    }
}

/// A block: its input, its norm, q, k, v and what they bring together; the middle, its norm, and
/// twice the four times wider hidden layer, before and after GELU.
#[test]
fn a_whole_tower_keeps_sixteen_rows_of_tokens_a_block() {
    let (graph, config) = tower();
    let sizes = Sizes::of(&config);
    let block = 16 * sizes.tokens + 2 * sizes.statistics + sizes.weights;
    let expected = sizes.pixels + sizes.layers * block + sizes.end();
    assert_eq!(memory(&graph, 4, false, &|_| true).kept_bytes, 4 * expected);
}

#[test]
fn blocks_that_are_computed_again_keep_one_row_of_tokens_each() {
    let (graph, config) = tower();
    let sizes = Sizes::of(&config);
    let expected = sizes.pixels + sizes.layers * sizes.tokens + sizes.end();
    assert_eq!(memory(&graph, 4, true, &|_| true).kept_bytes, 4 * expected);
}

/// Frozen layers keep their weights, which are there anyway: of a block stay its input, its norm
/// for q and v, q, k, v, the middle and what GELU reads. The first block gets no gradient before
/// its q and v: neither its input nor, with k frozen, q.
#[test]
fn queries_and_values_alone_keep_what_reaches_the_first_of_them() {
    let (graph, config) = tower();
    let sizes = Sizes::of(&config);
    let block = 10 * sizes.tokens + 2 * sizes.statistics + sizes.weights;
    let expected = sizes.layers * block - 2 * sizes.tokens - sizes.statistics + sizes.end();
    let trains = |name: &str| name.ends_with("attn.q.weight") || name.ends_with("attn.v.weight");
    assert_eq!(memory(&graph, 4, false, &trains).kept_bytes, 4 * expected);
}

/// Results of products stay narrow: q, k, v, attention weights, what they bring together, the
/// hidden layer before and after GELU. Wide are the inputs of both norms. Each product casts the
/// norm that it reads for itself, so the first is kept three times; and the weights of all layers.
#[test]
fn narrow_results_are_all_that_a_tower_keeps_between_its_norms() {
    let (graph, config) = tower();
    let sizes = Sizes::of(&config);
    let wide = 2 * sizes.tokens + 2 * sizes.statistics;
    let narrow = (3 + 3 + 1 + 1 + 8) * sizes.tokens
        + sizes.weights
        + 12 * (config.width * config.width) as u64;
    let patches = sizes.pixels + (3 * config.patch_px.pow(2) * config.width) as u64;
    let expected = 2 * patches + sizes.layers * (4 * wide + 2 * narrow) + 4 * sizes.end();
    assert_eq!(memory(&graph, 2, false, &|_| true).kept_bytes, expected);
}

#[test]
fn freezing_more_and_computing_again_never_cost_more() {
    for (name, config) in Config::presets() {
        let graph = image_graph(&config, Purpose::Deploy).unwrap();
        for (factor_bytes, recompute) in [(4, false), (4, true), (2, false), (2, true)] {
            let of = |vlm, rsi| {
                let policy = Policy { vlm, rsi, text: TextPolicy::Frozen, frozen_stem_blocks: 0 };
                memory(&graph, factor_bytes, recompute, &|name| policy.trains(name))
            };
            for other in StreamPolicy::ALL {
                for more in StreamPolicy::ALL.windows(2) {
                    for [less, more] in [
                        [of(more[0], other), of(more[1], other)],
                        [of(other, more[0]), of(other, more[1])],
                    ] {
                        let case = format!(
                            "{name}, {factor_bytes} bytes, {recompute}, {other:?}, {more:?}"
                        );
                        assert!(less.kept_bytes <= more.kept_bytes, "{case}: {less:?}");
                        assert!(less.total_bytes() <= more.total_bytes(), "{case}: {less:?}");
                        assert!(less.gradient_bytes < more.gradient_bytes, "{case}: {less:?}");
                    }
                }
            }
        }
        for policy in Policy::all() {
            for factor_bytes in [4, 2] {
                let trains = |name: &str| policy.trains(name);
                let [plain, again] =
                    [false, true].map(|again| memory(&graph, factor_bytes, again, &trains));
                assert!(
                    again.kept_bytes <= plain.kept_bytes,
                    "{name}, {policy:?}: {again:?}, {plain:?}"
                );
                assert!(
                    again.peak_bytes <= plain.peak_bytes,
                    "{name}, {policy:?}: {again:?}, {plain:?}"
                );
            }
        }
    }
}

/// Frozen streams keep nothing: only their results wait, for the modules that read them.
#[test]
fn frozen_streams_keep_what_the_modules_read() {
    let config = Config::b16();
    let graph = image_graph(&config, Purpose::Deploy).unwrap();
    let policy = Policy {
        vlm: StreamPolicy::Freeze,
        rsi: StreamPolicy::Freeze,
        text: TextPolicy::Frozen,
        frozen_stem_blocks: 0,
    };
    let trains = |name: &str| policy.trains(name);
    let [plain, again] = [false, true].map(|again| memory(&graph, 4, again, &trains));
    assert_eq!(plain, again, "there is nothing to compute again");
}
