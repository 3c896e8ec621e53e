//! Bundles whose hashes are right and whose content is wrong: what an attacker, or a broken
//! exporter, would ship.

use crate::fixture::{Fixture, files_below};
use serde_json::{Value, json};
use std::fs;

fn refusal_of_manifest(change: impl FnOnce(&mut Value)) -> String {
    let fixture = Fixture::new();
    fixture.forge_manifest(change);
    let message = fixture.refusal();
    assert!(message.starts_with("toy/manifest.json: "), "{message}");
    message
}

#[test]
fn a_path_that_leaves_the_bundle_is_refused() {
    for path in [
        "../outside",
        "golden/../../outside",
        "/etc/passwd",
        "..\\outside",
        "C:\\outside",
        "golden/..",
    ] {
        let message = refusal_of_manifest(|manifest| {
            let entry = manifest["files"]["MODEL_CARD.md"].clone();
            manifest["files"][path] = entry;
        });
        assert!(
            message.contains(&format!("expected a path inside the bundle, found {path:?}")),
            "{message}"
        );
    }
}

#[test]
fn a_file_that_no_bundle_has_is_refused() {
    for path in [
        "plugin.so",
        "model.onnx",
        "MODEL_CARD.MD",
        "./MODEL_CARD.md",
        "golden",
        "",
        "manifest.json",
    ] {
        let message = refusal_of_manifest(|manifest| {
            let entry = manifest["files"]["MODEL_CARD.md"].clone();
            manifest["files"][path] = entry;
        });
        assert!(message.contains("expected one of model.fp32.onnx, "), "{message}");
    }
}

#[test]
fn a_file_listed_twice_is_refused() {
    let fixture = Fixture::new();
    fixture.damage("manifest.json", |bytes| {
        let manifest = String::from_utf8(bytes.clone()).unwrap();
        let twice = manifest.replacen(
            "\"files\": {",
            &format!(
                r#""files": {{ "MODEL_CARD.md": {{ "bytes": 1, "sha256": "{}" }},"#,
                "0".repeat(64)
            ),
            1,
        );
        assert_ne!(twice, manifest);
        *bytes = twice.into_bytes();
    });
    fixture.forge_digest();
    assert!(fixture.refusal().contains("expected each name once, found \"MODEL_CARD.md\" twice"));
}

#[test]
fn a_field_that_is_missing_or_unknown_is_refused() {
    assert!(
        refusal_of_manifest(|manifest| manifest["surprise"] = json!(1))
            .contains("unknown field `surprise`")
    );
    let without = |field: &'static str| {
        refusal_of_manifest(move |manifest| drop(manifest.as_object_mut().unwrap().remove(field)))
    };
    for field in
        ["schema", "name", "counter", "files", "engine", "network", "licence", "provenance"]
    {
        assert!(without(field).contains(&format!("missing field `{field}`")));
    }
}

#[test]
fn another_schema_is_named_even_if_its_fields_are_unknown() {
    let message = refusal_of_manifest(|manifest| {
        manifest["schema"] = json!(2);
        manifest["surprise"] = json!(1);
    });
    assert_eq!(
        message,
        "toy/manifest.json: schema: expected 1, found 2 (bundle and program of different versions?)"
    );
}

#[test]
fn values_out_of_range_are_refused_with_their_field() {
    let cases: [(&str, &[&str], Value); 14] = [
        ("name", &["name"], json!("")),
        ("name", &["name"], json!("a\u{1b}[2J")),
        ("engine.tile_px", &["engine", "tile_px"], json!(0)),
        ("engine.tile_px", &["engine", "tile_px"], json!(10)),
        ("engine.tile_px", &["engine", "tile_px"], json!(1_000_000)),
        ("engine.overlap_px", &["engine", "overlap_px"], json!(8)),
        ("engine.logits_stride_px", &["engine", "logits_stride_px"], json!(8)),
        ("engine.joint_width", &["engine", "joint_width"], json!(0)),
        ("engine.max_queries", &["engine", "max_queries"], json!(0)),
        ("training_gsd_m", &["training_gsd_m"], json!([0.5, 0.1])),
        ("training_gsd_m", &["training_gsd_m"], json!([-1.0, 0.1])),
        ("text.context", &["text", "context"], json!(1)),
        ("text.templates", &["text", "templates"], json!([])),
        ("folded", &["folded"], json!([])),
    ];
    for (field, path, value) in cases {
        let message = refusal_of_manifest(|manifest| {
            let place = path.iter().fold(manifest, |place, key| &mut place[key]);
            *place = value.clone();
        });
        assert!(
            message.starts_with(&format!("toy/manifest.json: {field}: expected ")),
            "{value}: {message}"
        );
    }
}

