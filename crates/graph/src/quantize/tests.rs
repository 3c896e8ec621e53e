use super::*;
use crate::{Builder, DType, Init, N, interpret_with};

const INIT: Init = Init::Normal { standard_deviation: 0.5 };

/// Two products of one value, a convolution, and a product of two activations.
fn example() -> (Graph, BTreeMap<String, Tensor>) {
    let b = Builder::new();
    let x = b.input("x", DType::F32, [N, 4.into(), 4.into()]);
    let left = x.matmul(b.param("left", [4, 4], INIT));
    let right = x.matmul(b.param("right", [4, 4], INIT));
    let map = left.matmul(right).reshape([N, 1.into(), 4.into(), 4.into()]);
    let y = map.conv2d(b.param("kernel", [2, 1, 3, 3], INIT), None, 1, 1, 1).relu();
    let graph = b.finish(&[("y", y.id())]).unwrap();
    let parameters = crate::initial_parameters(&graph, 0);
    (graph, parameters)
}

fn feeds() -> BTreeMap<String, Tensor> {
    let x = crate::initial_value("x", INIT, vec![2, 4, 4], 1);
    [("x".to_owned(), x)].into()
}

/// Values of every node by name.
fn values(graph: &Graph, parameters: &BTreeMap<String, Tensor>) -> BTreeMap<String, Tensor> {
    let mut values = BTreeMap::new();
    let keep = |node: &Node, value: &Tensor| drop(values.insert(node.name.clone(), value.clone()));
    interpret_with(graph, &feeds(), parameters, keep).unwrap();
    values
}

fn magnitudes(values: &BTreeMap<String, Tensor>) -> BTreeMap<String, f32> {
    values.iter().map(|(name, value)| (name.clone(), value.magnitude())).collect()
}

fn names(products: &[&str]) -> BTreeSet<String> {
    products.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn products_by_a_weight_are_found_and_attention_is_not() {
    let found: Vec<String> =
        example().0.products(0.0).into_iter().map(|product| product.name).collect();
    assert_eq!(found, ["matmul", "matmul_2", "conv2d"]);
    assert_eq!(
        example().0.products(0.4).len(),
        1,
        "the convolution has two fifths of the multiply-accumulates"
    );
}

#[test]
fn unquantized_nodes_keep_their_names_and_their_bits() {
    let (graph, parameters) = example();
    let before = values(&graph, &parameters);
    let quantized =
        graph.quantize(&names(&["matmul_2"]), &magnitudes(&before), &parameters).unwrap();
    let after = values(&quantized, &parameters);
    assert!(graph.nodes().iter().all(|node| after.contains_key(&node.name)));
    assert_eq!(after["matmul"], before["matmul"]);
    assert_ne!(after["matmul_2"], before["matmul_2"]);
    assert!(after["relu"].distance(&before["relu"]) < 0.05 * before["relu"].magnitude());
}

#[test]
fn a_value_of_two_products_is_quantized_once_and_a_convolution_on_both_sides() {
    let (graph, parameters) = example();
    let before = magnitudes(&values(&graph, &parameters));
    let quantized =
        graph.quantize(&names(&["matmul", "matmul_2", "conv2d"]), &before, &parameters).unwrap();
    let pairs: Vec<&str> =
        quantized.nodes().iter().filter_map(|node| node.name.strip_suffix(".quantize")).collect();
    assert_eq!(pairs, ["x", "left", "right", "reshape", "kernel", "conv2d"]);
}

#[test]
fn weights_have_a_scale_for_each_output_and_activations_one() {
    let (graph, parameters) = example();
    let before = magnitudes(&values(&graph, &parameters));
    let quantized = graph.quantize(&names(&["matmul", "conv2d"]), &before, &parameters).unwrap();
    let scales =
        |name: &str| match &quantized.nodes().iter().find(|node| node.name == name).unwrap().op {
            Op::Quantize { scales } => scales.clone(),
            other => panic!("{name}: {other:?}"),
        };
    assert_eq!(scales("x.quantize"), Scales::Tensor(before["x"] / 127.0));
    assert_eq!(scales("left.quantize"), Scales::of_weight(&parameters["left"], 1));
    assert_eq!(scales("kernel.quantize"), Scales::of_weight(&parameters["kernel"], 0));
}

#[test]
fn unknown_products_and_ranges_that_are_none_are_named() {
    let (graph, parameters) = example();
    let mut ranges = magnitudes(&values(&graph, &parameters));
    let error = graph.quantize(&names(&["matmul_3"]), &ranges, &parameters).unwrap_err();
    assert_eq!(
        error,
        QuantizeError::NoProduct { name: "matmul_3".to_owned() },
        "a product of activations"
    );
    ranges.insert("x".to_owned(), f32::NAN);
    let error = graph.quantize(&names(&["matmul"]), &ranges, &parameters).unwrap_err();
    assert_eq!(error.to_string(), "x: expected a finite range of its values, found NaN");
    ranges.remove("x");
    let error = graph.quantize(&names(&["matmul"]), &ranges, &parameters).unwrap_err();
    assert_eq!(error.to_string(), "x: expected a finite range of its values, found none");
}
