//! What the exporter writes, against the kernels of ONNX Runtime's CUDA provider.
//!
//! ONNX Runtime leaves a node without a kernel to the processor, and the engine `cuda` then refuses
//! the model. `golden/cuda_kernels.txt` says which release is the first with a kernel for an
//! operator and its types. The text tower stays on the processor.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::{BTreeMap, BTreeSet};

use rszs_engine::LEAST_CUDA_RELEASE;
use rszs_export::lower::{OPSET, lower, lower_half};
use rszs_export::onnx::{ModelProto, NodeProto, data_type};
use rszs_tests::network_cases;

const TABLE: &str = include_str!("golden/cuda_kernels.txt");

/// The first release, as 24 for 1.24, with a kernel for each operator and the types of its inputs.
fn table() -> BTreeMap<&'static str, u32> {
    let rows = TABLE.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    rows.map(|row| {
        let (kernel, release) = row.rsplit_once(" | 1.").unwrap();
        (kernel.trim_end(), release.parse().unwrap())
    })
    .collect()
}

fn type_name(data_type: i32) -> &'static str {
    match data_type {
        data_type::FLOAT => "float",
        data_type::FLOAT16 => "float16",
        data_type::UINT8 => "uint8",
        data_type::INT32 => "int32",
        data_type::INT64 => "int64",
        other => panic!("data type {other}: expected one that the exporter writes"),
    }
}

/// Type of the one output of `node`, whose inputs have the types `inputs`.
fn output_type(node: &NodeProto, inputs: &[&'static str]) -> &'static str {
    match node.op_type() {
        "Cast" => {
            let to = node.attribute.iter().find(|attribute| attribute.name() == "to").unwrap();
            type_name(i32::try_from(to.i()).unwrap())
        }
        "Shape" => "int64",
        _ => inputs[0],
    }
}

/// Every operator of `model` with the types of its inputs, and of its output where it is a `Cast`.
fn kernels(model: &ModelProto) -> BTreeSet<String> {
    assert_eq!(model.opset_import[0].version(), OPSET);
    let graph = model.graph.as_ref().unwrap();
    let mut types = BTreeMap::new();
    for input in &graph.input {
        let tensor = input.r#type.as_ref().unwrap().tensor_type.as_ref().unwrap();
        types.insert(input.name(), type_name(tensor.elem_type()));
    }
    for weight in &graph.initializer {
        types.insert(weight.name(), type_name(weight.data_type()));
    }
    let mut kernels = BTreeSet::new();
    for node in &graph.node {
        let inputs: Vec<_> = node
            .input
            .iter()
            .map(|name| if name.is_empty() { "-" } else { types[&**name] })
            .collect();
        let output = output_type(node, &inputs);
        types.insert(&node.output[0], output);
        let made = if node.op_type() == "Cast" { format!(" to {output}") } else { String::new() };
        kernels.insert(format!("{} {}{made}", node.op_type(), inputs.join(" ")));
    }
    kernels
}

#[test]
fn the_least_release_has_a_kernel_for_every_operator_of_every_network() {
    let table = table();
    let mut used = BTreeSet::new();
    for case in network_cases().iter().filter(|case| case.name != "text tower") {
        let single = lower(&case.graph, &case.parameters, "case", &[]).unwrap();
        let half = lower_half(&case.graph, &case.parameters, "case", &[]).unwrap();
        used.extend([single, half].iter().flat_map(kernels));
    }
    for kernel in &used {
        let Some(&release) = table.get(&**kernel) else {
            panic!("{kernel}: expected a row in golden/cuda_kernels.txt, found none; look it up");
        };
        assert!(
            release <= LEAST_CUDA_RELEASE,
            "{kernel}: expected a kernel in 1.{LEAST_CUDA_RELEASE}, found one from 1.{release} on"
        );
    }
    let needed = used.iter().map(|kernel| table[&**kernel]).max().unwrap();
    assert_eq!(needed, LEAST_CUDA_RELEASE, "no later release is asked for than is needed");
    let unused: Vec<_> = table.keys().filter(|kernel| !used.contains(**kernel)).collect();
    assert!(unused.is_empty(), "{unused:?}: rows for what the exporter does not write");
}
