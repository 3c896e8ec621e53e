//! Files that are each in order and do not belong together.

use crate::fixture::{Fixture, golden};
use crate::onnx_bytes::{field, good_model, model, value};
use serde_json::json;

fn refusal_of_values(values: &[Vec<u8>]) -> String {
    let fixture = Fixture::new();
    fixture.forge("model.fp32.onnx", &model(&values.concat(), &[]));
    let message = fixture.refusal();
    message.strip_prefix("toy/model.fp32.onnx: ").expect("the file is named").to_owned()
}

fn values() -> [Vec<u8>; 4] {
    [
        field(11, &value("tiles", 2, &[0, 8, 8, 3])),
        field(11, &value("queries", 1, &[0, 4])),
        field(12, &value("logits", 1, &[0, 0, 2, 2])),
        field(12, &value("presence", 1, &[0, 0])),
    ]
}

#[test]
fn a_model_of_another_width_is_refused() {
    let mut values = values();
    values[1] = field(11, &value("queries", 1, &[0, 512]));
    let expected = "queries: expected f32 [K, 4], found f32 [?, 512] (model and manifest of \
        different exports?)";
    assert_eq!(refusal_of_values(&values), expected);
}

#[test]
fn a_model_of_another_tile_size_is_refused() {
    let mut values = values();
    values[0] = field(11, &value("tiles", 2, &[0, 16, 16, 3]));
    assert!(
        refusal_of_values(&values)
            .starts_with("tiles: expected uint8 [N, 8, 8, 3], found uint8 [?, 16, 16, 3]")
    );
}

#[test]
fn a_model_with_a_fixed_number_of_images_is_refused() {
    let mut values = values();
    values[0] = field(11, &value("tiles", 2, &[1, 8, 8, 3]));
    assert!(
        refusal_of_values(&values)
            .starts_with("tiles: expected uint8 [N, 8, 8, 3], found uint8 [1, 8, 8, 3]")
    );
}

#[test]
fn a_model_of_another_element_type_is_refused() {
    let mut values = values();
    values[2] = field(12, &value("logits", 10, &[0, 0, 2, 2]));
    assert!(
        refusal_of_values(&values)
            .starts_with("logits: expected f32 [N, K, 2, 2], found f16 [?, ?, 2, 2]")
    );
}

#[test]
fn missing_and_further_inputs_and_outputs_are_refused() {
    let mut without = values();
    without[1].clear();
    assert!(
        refusal_of_values(&without).starts_with("inputs: expected queries, tiles, found tiles ")
    );
    let further = [values().to_vec(), vec![field(12, &value("debug", 1, &[1]))]].concat();
    assert!(
        refusal_of_values(&further)
            .starts_with("outputs: expected logits, presence, found debug, logits, presence ")
    );
}

#[test]
fn sizes_that_the_file_leaves_open_are_accepted() {
    let fixture = Fixture::new();
    let mut values = values();
    values[2] = field(12, &value("logits", 1, &[0, 0, 0, 0]));
    fixture.forge("model.fp32.onnx", &model(&values.concat(), &[]));
    assert!(fixture.open().is_ok());
}

#[test]
fn a_text_tower_of_another_context_is_refused() {
    let fixture = Fixture::new();
    fixture.forge_manifest(|manifest| manifest["text"]["context"] = json!(77));
    assert!(
        fixture
            .refusal()
            .starts_with("toy/text.fp32.onnx: tokens: expected int32 [K, 77], found int32 [?, 6]")
    );
}

#[test]
fn a_vocabulary_of_another_width_is_refused() {
    let fixture = Fixture::new();
    let entry = rszs_bundle::Entry::new(crate::fixture::name("tree"), "aerial", [0, 200, 0]);
    let vocabulary = rszs_bundle::Vocabulary::new(vec![entry], vec![0.6, 0.8], 2).unwrap();
    let (rows, embeddings) = vocabulary.to_files().unwrap();
    fixture.forge("vocabulary.json", &rows);
    fixture.forge("vocabulary.safetensors", &embeddings);
    let expected = "toy/vocabulary.safetensors: expected embeddings of 4 numbers, found 2 (files \
        of different exports?)";
    assert_eq!(fixture.refusal(), expected);
}

#[test]
fn a_golden_set_of_another_tile_size_is_refused() {
    let fixture = Fixture::new();
    let mut golden = golden();
    golden.shape.tile_px = 4;
    golden.tiles.truncate(48);
    golden.logits.truncate(2);
    fixture.forge("golden/golden.safetensors", &golden.to_bytes().unwrap());
    assert!(
        fixture
            .refusal()
            .starts_with("toy/golden/golden.safetensors: expected tiles of 8 px, found 4")
    );
}

#[test]
fn a_folded_bundle_has_no_queries_anywhere() {
    let fixture = Fixture::new();
    let values = values();
    let folded = [
        values[0].clone(),
        field(12, &value("logits", 1, &[0, 2, 2, 2])),
        field(12, &value("presence", 1, &[0, 2])),
    ];
    fixture.forge_manifest(|manifest| {
        manifest["folded"] = json!(["building", "flood water"]);
        let manifest = manifest.as_object_mut().unwrap();
        manifest.remove("text");
        let files = manifest["files"].as_object_mut().unwrap();
        files.remove("text.fp32.onnx");
        files.remove("tokenizer.json");
    });
    for file in ["text.fp32.onnx", "tokenizer.json"] {
        std::fs::remove_file(fixture.path().join(file)).unwrap();
    }
    assert!(
        fixture
            .refusal()
            .starts_with("toy/model.fp32.onnx: inputs: expected tiles, found queries, tiles")
    );
    fixture.forge("model.fp32.onnx", &model(&folded.concat(), &[]));
    assert!(fixture.refusal().contains("expected no queries, as the vocabulary is folded"));
    let mut golden = golden();
    golden.queries = None;
    golden.shape.joint_width = 0;
    fixture.forge("golden/golden.safetensors", &golden.to_bytes().unwrap());
    assert!(fixture.open().is_ok());
    fixture.forge_manifest(|manifest| manifest["folded"] = json!(["building", "lighthouse"]));
    assert!(
        fixture.refusal().contains("expected a row for the folded name lighthouse, found none")
    );
}

#[test]
fn every_model_file_is_held_to_the_contract() {
    let fixture = Fixture::new();
    fixture.forge("model.int8.onnx", &good_model());
    assert!(fixture.open().is_ok());
    fixture.forge("model.int8.onnx", &model(&[], &[]));
    assert!(
        fixture
            .refusal()
            .starts_with("toy/model.int8.onnx: inputs: expected queries, tiles, found ")
    );
}
