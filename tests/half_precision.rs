//! The shipped network in half precision: what the official checker, ONNX Runtime and NVIDIA's
//! builder say to it. Nothing here runs on a GPU.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod support;

use std::process::Command;

use prost::Message as _;
use rszs_bundle::Precision;
use rszs_export::checkpoint::Checkpoint;
use rszs_export::engine::Engine;
use rszs_export::lower::lower_half;
use rszs_export::unpack::unpack;
use rszs_graph::Graph;
use rszs_network::{Config, Purpose, image_graph};
use support::plan::{fetched, plan_bytes, rtx};
use support::{golden_feeds, root, shipped};

/// The image graph of a checkpoint, and its file.
fn half_model(checkpoint: &Checkpoint) -> (Graph, Vec<u8>) {
    let graph = image_graph(&checkpoint.config, Purpose::Deploy).unwrap();
    let model = lower_half(&graph, &checkpoint.parameters, "model", &[]).unwrap().encode_to_vec();
    (graph, model)
}

#[test]
fn onnx_runtime_meets_the_golden_set() {
    let bundle = shipped();
    let (graph, model) = half_model(&unpack(&bundle).unwrap());
    let outputs =
        Engine::onnx_runtime(&model, None).unwrap().run(&graph, &golden_feeds(&bundle)).unwrap();
    bundle.golden().compare(Precision::Fp16, &outputs[0].1.values, &outputs[1].1.values).unwrap();
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

/// Builds a plan with every TensorRT-RTX that is there.
fn build_plans(checkpoint: &Checkpoint) {
    let model = half_model(checkpoint).1;
    for component in ["tensorrt-rtx-1.7", "tensorrt-rtx-1.4"] {
        let Some(folder) = rtx(component) else { continue };
        let bytes =
            plan_bytes(&folder, &model, checkpoint.config.tile_px, checkpoint.config.joint_width)
                .unwrap();
        assert!(bytes > model.len() / 2, "{component}: {bytes} bytes");
    }
}

#[test]
fn tensorrt_rtx_builds_a_plan_of_the_shipped_network() {
    build_plans(&unpack(&shipped()).unwrap());
}

#[test]
#[ignore = "builds from a network of the size of ViT-B/16: run it by name after a change of \
    lower/half.rs"]
fn tensorrt_rtx_builds_a_plan_of_b16() {
    build_plans(&Checkpoint::initial(Config::preset("b16").unwrap(), 0).unwrap());
}

#[test]
#[ignore = "needs minutes and 6 GiB of memory for ViT-L/14: run it by name after a change of \
    lower/half.rs"]
fn tensorrt_rtx_builds_a_plan_of_l14() {
    build_plans(&Checkpoint::initial(Config::preset("l14").unwrap(), 0).unwrap());
}