#[test]
fn a_template_without_a_place_for_the_name_is_refused() {
    for template in ["a photo", "{} and {}", "a {}\n"] {
        let message =
            refusal_of_manifest(|manifest| manifest["text"]["templates"] = json!([template]));
        assert!(message.contains("expected one line with exactly one {}"), "{message}");
    }
}

#[test]
fn a_needed_file_that_is_not_listed_is_refused() {
    for file in files_below(&Fixture::new().path())
        .into_iter()
        .filter(|file| !file.starts_with("manifest.json"))
    {
        let message = refusal_of_manifest(|manifest| {
            drop(manifest["files"].as_object_mut().unwrap().remove(&file));
        });
        assert!(message.contains("files: expected "), "{message}");
    }
}

#[test]
fn a_text_tower_without_its_contract_is_refused() {
    let message =
        refusal_of_manifest(|manifest| drop(manifest.as_object_mut().unwrap().remove("text")));
    assert!(message.contains("no text tower (text.fp32.onnx), as there is no `text`"), "{message}");
}

#[test]
fn a_size_beyond_any_file_is_refused_before_memory_is_asked_for() {
    for bytes in [0, 1_u64 << 40, u64::MAX] {
        let message = refusal_of_manifest(|manifest| {
            manifest["files"]["model.fp32.onnx"]["bytes"] = json!(bytes);
        });
        assert!(
            message.contains("files: expected model.fp32.onnx of 1 to 2147483647 bytes"),
            "{message}"
        );
    }
    let fixture = Fixture::new();
    fixture.forge_manifest(|manifest| {
        manifest["files"]["model.fp32.onnx"]["bytes"] = json!(2_147_483_647);
    });
    assert!(
        fixture.refusal().starts_with("toy/model.fp32.onnx: expected 2147483647 bytes, found ")
    );
}

#[test]
fn a_manifest_of_a_megabyte_is_refused_unread() {
    let message = refusal_of_manifest(|manifest| manifest["network"] = json!("x".repeat(1 << 20)));
    assert!(message.starts_with("toy/manifest.json: expected at most 1048576 bytes"), "{message}");
}

