//! libtorch computes what the oracle computes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::process::ExitCode;

use rszs_graph::DType;
use rszs_network::{Purpose, image_graph};
use rszs_tests::harness::{self, Need, test};
use rszs_tests::{Case, Tolerance, network_cases, op_cases, tests};
use rszs_train::{Mode, Parameters, eval};
use tch::{Device, Kind, Tensor};

fn to_torch(tensor: &rszs_graph::Tensor, kind: Kind) -> Tensor {
    let shape: Vec<i64> = tensor.shape.iter().map(|&length| length as i64).collect();
    Tensor::from_slice(&tensor.values).reshape(shape).to_kind(kind)
}

fn from_torch(tensor: &Tensor) -> rszs_graph::Tensor {
    let shape: Vec<usize> = tensor.size().into_iter().map(|length| length as usize).collect();
    let values: Vec<f32> = tensor.flatten(0, -1).to_kind(Kind::Float).try_into().unwrap();
    rszs_graph::Tensor::new(shape, values)
}

fn agree(case: &Case) {
    support::single_thread();
    let mut parameters = Parameters::empty(Device::Cpu);
    for (name, value) in &case.parameters {
        parameters.insert(name, to_torch(value, Kind::Float)).unwrap();
    }
    let kinds: BTreeMap<&str, Kind> = case
        .graph
        .inputs()
        .map(|(node, element)| {
            let kind = match element {
                DType::U8 => Kind::Uint8,
                DType::I32 => Kind::Int,
                DType::F32 => Kind::Float,
            };
            (node.name.as_str(), kind)
        })
        .collect();
    let feeds: BTreeMap<&str, Tensor> = case
        .feeds
        .iter()
        .map(|(name, value)| (name.as_str(), to_torch(value, kinds[name.as_str()])))
        .collect();
    let _guard = tch::no_grad_guard();
    let outputs = eval(&case.graph, &[], &feeds, &parameters, Mode::Evaluate).unwrap();
    for (name, reference) in case.reference() {
        let result = Tolerance::Float32.check(&reference, &from_torch(&outputs[&name]));
        result.unwrap_or_else(|reason| panic!("{}, output {name}: {reason}", case.name));
    }
}

fn only_what_is_wanted_is_computed_and_must_be_fed() {
    let graph = image_graph(&support::config(), Purpose::Train).unwrap();
    let parameters = Parameters::initialise(&[&graph], 1, Device::Cpu).unwrap();
    let tiles = Tensor::zeros([1, 64, 64, 3], (Kind::Uint8, Device::Cpu));
    let feeds = BTreeMap::from([("tiles", tiles)]);
    let _guard = tch::no_grad_guard();
    let streams =
        eval(&graph, &["vlm_dense", "rsi_tokens"], &feeds, &parameters, Mode::Evaluate).unwrap();
    assert_eq!(streams["vlm_dense"].size(), [1, 16, 16]);
    let message =
        eval(&graph, &["logits"], &feeds, &parameters, Mode::Evaluate).unwrap_err().to_string();
    assert!(message.contains("input queries: expected [K, 16], found nothing"), "{message}");
    let message =
        eval(&graph, &["logit"], &feeds, &parameters, Mode::Evaluate).unwrap_err().to_string();
    assert!(message.contains("the graph has logits, presence, aligned"), "{message}");
}

fn main() -> ExitCode {
    let cases = op_cases().into_iter().chain(network_cases());
    let mut all: Vec<_> = cases
        .map(|case| {
            let name = format!("libtorch: {}", case.name);
            test(&name, &Need::nothing(), move || agree(&case))
        })
        .collect();
    all.extend(tests![
        Need::nothing();
        only_what_is_wanted_is_computed_and_must_be_fed,
    ]);
    harness::run(all)
}
