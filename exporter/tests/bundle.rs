//! From an untrained checkpoint to a bundle and back, with a network small enough for the oracle.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use rszs_bundle::{Bundle, Precision, VerifyOptions};
use rszs_checkpoint::CheckpointError;
use rszs_engine::OnnxRuntimeSession;
use rszs_export::bundle::{BundleRequest, ExportError, export_bundle};
use rszs_export::checkpoint::Checkpoint;
use rszs_export::engine::Engine;
use rszs_export::template_set::TemplateSet;
use rszs_export::tolerance::Tolerance;
use rszs_export::words::parse_words;
use rszs_graph::{Graph, Tensor};
use rszs_network::{Config, Purpose, image_graph};
use rszs_tests::harness::{self, Need};
use rszs_tests::tests;
use rszs_tokenizer::{Tokenizer, train::train_merges};

const WORDS: &str = "flood, flooded area\nbuilding, house\nroad\n";

fn tokenizer() -> Tokenizer {
    train_merges([WORDS, "an aerial photo of a satellite image of the scene"].into_iter(), 600)
}

/// The architecture of `nano` with every size cut down.
fn config() -> Config {
    let nano = Config::nano();
    let mut config = Config {
        joint_width: 24,
        vlm_taps: [1, 0],
        fusion_width: 16,
        fusion_heads: 2,
        decoder_width: 8,
        norm_groups: 4,
        ..nano.with_tile_px(64)
    };
    for stream in [&mut config.vlm, &mut config.rsi] {
        (stream.width, stream.layers, stream.heads) = (16, 3, 2);
    }
    (config.text.width, config.text.layers, config.text.heads, config.text.context) =
        (16, 1, 2, 20);
    (config.head.head_width, config.head.channels) = (8, 8);
    config.text.vocabulary = tokenizer().vocabulary_size();
    config
}

fn request() -> BundleRequest {
    BundleRequest {
        tokenizer_json: tokenizer().to_json(),
        words: parse_words(Path::new("words.txt"), WORDS).unwrap(),
        support: parse_words(Path::new("support.txt"), "sky").unwrap(),
        template_set: TemplateSet::Plain.to_string(),
        templates: TemplateSet::Plain.templates().unwrap(),
        thresholds: vec!["flood=0.31".parse().unwrap()],
        fold: false,
        half: false,
        name: "small".to_owned(),
        counter: 3,
        overlap_px: None,
        training_gsd_m: Some([0.05, 0.5]),
        licence: "MIT OR Apache-2.0".to_owned(),
        model_card: None,
        onnxruntime: None,
    }
}

fn export(request: &BundleRequest, target: &Path) -> Result<Bundle, ExportError> {
    let checkpoint = Checkpoint::initial(config(), 1).unwrap();
    export_bundle(&checkpoint, Path::new("small.safetensors"), request, target, |_| ())
}

/// What an engine with a model of the bundle makes of the bundle's golden inputs.
fn run_golden(bundle: &Bundle, graph: &Graph, mut engine: Engine) -> Vec<(String, Tensor)> {
    let (golden, side) = (bundle.golden(), bundle.golden().shape.tile_px);
    let tiles = Tensor::from_bytes([golden.shape.images, side, side, 3], &golden.tiles);
    let mut feeds = BTreeMap::from([("tiles".to_owned(), tiles)]);
    if let Some(queries) = &golden.queries {
        let shape = [golden.shape.queries, golden.shape.joint_width];
        feeds.insert("queries".to_owned(), Tensor::new(shape, queries.clone()));
    }
    engine.run(graph, &feeds).unwrap()
}

fn a_bundle_holds_everything_and_meets_its_golden_set() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("small");
    let mut checked = Vec::new();
    let checkpoint = Checkpoint::initial(config(), 1).unwrap();
    export_bundle(&checkpoint, Path::new("small.safetensors"), &request(), &target, |file| {
        checked.push(file.file);
    })
    .unwrap();
    assert_eq!(checked, ["text.fp32.onnx", "model.fp32.onnx"]);

    let bundle = Bundle::open(&target, &VerifyOptions::default()).unwrap();
    assert_eq!((bundle.manifest().name.as_str(), bundle.manifest().counter), ("small", 3));
    assert_eq!(bundle.manifest().engine.overlap_px, 16);
    assert_eq!(bundle.vocabulary().resolve("Flooded-Area").unwrap().entry.name.as_str(), "flood");
    assert!((bundle.vocabulary().row(0).entry.threshold.get() - 0.31).abs() < f32::EPSILON);
    assert!(bundle.vocabulary().row(3).entry.support);
    assert!(bundle.text_bytes().is_some() && bundle.tokenizer_bytes().is_some());
    assert!(bundle.model_card().contains("flood, building, road"));

    let engine = Engine::embedded(bundle.model_bytes(Precision::Fp32).unwrap()).unwrap();
    let outputs = run_golden(&bundle, &image_graph(&config(), Purpose::Deploy).unwrap(), engine);
    bundle.golden().compare(Precision::Fp32, &outputs[0].1.values, &outputs[1].1.values).unwrap();
}

