//! Imported weights compute what the published models compute: CLIP and DINO of `transformers`,
//! `open_clip` and `timm` with random weights, written by `tests/python/write_golden.py` and
//! `write_published.py`. They share nothing with our towers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rszs_graph::{Builder, DType, Graph, K, N, Tensor as Values, Value};
use rszs_network::{Config, TextConfig, TokenSource, VitConfig, clip, dino};
use rszs_tests::Tolerance;
use rszs_train::import::{Model, Published, Towers};
use rszs_train::{Mode, Parameters, PositionRule, eval, interpolate_positions};
use tch::{Device, Kind, Tensor};

const JOINT_WIDTH: usize = 24;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(name)
}

fn read(name: &str) -> Published {
    Published::read(&golden(name), true).unwrap()
}

/// A model of `transformers`: its weights, and the inputs and outputs that its golden file holds
/// beside them.
fn hugging_face(names: &[&str]) -> (Published, BTreeMap<String, Tensor>) {
    let mut published = read(names[0]);
    for name in &names[1..] {
        published.tensors.append(&mut read(name).tensors);
    }
    let results = |name: &str| name.starts_with("input.") || name.starts_with("output.");
    let (results, weights) =
        std::mem::take(&mut published.tensors).into_iter().partition(|(name, _)| results(name));
    published.tensors = weights;
    (published, results)
}

/// A graph with what is fed into it and what must come out.
struct Expected {
    graph: Graph,
    feeds: BTreeMap<&'static str, Tensor>,
    output: Tensor,
}

fn tower(
    vit: &VitConfig,
    pixels: &Tensor,
    output: &Tensor,
    body: impl for<'g> Fn(&'g Builder, TokenSource<'g>) -> Value<'g>,
) -> Expected {
    let b = Builder::new();
    let side = vit.input_px;
    let input = b.input("pixels", DType::F32, [N, 3.into(), side.into(), side.into()]);
    let output_id = body(&b, TokenSource::Patches { pixels: input, patch_px: vit.patch_px }).id();
    let graph = b.finish(&[("output", output_id)]).unwrap();
    Expected {
        graph,
        feeds: BTreeMap::from([("pixels", pixels.shallow_clone())]),
        output: output.shallow_clone(),
    }
}

fn pooled(vit: &VitConfig, pixels: &Tensor, output: &Tensor) -> Expected {
    tower(vit, pixels, output, |b, x| {
        b.scoped("vlm", || clip::pooled_tower(b, x, vit, JOINT_WIDTH))
    })
}

fn dense(vit: &VitConfig, pixels: &Tensor, output: &Tensor) -> Expected {
    let taps = [vit.layers - 2, 0];
    tower(vit, pixels, output, |b, x| {
        b.scoped("vlm", || clip::dense_tower(b, x, vit, taps, JOINT_WIDTH).features)
    })
}

fn rsi(vit: &VitConfig, pixels: &Tensor, output: &Tensor) -> Expected {
    tower(vit, pixels, output, |b, x| b.scoped("rsi", || dino::tower(b, x, vit)))
}

fn text(config: &TextConfig, ids: &Tensor, output: &Tensor) -> Expected {
    let b = Builder::new();
    let context = config.context;
    let tokens = b.input("tokens", DType::I32, [K, context.into()]);
    let end = b.input("end", DType::F32, [K, context.into()]);
    let output_id =
        b.scoped("text", || clip::text_tower(&b, tokens, end, config, JOINT_WIDTH)).id();
    let graph = b.finish(&[("output", output_id)]).unwrap();
    // End of text is the largest id; of equal ones the first counts, as in CLIP's argmax.
    let rows: Vec<i64> = ids.flatten(0, -1).try_into().unwrap();
    let one_hot = rows.chunks_exact(context).flat_map(|row| {
        let first = row.iter().position(|id| id == row.iter().max().unwrap());
        (0..context).map(move |place| f32::from(Some(place) == first))
    });
    let end = Tensor::from_slice(&one_hot.collect::<Vec<f32>>()).reshape(ids.size());
    let feeds = BTreeMap::from([("tokens", ids.to_kind(Kind::Int)), ("end", end)]);
    Expected { graph, feeds, output: output.shallow_clone() }
}

/// Takes all parameters of `expected` out of a file, strictly, and compares what the graphs
/// compute. Gives the unused tensors.
fn check(published: Published, model: Model, expected: &[Expected]) -> Vec<String> {
    support::single_thread();
    let params = expected.iter().flat_map(|expected| expected.graph.params());
    let shape = |node: &rszs_graph::Node| {
        node.shape.at(1, 1).into_iter().map(|length| length as i64).collect()
    };
    let shapes = params.map(|node| (node.name.clone(), shape(node))).collect();
    let towers = Towers::take(published, model, &shapes).unwrap();
    let mut parameters = Parameters::empty(Device::Cpu);
    for (name, tensor) in towers.parameters {
        parameters.insert(&name, tensor).unwrap();
    }
    let _guard = tch::no_grad_guard();
    for Expected { graph, feeds, output } in expected {
        let found = eval(graph, &["output"], feeds, &parameters, Mode::Evaluate)
            .unwrap()
            .remove("output")
            .unwrap();
        Tolerance::Float32.check(&values(output), &values(&found)).unwrap();
    }
    towers.unused.into_iter().map(|(name, _)| name).collect()
}

