//! The shipped network in half precision: what the official checker, ONNX Runtime and NVIDIA's builder say to it. Nothing here runs on
//! a GPU.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::path::{Path, PathBuf};
use std::process::Command;

use prost::Message as _;
use rszs_bundle::{Bundle, Precision, VerifyOptions};
use rszs_export::checkpoint::Checkpoint;
use rszs_export::engine::Engine;
use rszs_export::lower::lower_half;
use rszs_export::unpack::unpack;
use rszs_graph::{Graph, Tensor};
use rszs_network::{Config, Purpose, image_graph};
use rszs_tensorrt::{Builder, BuilderConfig, DataType, Library, Logger, Network};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn shipped() -> Bundle {
    Bundle::open(&root().join("bundles/nano"), &VerifyOptions::default()).unwrap()
}

/// The image graph of a checkpoint, and its file.
fn half_model(checkpoint: &Checkpoint) -> (Graph, Vec<u8>) {
    let graph = image_graph(&checkpoint.config, Purpose::Deploy).unwrap();
    let model = lower_half(&graph, &checkpoint.parameters, "model", &[]).unwrap().encode_to_vec();
    (graph, model)
}

/// A part of `third_party`, or a line that says why a test does nothing.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn fetched(path: &str, command: &str) -> Option<PathBuf> {
    let path = root().join("third_party").join(path);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: this needs {} (`cargo xtask {command}` fetches it)", path.display());
    None
}

#[test]
fn onnx_runtime_meets_the_golden_set() {
    let bundle = shipped();
    let (graph, model) = half_model(&unpack(&bundle).unwrap());
    let golden = bundle.golden();
    let (shape, side) = (golden.shape, golden.shape.tile_px);
    let tiles = Tensor::from_bytes([shape.images, side, side, 3], &golden.tiles);
    let queries = Tensor::new([shape.queries, shape.joint_width], golden.queries.clone().unwrap());
    let feeds = [("tiles".to_owned(), tiles), ("queries".to_owned(), queries)].into();
    let outputs = Engine::onnx_runtime(&model, None).unwrap().run(&graph, &feeds).unwrap();
    golden.compare(Precision::Fp16, &outputs[0].1.values, &outputs[1].1.values).unwrap();
}

#[test]
fn the_official_checker_accepts_the_file() {
    let Some(python) = fetched("python/bin/python", "setup") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.fp16.onnx");
    std::fs::write(&file, half_model(&unpack(&shipped()).unwrap()).1).unwrap();
    let script = root().join("tests/python/check_onnx.py");
    let output = Command::new(python).arg(script).arg(&file).output().unwrap();
    let answer = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{answer}");
    assert!(answer.contains(r#""ok": true, "opset": 20"#), "{answer}");
}

/// Builds a plan with every TensorRT-RTX that is there, for tiles of `side` px.
fn build_plans(model: &[u8], side: i64, width: i64) {
    for component in ["tensorrt-rtx-1.7", "tensorrt-rtx-1.4"] {
        let Some(folder) = fetched(&format!("{component}/lib"), "tensorrt") else { continue };
        let library = Library::find(Some(&folder), Logger::silent()).unwrap();
        let builder = Builder::new(&library).unwrap();
        let network = Network::parse(&builder, model).unwrap();
        for output in network.outputs().unwrap() {
            assert_eq!(output.data_type, DataType::Float32, "{output}");
        }
        let mut config = BuilderConfig::new(&builder).unwrap();
        let tiles = [1, 1, 4].map(|count| [count, side, side, 3]);
        let queries = [2, 8, 64].map(|count| [count, width]);
        let profile = [("tiles", tiles.each_ref().map(|s| &s[..])), ("queries", queries.each_ref().map(|s| &s[..]))];
        config.add_profile(&profile).unwrap();
        let plan = network.build(&config).unwrap();
        assert!(plan.bytes().len() > model.len() / 2, "{component}: {} bytes", plan.bytes().len());
    }
}

#[test]
fn tensorrt_rtx_builds_a_plan_of_the_shipped_network() {
    let checkpoint = unpack(&shipped()).unwrap();
    let (side, width) = (checkpoint.config.tile_px as i64, checkpoint.config.joint_width as i64);
    build_plans(&half_model(&checkpoint).1, side, width);
}

#[test]
#[ignore = "builds from a network of the size of ViT-B/16: run it by name after a change of lower/half.rs"]
fn tensorrt_rtx_builds_a_plan_of_b16() {
    let config = Config::preset("b16").unwrap();
    let (side, width) = (config.tile_px as i64, config.joint_width as i64);
    build_plans(&half_model(&Checkpoint::initial(config, 0).unwrap()).1, side, width);
}
