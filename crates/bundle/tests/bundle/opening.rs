//! What an honest bundle gives.

use crate::fixture::{Fixture, files_below, golden, manifest, vocabulary, writer};
use crate::onnx_bytes::{good_model, good_text};
use rszs_bundle::{Bundle, Precision, Sha256, SignatureState, VerifyOptions};
use std::fs;

#[test]
fn a_bundle_gives_back_what_was_put_in() {
    let bundle = Fixture::new().open().unwrap();
    assert_eq!(bundle.model_bytes(Precision::Fp32), Some(good_model().as_slice()));
    assert_eq!(bundle.model_bytes(Precision::Int8), None);
    assert_eq!(bundle.text_bytes(), Some(good_text().as_slice()));
    assert_eq!(bundle.tokenizer_bytes(), Some(&br#"{"merges": ["a b"]}"#[..]));
    assert_eq!(bundle.vocabulary(), &vocabulary());
    assert_eq!(bundle.golden(), &golden());
    assert_eq!(bundle.model_card(), "# toy\n");
    assert_eq!(bundle.manifest().engine, manifest().engine);
    assert_eq!(bundle.manifest().precisions().collect::<Vec<_>>(), [Precision::Fp32]);
    assert_eq!(bundle.signature(), SignatureState::Unsigned);
}

#[test]
fn a_bundle_is_these_files_and_no_others() {
    let files = files_below(&Fixture::new().path());
    let expected = [
        "MODEL_CARD.md",
        "golden/golden.safetensors",
        "manifest.json",
        "manifest.json.sha256",
        "model.fp32.onnx",
        "text.fp32.onnx",
        "tokenizer.json",
        "vocabulary.json",
        "vocabulary.safetensors",
    ];
    assert_eq!(files, expected);
}

#[test]
fn the_same_content_gives_the_same_bytes() {
    let fixture = Fixture::new();
    let again = fixture.path().with_file_name("again");
    writer().write(&again).unwrap();
    for file in files_below(&again) {
        assert_eq!(
            fs::read(fixture.path().join(&file)).unwrap(),
            fs::read(again.join(&file)).unwrap(),
            "{file}"
        );
    }
}

#[test]
fn the_hash_of_a_bundle_is_that_of_its_manifest() {
    let fixture = Fixture::new();
    let manifest = fs::read(fixture.path().join("manifest.json")).unwrap();
    assert_eq!(fixture.open().unwrap().hash(), Sha256::of(&manifest));
}

#[test]
fn a_link_to_a_bundle_opens_it() {
    let fixture = Fixture::new();
    let link = fixture.path().with_file_name("current");
    std::os::unix::fs::symlink(fixture.path(), &link).unwrap();
    assert!(Bundle::open(&link, &VerifyOptions::default()).is_ok());
}

#[test]
fn a_model_that_is_not_kept_is_not_in_memory() {
    let fixture = Fixture::new();
    let options = VerifyOptions { keep: vec![Precision::Int8], ..VerifyOptions::default() };
    assert_eq!(Bundle::open(&fixture.path(), &options).unwrap().model_bytes(Precision::Fp32), None);
}

#[test]
fn a_model_that_is_not_kept_is_verified_all_the_same() {
    let fixture = Fixture::new();
    fixture.damage("model.fp32.onnx", |bytes| bytes[9] ^= 1);
    let options = VerifyOptions { keep: vec![], ..VerifyOptions::default() };
    assert!(Bundle::open(&fixture.path(), &options).is_err());
}

#[test]
fn taken_model_bytes_are_gone() {
    let mut bundle = Fixture::new().open().unwrap();
    assert_eq!(bundle.take_model_bytes(Precision::Fp32), Some(good_model()));
    assert_eq!(bundle.model_bytes(Precision::Fp32), None);
}

#[test]
fn names_and_synonyms_resolve_however_they_are_written() {
    let vocabulary = vocabulary();
    for written in ["building", "BUILDING", "house", " Rooftop "] {
        assert_eq!(vocabulary.resolve(written).unwrap().index, 0, "{written}");
    }
    for written in ["flood water", "Flood-Water", "flood_water"] {
        let row = vocabulary.resolve(written).unwrap();
        assert_eq!((row.index, row.embedding), (1, &[0.6, 0.8, 0.0, 0.0][..]), "{written}");
    }
}

#[test]
fn an_unknown_name_lists_the_nearest_ones_and_no_support_row() {
    let unknown = vocabulary().resolve("flod water").unwrap_err();
    assert_eq!(unknown.nearest, ["flood water", "building"]);
    assert_eq!(
        unknown.to_string(),
        "flod water: expected a name of the vocabulary, found none of that name; nearest: flood \
         water, building"
    );
}
