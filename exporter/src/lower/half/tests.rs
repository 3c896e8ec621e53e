//! Types of what is written, in networks with every op that a preset has.

use std::collections::{BTreeMap, BTreeSet};

use rszs_graph::{Builder, DType, Init, K, N, Tensor, initial_parameters};
use rszs_network::{Config, Purpose, image_graph};

use super::*;
use crate::lower::lower_half;
use crate::onnx::{GraphProto, NodeProto, TensorProto};

/// `nano` with tiles of 64 px, whole and without the parts that can be left out, and on patches as
/// the published sizes are.
fn graphs() -> Vec<Graph> {
    let switches = [(true, true), (false, true), (true, false), (false, false)];
    let configs = switches.map(|(cross_attention, adaptive_head)| Config {
        multi_scale_cross_attention: cross_attention,
        category_adaptive_head: adaptive_head,
        ..Config::nano().with_tile_px(64)
    });
    let patches = Config { stem: None, separable: false, ..Config::nano().with_tile_px(64) };
    configs
        .iter()
        .chain([&patches])
        .map(|config| image_graph(config, Purpose::Deploy).unwrap())
        .collect()
}

fn lowered(graph: &Graph) -> GraphProto {
    lower_half(graph, &initial_parameters(graph, 3), "test", &[]).unwrap().graph.unwrap()
}

fn is_real(element: i32) -> bool {
    element == data_type::FLOAT || element == data_type::FLOAT16
}

fn operator(node: &NodeProto) -> &str {
    node.op_type.as_deref().unwrap()
}

/// The types that the inputs of `node` have, where they are real and have to agree.
fn real_inputs(node: &NodeProto, types: &BTreeMap<String, i32>) -> Vec<i32> {
    // The factors of a resize are 32-bit in every file.
    let kept = if operator(node) == "Resize" { 1 } else { node.input.len() };
    node.input[..kept].iter().map(|name| types[name]).filter(|&element| is_real(element)).collect()
}

/// The type of every value by name, walked through as an engine does; panics where the inputs of a
/// node disagree.
fn walk(graph: &GraphProto) -> BTreeMap<String, i32> {
    let name = |tensor: &TensorProto| (tensor.name.clone().unwrap(), tensor.data_type.unwrap());
    let mut types: BTreeMap<String, i32> = graph.initializer.iter().map(name).collect();
    types.extend(graph.input.iter().map(|input| (input.name.clone().unwrap(), declared(input))));
    for node in &graph.node {
        let reals = real_inputs(node, &types);
        assert!(reals.windows(2).all(|pair| pair[0] == pair[1]), "{node:?} reads {reals:?}");
        let to = node.attribute.iter().find(|attribute| attribute.name.as_deref() == Some("to"));
        let element = match operator(node) {
            "Cast" => to.unwrap().i.unwrap() as i32,
            "Shape" => data_type::INT64,
            // Steps have the type of their zero, what is made of them that of its scale.
            "QuantizeLinear" => types[&node.input[2]],
            "DequantizeLinear" => types[&node.input[1]],
            _ => types[&node.input[0]],
        };
        types.insert(node.output[0].clone(), element);
    }
    types
}

fn declared(value: &crate::onnx::ValueInfoProto) -> i32 {
    value.r#type.as_ref().unwrap().tensor_type.as_ref().unwrap().elem_type.unwrap()
}

#[test]
fn types_agree_at_every_node_and_are_the_declared_ones() {
    for graph in graphs() {
        let file = lowered(&graph);
        let types = walk(&file);
        for value in file.value_info.iter().chain(&file.output) {
            let name = value.name.as_deref().unwrap();
            assert_eq!(types[name], declared(value), "{name}");
        }
        assert!(file.output.iter().all(|output| declared(output) == data_type::FLOAT));
    }
}

#[test]
fn no_preset_has_an_op_that_these_networks_lack() {
    let ops =
        |graph: &Graph| graph.nodes().iter().map(|node| node.op.name()).collect::<BTreeSet<_>>();
    let seen: BTreeSet<_> = graphs().iter().flat_map(ops).collect();
    for (name, config) in Config::presets() {
        let graph = image_graph(&config, Purpose::Deploy).unwrap();
        let missing: Vec<_> = ops(&graph).difference(&seen).copied().collect();
        assert!(missing.is_empty(), "{name}: {missing:?}");
    }
}