fn a_row_is_the_direction_of_the_mean_of_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let row = |words: &str, name: &str| {
        let request = BundleRequest {
            words: parse_words(Path::new("words.txt"), words).unwrap(),
            ..request()
        };
        let target = folder.path().join(name);
        let request = BundleRequest { thresholds: vec![], ..request };
        Tensor::new([24], export(&request, &target).unwrap().vocabulary().row(0).embedding.to_vec())
    };
    let (both, flood, area) =
        (row("flood, flooded area", "a"), row("flood", "b"), row("flooded area", "c"));
    let mean: Vec<f32> = flood.values.iter().zip(&area.values).map(|(a, b)| a + b).collect();
    let length = mean.iter().map(|x| x * x).sum::<f32>().sqrt();
    let expected = Tensor::new([24], mean.iter().map(|x| x / length).collect());
    assert!(both.distance(&expected) < Tolerance::Float32.bound(), "{both:?} and {expected:?}");
    assert!(flood.distance(&area) > 0.01, "two words have two vectors");
}

fn a_folded_bundle_gives_the_masks_of_the_open_one() {
    let place = tempfile::tempdir().unwrap();
    let open = export(&request(), &place.path().join("open")).unwrap();
    let folded =
        export(&BundleRequest { fold: true, ..request() }, &place.path().join("folded")).unwrap();

    assert_eq!(folded.manifest().folded.as_ref().unwrap().len(), 4);
    assert!(folded.text_bytes().is_none() && folded.golden().queries.is_none());
    assert_eq!(folded.golden().shape.queries, open.golden().shape.queries);
    let model_bytes = |bundle: &Bundle| bundle.model_bytes(Precision::Fp32).unwrap().len();
    assert!(model_bytes(&folded) < model_bytes(&open));

    let (open, folded) = (open.golden(), folded.golden());
    let logits = |values: &[f32]| Tensor::new([values.len()], values.to_vec());
    let expected = logits(&open.logits);
    assert!(expected.distance(&logits(&folded.logits)) <= Tolerance::Float32.allowed(&expected));
}

fn a_file_in_half_precision_lies_beside_the_other_and_meets_the_golden_set() {
    let folder = tempfile::tempdir().unwrap();
    let (checkpoint, target) =
        (Checkpoint::initial(config(), 1).unwrap(), folder.path().join("small"));
    let (request, mut checked) = (BundleRequest { half: true, ..request() }, Vec::new());
    let path = Path::new("small.safetensors");
    let bundle = export_bundle(&checkpoint, path, &request, &target, |file| {
        checked.push(file.clone());
    })
    .unwrap();
    let report = &checked[2].report;
    assert_eq!(checked[2].file, "model.fp16.onnx");
    assert_eq!(report.comparisons.len(), 2, "{report}");
    assert!(
        report.comparisons.iter().all(|one| one.outputs.iter().any(|(_, off)| off.found > 0.0)),
        "{report}"
    );

    let [single, half] =
        [Precision::Fp32, Precision::Fp16].map(|precision| bundle.model_bytes(precision).unwrap());
    assert!(half.len() < single.len());
    let engine = Engine::onnx_runtime(half, None).unwrap();
    let outputs = run_golden(&bundle, &image_graph(&config(), Purpose::Deploy).unwrap(), engine);
    bundle.golden().compare(Precision::Fp16, &outputs[0].1.values, &outputs[1].1.values).unwrap();
}

fn every_ablation_can_be_shipped() {
    let folder = tempfile::tempdir().unwrap();
    for (cross_attention, adaptive_head) in [(false, true), (true, false), (false, false)] {
        let config = Config {
            multi_scale_cross_attention: cross_attention,
            category_adaptive_head: adaptive_head,
            ..config()
        };
        let checkpoint = Checkpoint::initial(config, 1).unwrap();
        for fold in [false, true] {
            let request = BundleRequest { fold, ..request() };
            let target = folder.path().join(format!("{cross_attention} {adaptive_head} {fold}"));
            export_bundle(&checkpoint, Path::new("small.safetensors"), &request, &target, |_| ())
                .unwrap();
        }
    }
}

fn nothing_is_written_for_a_tokenizer_of_another_model() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("small");
    let other =
        train_merges(["more and other words", "of a longer sentence", WORDS].into_iter(), 700);
    assert!(other.vocabulary_size() > config().text.vocabulary);
    let error = export(&BundleRequest { tokenizer_json: other.to_json(), ..request() }, &target)
        .unwrap_err();
    assert!(matches!(error, ExportError::TokenizerSize { .. }), "{error}");
    assert!(!target.exists());
}

fn nothing_is_written_for_weights_of_another_network() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("small");
    let mut checkpoint = Checkpoint::initial(config(), 1).unwrap();
    checkpoint.parameters.remove("dsfe.fuse.weight");
    checkpoint.parameters.insert("dsfe.fuse.wieght".to_owned(), Tensor::zeros([1]));
    let error =
        export_bundle(&checkpoint, Path::new("small.safetensors"), &request(), &target, |_| ())
            .unwrap_err();
    let ExportError::Checkpoint(CheckpointError::Difference { difference, .. }) = error else {
        panic!("{error}")
    };
    assert_eq!(difference.missing, ["dsfe.fuse.weight"]);
    assert_eq!(difference.unexpected, ["dsfe.fuse.wieght"]);
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none());
}

fn main() -> ExitCode {
    let missing = OnnxRuntimeSession::find(None).err();
    let need = Need::unless(missing.map(|error| format!("{error} (cargo xtask setup)")));
    let mut all =
        tests![need; a_file_in_half_precision_lies_beside_the_other_and_meets_the_golden_set];
    all.extend(tests![
        Need::nothing();
        a_bundle_holds_everything_and_meets_its_golden_set,
        a_row_is_the_direction_of_the_mean_of_its_words,
        a_folded_bundle_gives_the_masks_of_the_open_one,
        every_ablation_can_be_shipped,
        nothing_is_written_for_a_tokenizer_of_another_model,
        nothing_is_written_for_weights_of_another_network,
    ]);
    harness::run(all)
}
