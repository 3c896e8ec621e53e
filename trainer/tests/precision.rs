//! A step in 16 bits computes the network, rounded.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;

use rszs_graph::{DType, Graph, Op, Tensor as Values, mixed_precision};
use rszs_network::{Purpose, image_graph, text_graph};
use rszs_tests::Tolerance;
use rszs_train::network::segments::{Cut, forward};
use rszs_train::{Mode, Parameters, Precision, eval_with};
use tch::{Device, Kind, Tensor};

/// Cosine between the gradients of both precisions, all parameters together: they must lead
/// downhill together.
const SAME_DIRECTION: f64 = 0.99;

/// Logits and the gradients of all parameters, one after the other.
fn step(precision: Precision) -> (Tensor, Tensor) {
    let (logits, parameters) = support::step(&support::config(), precision);
    let gradients: Vec<Tensor> =
        parameters.iter().map(|(_, tensor)| tensor.grad().flatten(0, -1)).collect();
    (logits, Tensor::cat(&gradients, 0))
}

fn values(tensor: &Tensor) -> Values {
    let shape: Vec<usize> = tensor.size().iter().map(|&length| length as usize).collect();
    Values::new(shape, Vec::<f32>::try_from(tensor.flatten(0, -1)).unwrap())
}

fn expect_rounded(precision: Precision, tolerance: Tolerance) {
    let (logits, gradient) = step(Precision::Float32);
    let (rounded_logits, rounded_gradient) = step(precision);
    assert_eq!(rounded_gradient.kind(), Kind::Float, "weights and their gradients stay in float32");
    tolerance.check(&values(&logits), &values(&rounded_logits)).unwrap();
    assert!(!logits.equal(&rounded_logits), "nothing was rounded");
    let cosine =
        Tensor::cosine_similarity(&gradient, &rounded_gradient, 0, 1e-12).double_value(&[]);
    assert!(cosine > SAME_DIRECTION, "{cosine}");
}

#[test]
fn bfloat16_gives_the_logits_and_the_direction_of_float32() {
    expect_rounded(Precision::BFloat16, Tolerance::BFloat16);
}

#[test]
fn float16_gives_the_direction_of_float32_and_is_nearer_to_its_logits_than_bfloat16() {
    expect_rounded(Precision::Float16, Tolerance::BFloat16);
    let logits = [Precision::Float32, Precision::Float16, Precision::BFloat16]
        .map(|precision| step(precision).0);
    let error = |rounded: &Tensor| (rounded - &logits[0]).abs().max().double_value(&[]);
    // Three more bits of mantissa.
    assert!(
        4.0 * error(&logits[1]) < error(&logits[2]),
        "{} {}",
        error(&logits[1]),
        error(&logits[2])
    );
}

const OF_16_BITS: [(Precision, Kind); 2] =
    [(Precision::BFloat16, Kind::BFloat16), (Precision::Float16, Kind::Half)];

/// Blank images, words and tokens for the inputs of `graph`: types do not depend on numbers.
fn blank(graph: &Graph) -> BTreeMap<&str, Tensor> {
    let inputs = graph.inputs().map(|(node, element)| {
        let shape: Vec<i64> = node.shape.0.iter().map(|dim| dim.at(2, 3) as i64).collect();
        let kind = match element {
            DType::U8 => Kind::Uint8,
            DType::I32 => Kind::Int,
            DType::F32 => Kind::Float,
        };
        (node.name.as_str(), Tensor::zeros(shape, (kind, Device::Cpu)))
    });
    inputs.collect()
}

/// The plan of memory counts on it (`rszs_graph::TrainingMemory`).
#[test]
fn values_of_both_networks_have_16_bits_where_the_graph_says_so() {
    support::single_thread();
    let mut config = support::config();
    (config.vlm.drop_path, config.rsi.drop_path) = (0.3, 0.3);
    for graph in [image_graph(&config, Purpose::Train).unwrap(), text_graph(&config).unwrap()] {
        let parameters = Parameters::initialise(&[&graph], 1, Device::Cpu).unwrap();
        let narrow = mixed_precision(&graph);
        let narrow: BTreeMap<&str, bool> =
            graph.nodes().iter().map(|node| node.name.as_str()).zip(narrow).collect();
        for (precision, of_16_bits) in OF_16_BITS {
            let mut seen = 0;
            eval_with(
                &graph,
                &[],
                &blank(&graph),
                &parameters,
                Mode::Train(precision),
                |node, value| {
                    let expected =
                        if narrow[node.name.as_str()] { of_16_bits } else { Kind::Float };
                    assert!(
                        value.kind() == expected || matches!(node.op, Op::Input { .. }),
                        "{}",
                        node.name
                    );
                    seen += usize::from(value.kind() == of_16_bits);
                },
            )
            .unwrap();
            assert!(seen > 0, "nothing was rounded");
        }
    }
}

/// Losses are in float32. The graph's own value of `vlm_dense` is a product.
#[test]
fn outputs_are_float32_in_one_piece_and_in_segments() {
    support::single_thread();
    let graph = image_graph(&support::config(), Purpose::Train).unwrap();
    let parameters = Parameters::initialise(&[&graph], 1, Device::Cpu).unwrap();
    let feeds = blank(&graph);
    for (precision, _) in OF_16_BITS {
        let mode = Mode::Train(precision);
        let whole =
            eval_with(&graph, &["vlm_dense"], &feeds, &parameters, mode, |_, _| ()).unwrap();
        assert_eq!(whole["vlm_dense"].kind(), Kind::Float);
        let pass = forward(&graph, &["vlm_dense"], &feeds, &parameters, mode, Cut::Blocks).unwrap();
        assert_eq!(pass.outputs()["vlm_dense"].kind(), Kind::Float);
    }
}