fn values(tensor: &Tensor) -> Values {
    let shape: Vec<usize> = tensor.size().iter().map(|&length| length as usize).collect();
    Values::new(shape, Vec::<f32>::try_from(tensor.flatten(0, -1)).unwrap())
}

/// The sizes of `write_golden.py`.
fn golden_vit() -> VitConfig {
    VitConfig { input_px: 32, patch_px: 8, width: 32, layers: 3, heads: 4, ..Config::nano().vlm }
}

/// The sizes of `write_published.py`.
fn published_vit() -> VitConfig {
    VitConfig { input_px: 16, patch_px: 4, width: 8, layers: 2, heads: 2, ..Config::nano().vlm }
}

fn published_clip(results: &BTreeMap<String, Tensor>) -> [Expected; 3] {
    let (vit, pixels) = (published_vit(), &results["clip.pixels"]);
    let config = TextConfig { vocabulary: 514, context: 8, width: 8, layers: 1, heads: 2 };
    [
        pooled(&vit, pixels, &results["clip.image_embeds"]),
        dense(&vit, pixels, &results["clip.dense_embeds"]),
        text(&config, &results["clip.tokens"], &results["clip.text_embeds"]),
    ]
}

#[test]
fn hugging_faces_clip_is_clip() {
    let (published, results) = hugging_face(&["clip_vision.safetensors", "clip_text.safetensors"]);
    let (vit, pixels) = (golden_vit(), &results["input.pixel_values"]);
    let config = TextConfig { vocabulary: 64, context: 16, width: 32, layers: 2, heads: 4 };
    let expected = [
        pooled(&vit, pixels, &results["output.image_embeds"]),
        dense(&vit, pixels, &results["output.dense_embeds"]),
        text(&config, &results["input.input_ids"], &results["output.text_embeds"]),
    ];
    assert!(check(published, Model::Clip, &expected).is_empty());
}

#[test]
fn without_the_pooled_tower_the_last_queries_and_keys_are_known_not_to_be_needed() {
    let (published, results) = hugging_face(&["clip_vision.safetensors"]);
    let expected =
        dense(&golden_vit(), &results["input.pixel_values"], &results["output.dense_embeds"]);
    let last = "vision_model.encoder.layers.2.self_attn";
    let unused = ["k_proj.bias", "k_proj.weight", "q_proj.bias", "q_proj.weight"]
        .map(|end| format!("{last}.{end}"));
    assert_eq!(check(published, Model::Clip, &[expected]), unused);
}

#[test]
fn hugging_faces_vit_is_dino() {
    let (published, results) = hugging_face(&["dino_vit.safetensors"]);
    let expected =
        rsi(&golden_vit(), &results["input.pixel_values"], &results["output.last_hidden_state"]);
    assert!(check(published, Model::Dino, &[expected]).is_empty());
}

#[test]
fn openais_torchscript_archive_in_half_precision_is_clip() {
    let results = read("published/expected.safetensors").tensors;
    let unused = check(read("published/openai_clip.pt"), Model::Clip, &published_clip(&results));
    assert_eq!(
        unused,
        ["attn_mask", "context_length", "input_resolution", "logit_scale", "vocab_size"]
    );
}

#[test]
fn open_clips_training_checkpoint_is_clip() {
    let results = read("published/expected.safetensors").tensors;
    let published = read("published/open_clip.pt");
    assert_eq!(published.part, Some("state_dict"));
    assert_eq!(check(published, Model::Clip, &published_clip(&results)), ["logit_scale"]);
}

#[test]
fn dinos_released_state_dict_is_dino() {
    let results = read("published/expected.safetensors").tensors;
    let expected = rsi(&published_vit(), &results["dino.pixels"], &results["dino.tokens"]);
    assert!(check(read("published/dino.pth"), Model::Dino, &[expected]).is_empty());
}

#[test]
fn gsnets_rsib_is_the_teacher_of_a_dino_checkpoint() {
    let results = read("published/expected.safetensors").tensors;
    let expected =
        rsi(&published_vit(), &results["gsnet_rsib.pixels"], &results["gsnet_rsib.tokens"]);
    let published = read("published/gsnet_rsib.pth");
    assert_eq!(published.part, Some("teacher"));
    assert_eq!(
        check(published, Model::Dino, &[expected]),
        ["head.last_layer.weight_g", "head.mlp.0.weight"]
    );
}

#[test]
fn position_tables_are_interpolated_as_their_origins_do() {
    let tensors = read("published/positions.safetensors").tensors;
    for (how, rule, from, to) in [
        ("clip", PositionRule::Size, 14, 24),
        ("clip", PositionRule::Size, 14, 32),
        ("dino", PositionRule::DinoFactor, 14, 32),
        ("dino", PositionRule::DinoFactor, 28, 48),
    ] {
        let found =
            interpolate_positions(&tensors[&format!("table.{from}")], from, to, rule).unwrap();
        let expected = &tensors[&format!("{how}.{from}.{to}")];
        Tolerance::Float32
            .check(&values(expected), &values(&found))
            .unwrap_or_else(|reason| panic!("{how} {to}: {reason}"));
    }
    // The golden file tells the two rules apart.
    let other = interpolate_positions(&tensors["table.14"], 14, 32, PositionRule::Size).unwrap();
    assert!(Tolerance::Float32.check(&values(&tensors["dino.14.32"]), &values(&other)).is_err());
}