#[test]
fn a_manifest_nested_a_thousand_deep_is_refused() {
    let fixture = Fixture::new();
    let deep =
        format!(r#"{{"schema": 1, "network": {}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    fs::write(fixture.path().join("manifest.json"), deep).unwrap();
    fixture.forge_digest();
    assert!(fixture.refusal().contains("recursion limit exceeded"));
}

/// Writes `embeddings: [3, 4]` of the given numbers into the fixture.
fn forge_embeddings(fixture: &Fixture, numbers: &[f32]) {
    let file = fs::read(fixture.path().join("vocabulary.safetensors")).expect("the file is there");
    let data = file.len() - 3 * 4 * 4;
    let numbers: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    fixture.forge("vocabulary.safetensors", &[&file[..data], &numbers].concat());
}

#[test]
fn an_embedding_that_is_not_of_length_1_is_refused() {
    for (number, shown) in
        [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (0.0, "0"), (0.5, "0.5"), (1e30, "inf")]
    {
        let fixture = Fixture::new();
        forge_embeddings(
            &fixture,
            &[1.0, 0.0, 0.0, 0.0, number, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
        );
        let message = fixture.refusal();
        assert_eq!(
            message,
            format!(
                "toy: vocabulary row 1 (flood water): expected an embedding of length 1, found \
                 {shown}"
            )
        );
    }
}

#[test]
fn embeddings_of_another_run_are_refused_although_every_file_is_listed() {
    let fixture = Fixture::new();
    forge_embeddings(&fixture, &[0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    assert!(
        fixture
            .refusal()
            .starts_with("toy: vocabulary: expected names and embeddings that hash to ")
    );
}

fn refusal_of_rows(change: impl FnOnce(&mut Value)) -> String {
    let fixture = Fixture::new();
    let rows = fs::read(fixture.path().join("vocabulary.json")).expect("the file is there");
    let mut file: Value = serde_json::from_slice(&rows).expect("the file is JSON");
    change(&mut file);
    fixture.forge("vocabulary.json", file.to_string().as_bytes());
    fixture.refusal()
}

#[test]
fn swapped_names_are_refused() {
    let message = refusal_of_rows(|file| file["rows"].as_array_mut().unwrap().swap(0, 1));
    assert!(message.contains("expected names and embeddings that hash to "), "{message}");
}

#[test]
fn more_names_than_embeddings_are_refused() {
    let message = refusal_of_rows(|file| drop(file["rows"].as_array_mut().unwrap().pop()));
    assert_eq!(
        message,
        "toy: vocabulary: expected one embedding a name, found 2 names and 3 embeddings"
    );
}

#[test]
fn a_word_that_two_rows_claim_is_refused() {
    for (row, words) in
        [(1, json!(["House"])), (1, json!(["BUILDING"])), (0, json!(["roof-top", "roof top"]))]
    {
        let message = refusal_of_rows(|file| file["rows"][row]["synonyms"] = words);
        assert!(message.contains("expected each name and synonym once, found "), "{message}");
    }
}

#[test]
fn a_name_with_something_invisible_in_it_is_refused() {
    for name in
        ["build\u{200b}ing", "\u{202e}gnidliub", "building\u{0}", "a,b", "x=y", " building", ""]
    {
        assert!(
            refusal_of_rows(|file| file["rows"][0]["name"] = json!(name))
                .starts_with("toy: vocabulary.json: ")
        );
    }
}

#[test]
fn a_threshold_that_is_missing_or_out_of_range_is_refused() {
    for threshold in [json!(1.5), json!(-0.1), json!(null), json!("0.5")] {
        let message = refusal_of_rows(|file| file["rows"][0]["threshold"] = threshold);
        assert!(message.starts_with("toy: vocabulary.json: "), "{message}");
    }
    let message =
        refusal_of_rows(|file| drop(file["rows"][0].as_object_mut().unwrap().remove("threshold")));
    assert!(message.contains("missing field `threshold`"), "{message}");
}

#[test]
fn safetensors_that_lie_about_themselves_are_refused() {
    let header =
        |json: &str| [&(json.len() as u64).to_le_bytes()[..], json.as_bytes(), &[0; 48]].concat();
    let lies = [
        u64::MAX.to_le_bytes().to_vec(),
        [&200_000_000_u64.to_le_bytes()[..], &[b'{'; 48]].concat(),
        header(r#"{"embeddings":{"dtype":"F32","shape":[3,4],"data_offsets":[0,4800]}}"#),
        header(r#"{"embeddings":{"dtype":"F32","shape":[3,4],"data_offsets":[48,0]}}"#),
        header(r#"{"embeddings":{"dtype":"F16","shape":[3,8],"data_offsets":[0,48]}}"#),
        header(r#"{"embeddings":{"dtype":"F32","shape":[12],"data_offsets":[0,48]}}"#),
        header(r#"{"other":{"dtype":"F32","shape":[3,4],"data_offsets":[0,48]}}"#),
        header(
            r#"{"embeddings":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,48]}}"#,
        ),
        header(
            r#"{"a":{"dtype":"F32","shape":[12],"data_offsets":[0,48]},"b":{"dtype":"F32","shape":[12],"data_offsets":[0,48]}}"#,
        ),
    ];
    for (number, lie) in lies.iter().enumerate() {
        let fixture = Fixture::new();
        fixture.forge("vocabulary.safetensors", lie);
        let message = fixture.refusal();
        assert!(message.starts_with("toy: vocabulary"), "{number}: {message}");
        let fixture = Fixture::new();
        fixture.forge("golden/golden.safetensors", lie);
        let message = fixture.refusal();
        assert!(message.starts_with("toy/golden/golden.safetensors: "), "{number}: {message}");
    }
}

#[test]
fn a_model_card_that_is_not_text_is_refused() {
    let fixture = Fixture::new();
    fixture.forge("MODEL_CARD.md", b"\xff\xfe");
    assert_eq!(fixture.refusal(), "toy/MODEL_CARD.md: expected UTF-8 text");
}