#[test]
fn sums_over_many_elements_are_kept_in_32_bits_and_products_by_weights_are_not() {
    let kept = ["LayerNormalization", "InstanceNormalization", "Softmax", "ReduceL2", "ReduceMean"];
    let mut found = BTreeSet::new();
    for graph in graphs() {
        let file = lowered(&graph);
        let types = walk(&file);
        for node in &file.node {
            let element = types[&node.output[0]];
            if kept.contains(&operator(node)) {
                assert_eq!(element, data_type::FLOAT, "{node:?}");
                found.insert(operator(node).to_owned());
            }
        }
        for (index, node) in graph.nodes().iter().enumerate() {
            let is_by_weight = match node.op {
                Op::MatMul => matches!(graph.node(node.inputs[1]).op, Op::Param { .. }),
                Op::Conv2d { .. } | Op::ConvTranspose2d { .. } => true,
                _ => false,
            };
            if is_by_weight {
                let name = &graph.nodes()[index].name;
                let stored =
                    file.node.iter().find(|node| node.name.as_ref() == Some(name)).unwrap();
                assert_eq!(types[&stored.output[0]], data_type::FLOAT16, "{name}");
            }
        }
    }
    assert_eq!(found.len(), kept.len(), "{found:?}");
}

#[test]
fn the_cosine_is_kept_in_32_bits() {
    let graph = &graphs()[0];
    let types = element_types(graph);
    let index = graph.nodes().iter().position(|node| node.name == "align.l2_normalize").unwrap();
    let (_, presence) = graph.outputs().iter().find(|(name, _)| name == "presence").unwrap();
    assert!(types[index..=presence.index()].iter().all(|&found| found == ElementType::F32));
}

#[test]
fn no_value_is_cast_twice_and_no_weight_at_all() {
    for graph in graphs() {
        let file = lowered(&graph);
        let casts: Vec<_> = file.node.iter().filter(|node| operator(node) == "Cast").collect();
        let sources: BTreeSet<_> = casts.iter().map(|node| node.input[0].as_str()).collect();
        let weights: BTreeSet<_> =
            file.initializer.iter().filter_map(|tensor| tensor.name.as_deref()).collect();
        assert!(sources.is_disjoint(&weights), "{:?}", sources.intersection(&weights));
        let outputs: BTreeSet<_> = file.output.iter().map(|output| output.name.clone()).collect();
        let between = casts.iter().filter(|node| !outputs.contains(&node.name)).count();
        assert_eq!(sources.len(), between, "a value goes through two casts");
        let undone = casts.iter().find(|cast| casts.iter().any(|other| other.output == cast.input));
        assert!(undone.is_none(), "{undone:?}");
    }
}

#[test]
fn weights_are_16_bit_except_those_that_32_bit_nodes_read() {
    let file = lowered(&graphs()[0]);
    let stored = |name: &str| {
        file.initializer.iter().find(|tensor| tensor.name.as_deref() == Some(name)).unwrap()
    };
    let weight = stored("vlm.blocks.0.mlp.fc1.weight");
    assert_eq!(weight.data_type, Some(data_type::FLOAT16));
    let elements: i64 = weight.dims.iter().product();
    assert_eq!(weight.raw_data.as_ref().unwrap().len(), 2 * elements as usize);
    assert_eq!(stored("vlm.blocks.0.norm1.weight").data_type, Some(data_type::FLOAT));
}

/// `x` times a weight.
fn product() -> Graph {
    let builder = Builder::new();
    let x = builder.input("x", DType::F32, [N, 2.into()]);
    let y = x.matmul(builder.param("weight", [2, 1], Init::Constant(1.0)));
    builder.finish(&[("y", y.id())]).unwrap()
}

fn with_weight(values: [f32; 2]) -> Result<GraphProto, LowerError> {
    let parameters = [("weight".to_owned(), Tensor::new([2, 1], values.to_vec()))].into();
    Ok(lower_half(&product(), &parameters, "test", &[])?.graph.unwrap())
}

