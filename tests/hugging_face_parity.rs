//! CLIP's towers and DINO against `transformers` with random weights: an implementation that shares nothing with ours.

mod support;

use std::collections::BTreeMap;

use rszs_graph::{Builder, Element, K, N, NodeId, Tensor, interpret};
use rszs_network::{Config, TextConfig, VitConfig, clip, dino};
use rszs_tests::Tolerance;
use support::hugging_face::HuggingFace;

const JOINT_WIDTH: usize = 24;

fn vit() -> VitConfig {
    VitConfig { input_px: 32, patch_px: 8, width: 32, layers: 3, heads: 4, ..Config::nano().vlm }
}

fn run(builder: &Builder, output: NodeId, feeds: BTreeMap<String, Tensor>, golden: &HuggingFace) -> Tensor {
    let graph = builder.finish(&[("output", output)]).expect("a well-formed tower");
    interpret(&graph, &feeds, &golden.parameters()).expect("every weight is in the golden file").remove(0).1
}

fn pixels(builder: &Builder) -> rszs_graph::Value<'_> {
    builder.input("pixels", Element::F32, [N, 3.into(), 32.into(), 32.into()])
}

fn pixel_feeds(golden: &HuggingFace) -> BTreeMap<String, Tensor> {
    [("pixels".to_owned(), golden.tensor("input.pixel_values"))].into()
}

#[test]
fn the_pooled_image_tower_is_clips() {
    let golden = HuggingFace::read("clip_vision");
    let b = Builder::new();
    let output = clip::pooled_tower(&b, pixels(&b), &vit(), JOINT_WIDTH).id();
    let found = run(&b, output, pixel_feeds(&golden), &golden);
    Tolerance::Float32.check(&golden.tensor("output.image_embeds"), &found).unwrap();
}

#[test]
fn the_dense_image_tower_is_cat_segs() {
    let golden = HuggingFace::read("clip_vision");
    let b = Builder::new();
    let output = clip::dense_tower(&b, pixels(&b), &vit(), [1, 0], JOINT_WIDTH).features.id();
    let found = run(&b, output, pixel_feeds(&golden), &golden);
    Tolerance::Float32.check(&golden.tensor("output.dense_embeds"), &found).unwrap();
}

#[test]
fn the_remote_sensing_tower_is_dinos() {
    let golden = HuggingFace::read("dino_vit");
    let b = Builder::new();
    let output = dino::tower(&b, pixels(&b), &vit()).id();
    let found = run(&b, output, pixel_feeds(&golden), &golden);
    Tolerance::Float32.check(&golden.tensor("output.last_hidden_state"), &found).unwrap();
}

#[test]
fn the_text_tower_is_clips() {
    let golden = HuggingFace::read("clip_text");
    let config = TextConfig { vocabulary: 64, context: 16, width: 32, layers: 2, heads: 4 };
    let b = Builder::new();
    // The input cannot be called "tokens" here: without a scope, that is the table's name.
    let tokens = b.input("ids", Element::I32, [K, 16.into()]);
    let end = b.input("end", Element::F32, [K, 16.into()]);
    let output = clip::text_tower(&b, tokens, end, &config, JOINT_WIDTH).id();

    let ids = golden.tensor("input.input_ids");
    let mut one_hot = Tensor::zeros(ids.shape.clone());
    for (row, prompt) in ids.values.chunks_exact(16).enumerate() {
        // End of text is the largest id; of equal ones the first counts, as in CLIP's argmax.
        let last = (0..16).rev().max_by(|&a, &b| prompt[a].total_cmp(&prompt[b])).unwrap();
        one_hot.values[row * 16 + last] = 1.0;
    }
    let feeds = [("ids".to_owned(), ids), ("end".to_owned(), one_hot)].into();
    let found = run(&b, output, feeds, &golden);
    Tolerance::Float32.check(&golden.tensor("output.text_embeds"), &found).unwrap();
}
