//! The shipped network as `TensorRT` multiplies it in 8 bits: what the oracle, the official
//! checker, ONNX Runtime and NVIDIA's builder say to it. Nothing here runs on a GPU.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, ExitCode};

use prost::Message as _;
use rszs_bundle::{Bundle, Precision};
use rszs_export::checkpoint::Checkpoint;
use rszs_export::engine::Engine;
use rszs_export::lower::{ElementType, interpret_half, lower, lower_half};
use rszs_export::onnx::{ModelProto, data_type};
use rszs_export::unpack::unpack;
use rszs_graph::{CentredPixels, Graph, Node, Tensor, interpret_with};
use rszs_network::{Purpose, image_graph};
use rszs_tensorrt::Error;
use rszs_tests::{harness, tests};
use support::plan::{PYTHON, needs_python, needs_rtx, plan, rtx, third_party};
use support::runner::onnx_runtime;
use support::{golden_feeds, root, shipped};

/// The share of all multiply-accumulates that calibration quantizes from.
const LIGHTEST: f64 = 0.001;

/// Where calibration leaves most products of the shipped network in float: their values reach far
/// beyond what most pixels have.
const LEFT_IN_FLOAT: [&str; 6] = [
    "stem.first",
    "stem.blocks.0.",
    "stem.blocks.1.",
    "stem.blocks.2.",
    "stem.blocks.3.",
    "stem.blocks.4.",
];

/// The shipped network in INT8, with ranges of its golden tiles.
fn quantized(bundle: &Bundle) -> (Checkpoint, Graph) {
    let checkpoint = unpack(bundle).unwrap();
    let graph = image_graph(&checkpoint.config, Purpose::Deploy).unwrap();
    let (graph, parameters) = graph.fold_weights(&checkpoint.parameters).unwrap();
    let CentredPixels { graph, parameters, centred } = graph.centre_pixels(&parameters);
    let checkpoint = Checkpoint { parameters, ..checkpoint };
    let mut magnitudes = BTreeMap::new();
    let keep = |node: &Node, value: &Tensor| {
        magnitudes.insert(node.name.clone(), value.magnitude());
    };
    interpret_with(&graph, &golden_feeds(bundle), &checkpoint.parameters, keep).unwrap();
    magnitudes.extend(centred.into_iter().map(|name| (name, CentredPixels::MAGNITUDE)));
    let products = graph.products(LIGHTEST).into_iter().map(|product| product.name);
    let products: BTreeSet<String> =
        products.filter(|name| !LEFT_IN_FLOAT.iter().any(|part| name.starts_with(part))).collect();
    let graph = graph.quantize(&products, &magnitudes, &checkpoint.parameters).unwrap();
    (checkpoint, graph)
}

fn model(checkpoint: &Checkpoint, graph: &Graph) -> ModelProto {
    lower_half(graph, &checkpoint.parameters, "model", &[]).unwrap()
}

fn rounding_oracle_and_onnx_runtime_meet_the_golden_set() {
    let bundle = shipped();
    let (checkpoint, graph) = quantized(&bundle);
    let feeds = golden_feeds(&bundle);
    let oracle =
        interpret_half(&graph, &feeds, &checkpoint.parameters, ElementType::F32).unwrap().outputs;
    let file = model(&checkpoint, &graph).encode_to_vec();
    let engine = Engine::onnx_runtime(&file, None).unwrap().run(&graph, &feeds).unwrap();
    let golden = bundle.golden();
    for (name, outputs) in [("oracle", &oracle), ("ONNX Runtime", &engine)] {
        let compared =
            golden.compare(Precision::Int8Fp16, &outputs[0].1.values, &outputs[1].1.values);
        assert!(compared.is_ok(), "{name}: {compared:?}");
    }
    // The file computes what the oracle says. A value on the border between two steps goes either
    // way and single logits can be far apart; a wrong scale moves most of them.
    let apart = root_mean_square(&oracle[0].1.values, &engine[0].1.values);
    let size = root_mean_square(&golden.logits, &vec![0.0; golden.logits.len()]);
    assert!(apart < 0.02 * size, "{apart} of {size}");
}

fn root_mean_square(a: &[f32], b: &[f32]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2));
    (squares.sum::<f64>() / a.len() as f64).sqrt()
}

fn the_official_checker_accepts_the_file() {
    let (checkpoint, graph) = quantized(&shipped());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.int8-fp16.onnx");
    std::fs::write(&file, model(&checkpoint, &graph).encode_to_vec()).unwrap();
    let script = root().join("tests/python/check_onnx.py");
    let output = Command::new(third_party(PYTHON)).arg(script).arg(&file).output().unwrap();
    let answer = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{answer}");
    assert!(answer.contains(r#""ok": true, "opset": 20"#), "{answer}");
}

/// 1.7 alone: 1.4 cannot build convolutions in 8 bits.
fn tensorrt_rtx_builds_a_plan() {
    let folder = rtx("tensorrt-rtx-1.7");
    let (checkpoint, graph) = quantized(&shipped());
    let (side, width) = (checkpoint.config.tile_px, checkpoint.config.joint_width);
    let file = model(&checkpoint, &graph).encode_to_vec();
    // TensorRT-RTX keeps a network whole until it meets a GPU: the plan is no smaller than that of
    // half precision.
    let bytes = plan(&folder, &file, side, width).unwrap().bytes;
    assert!(bytes > file.len(), "{bytes} bytes of a file of {}", file.len());
}

fn tensorrt_rtx_refuses_what_it_cannot_multiply_in_nvidias_words() {
    let folder = rtx("tensorrt-rtx-1.7");
    let (checkpoint, graph) = quantized(&shipped());
    let (side, width) = (checkpoint.config.tile_px, checkpoint.config.joint_width);
    let refusal = |model: &ModelProto| match plan(&folder, &model.encode_to_vec(), side, width)
        .unwrap_err()
    {
        Error::Parse { faults, .. } => format!("{faults:?}"),
        other => panic!("{other}"),
    };
    let for_cpus = lower(&graph, &checkpoint.parameters, "model", &[]).unwrap();
    let text = refusal(&for_cpus);
    assert!(text.contains("zero point"), "steps around 128: {text}");

    let mut mixed = model(&checkpoint, &graph);
    let weights = &mut mixed.graph.as_mut().unwrap().initializer;
    let scale = weights
        .iter_mut()
        .find(|tensor| tensor.name.as_deref().unwrap().starts_with("scales."))
        .unwrap();
    assert_eq!(scale.data_type, Some(data_type::FLOAT16));
    let count = scale.raw_data.as_ref().unwrap().len() / 2;
    scale.data_type = Some(data_type::FLOAT);
    scale.raw_data = Some(1.0_f32.to_le_bytes().repeat(count));
    let text = refusal(&mixed);
    assert!(text.contains("same type"), "a 32-bit scale in a 16-bit product: {text}");
}

fn main() -> ExitCode {
    let mut all = tests![onnx_runtime(); rounding_oracle_and_onnx_runtime_meet_the_golden_set];
    all.extend(tests![needs_python(); the_official_checker_accepts_the_file]);
    all.extend(tests![
        needs_rtx("tensorrt-rtx-1.7");
        tensorrt_rtx_builds_a_plan,
        tensorrt_rtx_refuses_what_it_cannot_multiply_in_nvidias_words,
    ]);
    harness::run(all)
}
