//! The shipped network in half precision: what the official checker, ONNX Runtime and NVIDIA's
//! builder say to it. Nothing here runs on a GPU.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod support;

use std::collections::BTreeSet;
use std::process::{Command, ExitCode};

use prost::Message as _;
use rszs_bundle::Precision;
use rszs_export::checkpoint::Checkpoint;
use rszs_export::engine::Engine;
use rszs_export::lower::{ElementType, interpret_half, lower_half};
use rszs_export::unpack::unpack;
use rszs_graph::{Graph, Node, Op};
use rszs_network::{Config, Purpose, image_graph};
use rszs_tests::harness::{self, Need, test};
use rszs_tests::tests;
use support::plan::{PYTHON, Plan, needs_python, needs_rtx, plan, rtx, third_party};
use support::runner::onnx_runtime;
use support::{golden_feeds, root, shipped};

/// The image graph of a checkpoint, and its file.
fn half_model(checkpoint: &Checkpoint) -> (Graph, Vec<u8>) {
    let graph = image_graph(&checkpoint.config, Purpose::Deploy).unwrap();
    let model = lower_half(&graph, &checkpoint.parameters, "model", &[]).unwrap().encode_to_vec();
    (graph, model)
}

fn onnx_runtime_meets_the_golden_set() {
    let bundle = shipped();
    let (graph, model) = half_model(&unpack(&bundle).unwrap());
    let outputs =
        Engine::onnx_runtime(&model, None).unwrap().run(&graph, &golden_feeds(&bundle)).unwrap();
    bundle.golden().compare(Precision::Fp16, &outputs[0].1.values, &outputs[1].1.values).unwrap();
}

/// As with the fastest tensor cores, which hold sums in 16 bits too.
fn sums_in_16_bits_meet_the_golden_set() {
    let bundle = shipped();
    let checkpoint = unpack(&bundle).unwrap();
    let graph = half_model(&checkpoint).0;
    let feeds = golden_feeds(&bundle);
    let outputs =
        interpret_half(&graph, &feeds, &checkpoint.parameters, ElementType::F16).unwrap().outputs;
    bundle.golden().compare(Precision::Fp16, &outputs[0].1.values, &outputs[1].1.values).unwrap();
}

fn the_official_checker_accepts_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.fp16.onnx");
    std::fs::write(&file, half_model(&unpack(&shipped()).unwrap()).1).unwrap();
    let script = root().join("tests/python/check_onnx.py");
    let output = Command::new(third_party(PYTHON)).arg(script).arg(&file).output().unwrap();
    let answer = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{answer}");
    assert!(answer.contains(r#""ok": true, "opset": 20"#), "{answer}");
}

/// Builds a plan with a TensorRT-RTX. Every attention between tokens becomes one kernel.
fn build_plan(component: &str, checkpoint: &Checkpoint) -> Plan {
    let (graph, model) = half_model(checkpoint);
    let (side, width) = (checkpoint.config.tile_px, checkpoint.config.joint_width);
    let plan = plan(&rtx(component), &model, side, width).unwrap();
    assert!(plan.bytes > model.len() / 2, "{component}: {} bytes", plan.bytes);
    // CARH's softmax is over the pixels of a whole tile and is left in parts.
    let is_fused = |node: &&Node| node.op == Op::Softmax && node.name != "carh.softmax";
    let attentions = graph.nodes().iter().filter(is_fused).count();
    let fused: BTreeSet<&str> = plan.kernels("_gemm_mha_v2_myl").collect();
    assert_eq!(fused.len(), attentions, "{component}: {fused:?}");
    plan
}

/// Builds the shipped network. Four tiles and 64 queries need less than 64 MiB beside the weights.
fn build_shipped(component: &str) {
    let memory = build_plan(component, &unpack(&shipped()).unwrap()).activation_bytes();
    assert!((16 << 20..64 << 20).contains(&memory), "{component}: {memory} bytes");
}

fn main() -> ExitCode {
    let mut all = tests![onnx_runtime(); onnx_runtime_meets_the_golden_set];
    all.extend(tests![Need::nothing(); sums_in_16_bits_meet_the_golden_set]);
    all.extend(tests![needs_python(); the_official_checker_accepts_the_file]);
    for component in ["tensorrt-rtx-1.7", "tensorrt-rtx-1.4"] {
        let name = format!("{component} builds a plan of the shipped network");
        let run = move || build_shipped(component);
        all.push(test(&name, &needs_rtx(component), run));
        for (preset, cost) in [("b16", "a minute"), ("l14", "minutes and 6 GiB of memory")] {
            let need = Need::unless(Some(format!("{cost}: run it after a change of lower/half")));
            let name = format!("{component} builds a plan of {preset}");
            let run = move || {
                let config = Config::preset(preset).unwrap();
                drop(build_plan(component, &Checkpoint::initial(config, 0).unwrap()));
            };
            all.push(test(&name, &need, run));
        }
    }
    harness::run(all)
}