#[test]
fn a_weight_is_rounded_to_the_nearest_half() {
    let file = with_weight([1.0, -2.0]).unwrap();
    assert_eq!(file.initializer[0].raw_data.as_deref(), Some([0x00, 0x3c, 0x00, 0xc0].as_slice()));
    let nodes: Vec<_> =
        file.node.iter().map(|node| (operator(node), node.output[0].as_str())).collect();
    assert_eq!(nodes, [("Cast", "x/half"), ("MatMul", "y/half"), ("Cast", "y")]);
}

#[test]
fn a_weight_that_half_precision_cannot_hold_is_named() {
    assert!(with_weight([65504.0, 1.0]).is_ok());
    assert_eq!(
        with_weight([1.0, -65520.0]).unwrap_err().to_string(),
        "weight: expected magnitudes of at most 65504 for half precision, found -65520; export \
         fp32 alone"
    );
    assert!(with_weight([1e-9, 1.0]).is_ok(), "one of two");
    let error = with_weight([1e-9, -1e-9]).unwrap_err().to_string();
    assert!(
        error.starts_with(
            "weight: expected magnitudes that half precision can tell from zero, found 2 of 2"
        ),
        "{error}"
    );
}

/// `x`, at most 1, times a weight, both in 8-bit steps.
fn quantized_product(weight: [f32; 2]) -> (Graph, BTreeMap<String, Tensor>) {
    let parameters = BTreeMap::from([("weight".to_owned(), Tensor::new([2, 1], weight.to_vec()))]);
    let magnitudes = [("x".to_owned(), 1.0)].into();
    let quantized = product()
        .quantize(&BTreeSet::from(["matmul".to_owned()]), &magnitudes, &parameters)
        .unwrap();
    (quantized, parameters)
}

#[test]
fn eight_bit_steps_are_signed_around_zero_with_16_bit_scales() {
    let (quantized, parameters) = quantized_product([1.0, -0.5]);
    let file = lower_half(&quantized, &parameters, "test", &[]).unwrap().graph.unwrap();
    let nodes: Vec<_> = file.node.iter().map(operator).collect();
    assert_eq!(
        nodes,
        ["Cast", "QuantizeLinear", "DequantizeLinear", "DequantizeLinear", "MatMul", "Cast"]
    );
    let stored = |name: &String| {
        file.initializer.iter().find(|tensor| tensor.name.as_ref() == Some(name)).unwrap()
    };
    for node in &file.node[1..4] {
        let [_, scale, zero] = &node.input[..] else { panic!("{node:?}") };
        assert_eq!(stored(scale).data_type, Some(data_type::FLOAT16), "{node:?}");
        assert_eq!(stored(zero).data_type, Some(data_type::INT8), "{node:?}");
        assert!(stored(zero).raw_data.as_ref().unwrap().iter().all(|&byte| byte == 0), "{node:?}");
    }
    assert_eq!(
        stored(&file.node[3].input[0]).raw_data.as_deref(),
        Some([127_u8, 192].as_slice()),
        "127 and -64"
    );
    let types = walk(&file);
    for value in &file.value_info {
        let name = value.name.as_deref().unwrap();
        assert_eq!(declared(value), types[name], "{name}");
    }
}

#[test]
fn a_weight_too_small_for_a_16_bit_scale_keeps_a_scale_above_zero() {
    let (quantized, parameters) = quantized_product([1e-7, 0.0]);
    let file = lower_half(&quantized, &parameters, "test", &[]).unwrap().graph.unwrap();
    let scales = file
        .initializer
        .iter()
        .find(|tensor| tensor.name.as_deref() == Some(&file.node[3].input[1]))
        .unwrap();
    assert_eq!(
        scales.raw_data.as_deref(),
        Some([1, 0].as_slice()),
        "the smallest 16-bit number above zero"
    );
}

