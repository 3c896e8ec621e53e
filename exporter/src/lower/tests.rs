//! What is written, read back.

use std::collections::BTreeSet;

use rszs_graph::{Builder, Init, K, N};

use super::*;
use crate::onnx::{GraphProto, NodeProto};

const INIT: Init = Init::Constant(0.0);

fn graph_of(graph: &Graph, parameters: &BTreeMap<String, Tensor>) -> GraphProto {
    lower(graph, parameters, "test", &[]).unwrap().graph.unwrap()
}

fn find<'a>(graph: &'a GraphProto, name: &str) -> &'a NodeProto {
    graph
        .node
        .iter()
        .find(|node| node.name.as_deref() == Some(name))
        .unwrap_or_else(|| panic!("no node {name}"))
}

/// A head that folds N and K into one axis and back.
fn head() -> Graph {
    let builder = Builder::new();
    let maps = builder.input("maps", DType::F32, [N, 1.into(), 4.into(), 9.into()]);
    let queries = builder.input("queries", DType::F32, [K, 4.into()]);
    let gated = maps * queries.reshape([1.into(), K, 4.into(), 1.into()]);
    let folded = gated.reshape([N * K, 4.into(), 3.into(), 3.into()]);
    let weight = builder.scoped("head", || builder.param("weight", [1, 4, 1, 1], INIT));
    let logits = builder.scoped("head", || folded.conv2d(weight, None, 1, 0, 1));
    let logits = logits.reshape([N, K, 3.into(), 3.into()]).dropout(0.5);
    builder.finish(&[("logits", logits.id())]).unwrap()
}

fn weight() -> BTreeMap<String, Tensor> {
    [("head.weight".to_owned(), Tensor::zeros([1, 4, 1, 1]))].into()
}

#[test]
fn names_are_those_of_the_graph() {
    let graph = graph_of(&head(), &weight());
    assert_eq!(find(&graph, "head.conv2d").input, ["reshape_2", "head.weight"]);
    assert!(graph.initializer.iter().any(|tensor| tensor.name.as_deref() == Some("head.weight")));
    let dims = |index: usize| -> Vec<String> {
        let shape = graph.input[index].r#type.clone().unwrap().tensor_type.unwrap().shape.unwrap();
        shape
            .dim
            .into_iter()
            .map(|dim| dim.dim_param.unwrap_or_else(|| dim.dim_value.unwrap().to_string()))
            .collect()
    };
    assert_eq!(dims(0), ["N", "1", "4", "9"]);
    assert_eq!(dims(1), ["K", "4"]);
}

#[test]
fn dropout_is_absent_and_the_output_has_its_name() {
    let graph = graph_of(&head(), &weight());
    assert!(graph.node.iter().all(|node| node.op_type.as_deref() != Some("Dropout")));
    assert_eq!(find(&graph, "output.logits").input, ["reshape_3"]);
    assert_eq!(graph.output[0].name.as_deref(), Some("logits"));
}

#[test]
fn two_symbols_from_one_axis_are_computed_at_run_time() {
    let graph = graph_of(&head(), &weight());
    assert_eq!(find(&graph, "reshape_3").input[1], "shape.N_-1_3_3");
    assert_eq!(find(&graph, "shape.N_-1_3_3").input, ["shape.N", "integers.-1_3_3"]);
    assert_eq!(find(&graph, "shape.N").input, ["shape.maps", "integers.0"]);
}

#[test]
fn a_folded_graph_has_no_shape_computation() {
    let folded = head().fold_input("queries", &Tensor::filled([5, 4], 0.5), &weight()).unwrap();
    let graph = graph_of(&folded, &weight());
    assert!(graph.node.iter().all(|node| node.op_type.as_deref() != Some("Shape")));
    assert_eq!(graph.input.len(), 1);
}

#[test]
fn a_file_survives_its_bytes() {
    use prost::Message as _;
    let model = lower(&head(), &weight(), "test", &[("graph_hash", "abc".to_owned())]).unwrap();
    assert_eq!(ModelProto::decode(model.encode_to_vec().as_slice()).unwrap(), model);
}

#[test]
fn a_missing_or_misshapen_parameter_is_named() {
    let missing = lower(&head(), &BTreeMap::new(), "test", &[]).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "head.weight: expected values of shape [1, 4, 1, 1], found none (a checkpoint of another \
         config?)"
    );
    let misshapen = [("head.weight".to_owned(), Tensor::zeros([4]))].into();
    let misshapen = lower(&head(), &misshapen, "test", &[]).unwrap_err();
    assert_eq!(
        misshapen.to_string(),
        "head.weight: expected [1, 4, 1, 1], found [4] (a checkpoint of another config?)"
    );
}

#[test]
fn an_output_named_like_another_node_is_refused() {
    let builder = Builder::new();
    let x = builder.input("x", DType::F32, [N, 1.into()]);
    let y = x.relu();
    let graph = builder.finish(&[("x", y.id())]).unwrap();
    assert_eq!(
        lower(&graph, &BTreeMap::new(), "test", &[]).unwrap_err(),
        LowerError::NameTaken { name: "x".to_owned() }
    );
}

#[test]
fn a_symbol_that_no_input_shows_is_refused() {
    let builder = Builder::new();
    let x = builder.input("x", DType::F32, [1, 2]);
    let y = x.expand([K, 2.into()]);
    let graph = builder.finish(&[("y", y.id())]).unwrap();
    let error = lower(&graph, &BTreeMap::new(), "test", &[]).unwrap_err();
    assert_eq!(error, LowerError::UnknownSymbol { name: "expand".to_owned(), symbol: "K" });
}

#[test]
fn a_quantized_weight_is_stored_in_signed_bytes_without_offset_and_not_in_floats_as_well() {
    let magnitudes = [("reshape_2".to_owned(), 1.0), ("head.conv2d".to_owned(), 2.0)].into();
    let mut parameters = weight();
    parameters.get_mut("head.weight").unwrap().values = vec![0.5, -1.0, 0.25, 0.0];
    let quantized = head()
        .quantize(&BTreeSet::from(["head.conv2d".to_owned()]), &magnitudes, &parameters)
        .unwrap();
    let graph = graph_of(&quantized, &parameters);
    let stored =
        |name: &str| graph.initializer.iter().find(|tensor| tensor.name.as_deref() == Some(name));
    assert!(stored("head.weight").is_none());
    let steps = stored("head.weight.quantize").unwrap();
    assert_eq!(
        (steps.data_type, steps.dims.as_slice()),
        (Some(data_type::INT8), [1, 4, 1, 1].as_slice())
    );
    assert_eq!(steps.raw_data.as_deref().unwrap(), [64, (-127_i8).cast_unsigned(), 32, 0]);
    let [_, scale, zero] = &find(&graph, "head.weight.dequantize").input[..] else {
        panic!("three inputs")
    };
    assert_eq!(stored(scale).unwrap().dims, [1]);
    assert_eq!(stored(zero).unwrap().raw_data.as_deref(), Some([0].as_slice()));
    // Activations: bytes whose 128 is zero.
    let zero = &find(&graph, "reshape_2.quantize").input[2];
    assert_eq!(stored(zero).unwrap().raw_data.as_deref(), Some([128].as_slice()));
    let shown = graph
        .value_info
        .iter()
        .find(|value| value.name.as_deref() == Some("reshape_2.quantize"))
        .unwrap();
    let element = shown.r#type.as_ref().unwrap().tensor_type.as_ref().unwrap().elem_type;
    assert_eq!(element, Some(data_type::UINT8));
}
