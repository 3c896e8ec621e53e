//! ONNX files that must not reach an engine.

use crate::fixture::Fixture;
use crate::onnx_bytes::{
    contract, field, good_model, good_text, integer, model, node, tensor, value,
};
use proptest::prelude::*;
use rszs_bundle::{OnnxError, OnnxSummary};

fn refusal(graph: &[Vec<u8>], further: &[u8]) -> String {
    let fixture = Fixture::new();
    fixture.forge("model.fp32.onnx", &model(&[graph.concat(), contract()].concat(), further));
    let message = fixture.refusal();
    message.strip_prefix("toy/model.fp32.onnx: ").expect("the file is named").to_owned()
}

fn external() -> Vec<u8> {
    let location = [field(1, b"location"), field(2, b"../../../etc/passwd")].concat();
    [integer(1, 6), integer(2, 1), field(8, b"weight"), field(13, &location), integer(14, 1)]
        .concat()
}

#[test]
fn an_honest_model_is_summarised() {
    let summary = OnnxSummary::of(&good_model()).unwrap();
    assert_eq!((summary.opset, summary.nodes, summary.weight_bytes), (20, 1, 24));
    let names = |values: &[rszs_bundle::ValueSummary]| {
        values.iter().map(|value| value.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&summary.inputs), ["tiles", "queries"]);
    assert_eq!(names(&summary.outputs), ["logits", "presence"]);
    assert_eq!(summary.inputs[0].shape, [None, Some(8), Some(8), Some(3)]);
}

#[test]
fn data_outside_the_file_is_refused() {
    let expected =
        "tensor \"weight\": expected none of data outside the file (exported by another program?)";
    assert_eq!(refusal(&[field(5, &external())], &[]), expected);
}

#[test]
fn data_outside_the_file_is_refused_in_the_attribute_of_a_node() {
    for list in [5, 10] {
        let constant =
            node("Constant", &field(5, &[field(1, b"value"), field(list, &external())].concat()));
        assert!(refusal(&[field(1, &constant)], &[]).contains("data outside the file"));
    }
}

#[test]
fn either_mark_of_outside_data_is_enough() {
    for mark in [integer(14, 1), integer(14, 7), field(13, b""), field(14, b"")] {
        let weight = [tensor("weight", &[1], &[0; 4]), mark].concat();
        assert!(refusal(&[field(5, &weight)], &[]).contains("data outside the file"));
    }
}

#[test]
fn a_mark_that_is_taken_back_later_still_counts() {
    let weight = [tensor("weight", &[1], &[0; 4]), integer(14, 1), integer(14, 0)].concat();
    assert!(refusal(&[field(5, &weight)], &[]).contains("data outside the file"));
}

#[test]
fn operators_of_another_domain_are_refused() {
    let message = refusal(&[field(1, &node("Evil", &field(7, b"com.example")))], &[]);
    assert_eq!(
        message,
        "node \"/a_node\" (Evil), domain \"com.example\": expected none of operators outside \
         ONNX's own domain \
         (exported by another program?)"
    );
    let opset = field(8, &[field(1, b"com.example"), integer(2, 1)].concat());
    assert!(refusal(&[], &opset).contains("domain \"com.example\""));
}

#[test]
fn graphs_inside_nodes_are_refused() {
    for list in [6, 11] {
        let branch = node("If", &field(5, &[field(1, b"then_branch"), field(list, b"")].concat()));
        assert!(
            refusal(&[field(1, &branch)], &[]).contains("expected none of graphs inside a node")
        );
    }
}

#[test]
fn sparse_tensors_functions_and_training_information_are_refused() {
    assert!(refusal(&[field(15, b"")], &[]).contains("sparse tensors"));
    let attribute = node("Constant", &field(5, &field(22, b"")));
    assert!(refusal(&[field(1, &attribute)], &[]).contains("sparse tensors"));
    assert!(refusal(&[], &field(25, b"")).contains("functions"));
    assert!(refusal(&[], &field(20, b"")).contains("training information"));
}

#[test]
fn a_second_graph_is_refused() {
    assert_eq!(refusal(&[], &field(7, &contract())), "expected exactly one graph, found 2");
}

#[test]
fn a_tensor_whose_size_is_not_its_shape_is_refused() {
    let huge = 1_u64 << 31;
    for shape in [&[2][..], &[huge, huge, huge], &[u64::MAX], &[0], &[huge, huge, 0, 1]] {
        let message = refusal(&[field(5, &tensor("weight", shape, &[0; 4]))], &[]);
        assert!(message.starts_with("tensor \"weight\" of type 1 and shape ["), "{message}");
    }
    let claims_much =
        [integer(1, huge), integer(2, 1), field(8, b"weight"), field(4, &[0; 4])].concat();
    assert!(refusal(&[field(5, &claims_much)], &[]).starts_with("tensor \"weight\""));
}

#[test]
fn more_sizes_nodes_or_inputs_than_any_network_has_are_refused() {
    let weight = tensor("weight", &[1; 17], &[0; 4]);
    assert_eq!(
        refusal(&[field(5, &weight)], &[]),
        "expected at most 16 sizes of a tensor, found more"
    );
    let input = value("much", 1, &[1; 40]);
    assert_eq!(
        refusal(&[field(11, &input)], &[]),
        "expected at most 16 sizes of an input or output, found more"
    );
    assert_eq!(
        refusal(&vec![field(1, b""); 100_001], &[]),
        "expected at most 100000 nodes, found more"
    );
    assert_eq!(
        refusal(&vec![field(11, b""); 100_001], &[]),
        "expected at most 100000 inputs and outputs, found more"
    );
}

#[test]
fn a_model_cut_anywhere_is_refused() {
    for whole in [good_model(), good_text()] {
        for length in 0..whole.len() {
            assert!(OnnxSummary::of(&whole[..length]).is_err(), "{length}");
        }
    }
}

#[test]
fn another_kind_of_file_is_refused() {
    for file in [&b"\x89PNG\r\n\x1a\n"[..], b"PK\x03\x04", b"GGUF", b"{}", &[0; 64], &[0xff; 64]] {
        assert!(OnnxSummary::of(file).is_err(), "{file:?}");
    }
}

#[test]
fn a_file_without_a_graph_is_refused() {
    assert_eq!(OnnxSummary::of(b""), Err(OnnxError::NotOne { part: "graph", found: 0 }));
}

#[test]
fn weights_that_old_files_list_as_inputs_are_no_inputs() {
    let graph = [
        field(5, &tensor("weight", &[1], &[0; 4])),
        field(11, &value("weight", 1, &[1])),
        contract(),
    ]
    .concat();
    assert_eq!(OnnxSummary::of(&model(&graph, &[])).unwrap().inputs.len(), 2);
}

proptest! {
    #[test]
    fn no_bytes_make_the_walk_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = OnnxSummary::of(&bytes);
    }

    #[test]
    fn no_mutation_of_a_model_makes_the_walk_panic(
        position in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        let mut bytes = good_model();
        let position = position.index(bytes.len());
        bytes[position] = byte;
        let _ = OnnxSummary::of(&bytes);
    }
}