#[test]
fn the_oracle_takes_steps_with_the_scales_that_the_file_holds() {
    let (quantized, parameters) = quantized_product([1.0, -0.5]);
    let feeds = [("x".to_owned(), Tensor::new([1, 2], vec![1.0, 0.25]))].into();
    let run = interpret_half(&quantized, &feeds, &parameters, ElementType::F16).unwrap();
    let scale = f16::from_f32(1.0 / 127.0).to_f32();
    let half = |value: f32| f16::from_f32(value).to_f32();
    let (ones, quarter, weight) = (half(127.0 * scale), half(32.0 * scale), half(-64.0 * scale));
    assert_eq!(run.outputs[0].1.values, [half(ones * ones + quarter * weight)]);
}

#[test]
fn a_value_that_several_32_bit_nodes_read_is_cast_once() {
    let builder = Builder::new();
    let x = builder.input("queries", DType::F32, [K, 2.into()]).relu();
    let y = x.softmax() + x.l2_normalize();
    let graph = builder.finish(&[("y", y.id())]).unwrap();
    let file = lower_half(&graph, &BTreeMap::new(), "test", &[]).unwrap().graph.unwrap();
    let casts: Vec<_> = file
        .node
        .iter()
        .filter(|node| operator(node) == "Cast")
        .map(|node| &node.output[0])
        .collect();
    assert_eq!(casts, ["queries/half", "relu/single"]);
}

#[test]
fn the_oracle_rounds_what_the_file_holds_in_16_bits() {
    let parameters = [("weight".to_owned(), Tensor::new([2, 1], vec![1.0, 1.0]))].into();
    // 2049 lies between two halves, and so does the sum of what is read.
    let feeds = [("x".to_owned(), Tensor::new([1, 2], vec![2049.0, 1.0]))].into();
    let run = interpret_half(&product(), &feeds, &parameters, ElementType::F16).unwrap();
    assert_eq!(
        run.outputs[0].1,
        Tensor::new([1, 1], vec![2048.0]),
        "2049 is read as 2048, and 2049 is kept as 2048"
    );
    assert_eq!(run.peak, Peak { node: "matmul".to_owned(), magnitude: 2048.0 });
}

#[test]
fn the_oracle_holds_sums_in_16_bits_after_16_terms() {
    let sum_of = |terms: usize| {
        let builder = Builder::new();
        let x = builder.input("x", DType::F32, [N, terms.into()]);
        let y = x.matmul(builder.param("weight", [terms, 1], Init::Constant(1.0)));
        let graph = builder.finish(&[("y", y.id())]).unwrap();
        let mut values = vec![1.0; terms];
        values[0] = 2048.0;
        let feeds = [("x".to_owned(), Tensor::new([1, terms], values))].into();
        let parameters = initial_parameters(&graph, 0);
        let run = interpret_half(&graph, &feeds, &parameters, ElementType::F16).unwrap();
        run.outputs[0].1.values.clone()
    };
    // 2048 + 15 = 2063 lies between 2062 and 2064, and goes to the even one, as 2065 does; 19 terms
    // are 2064 + 3, where 32 bits make 2048 + 18 = 2066.
    assert_eq!([16, 17, 19].map(sum_of), [[2064.0], [2064.0], [2068.0]]);
}

#[test]
fn a_value_that_half_precision_cannot_hold_is_named() {
    let parameters = [("weight".to_owned(), Tensor::new([2, 1], vec![40.0, 0.0]))].into();
    let feeds = [("x".to_owned(), Tensor::new([1, 2], vec![2000.0, 0.0]))].into();
    let error = interpret_half(&product(), &feeds, &parameters, ElementType::F16).unwrap_err();
    assert!(matches!(&error, HalfError::Overflow { name } if name == "matmul"), "{error}");
}

#[test]
fn a_number_that_half_precision_cannot_hold_is_named_by_its_node() {
    let builder = Builder::new();
    let y = builder.input("x", DType::F32, [N, 2.into()]).relu().affine(1e6, 0.0);
    let graph = builder.finish(&[("y", y.id())]).unwrap();
    let error = lower_half(&graph, &BTreeMap::new(), "test", &[]).unwrap_err();
    assert!(
        matches!(&error, LowerError::TooLargeForHalf { name, .. } if name == "affine"),
        "{error}"
    );
}
