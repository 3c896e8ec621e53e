//! Files that are right and files that are not.

use super::*;
use prost::Message as _;
use rszs_graph::{Builder, DType, Init, K, N};

fn example() -> (Graph, BTreeMap<String, Tensor>) {
    let builder = Builder::new();
    let x = builder.input("x", DType::F32, [N, 2.into()]);
    let queries = builder.input("queries", DType::F32, [K, 2.into()]);
    let y =
        (x * builder.param("gain", [2], Init::Constant(1.0))).matmul(queries.transpose(&[1, 0]));
    let graph = builder.finish(&[("y", y.id())]).unwrap();
    (graph, [("gain".to_owned(), Tensor::new([2], vec![2.0, 3.0]))].into())
}

fn case(graph: &Graph, parameters: &BTreeMap<String, Tensor>) -> Case {
    let x = Tensor::new([2, 2], vec![1.0, 2.0, 3.0, 4.0]);
    let queries = Tensor::new([3, 2], vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
    Case::new(
        graph,
        [("x".to_owned(), x), ("queries".to_owned(), queries)].into(),
        parameters,
        2,
        3,
    )
    .unwrap()
}

#[test]
fn a_file_that_computes_the_graph_passes_for_every_size() {
    let (graph, parameters) = example();
    let model = crate::lower::lower(&graph, &parameters, "test", &[]).unwrap().encode_to_vec();
    let case = case(&graph, &parameters);
    let smaller = case.first(&graph, 1, 2);
    assert_eq!(smaller.expected[0].1, Tensor::new([1, 2], vec![2.0, 6.0]));
    let (_, report) = check(&model, &graph, &[case, smaller], None).unwrap();
    assert!(report.to_string().starts_with("embedded engine"), "{report}");
}

#[test]
fn a_file_with_other_weights_is_not_shipped() {
    let (graph, parameters) = example();
    let other = [("gain".to_owned(), Tensor::new([2], vec![2.0, 3.01]))].into();
    let model = crate::lower::lower(&graph, &other, "test", &[]).unwrap().encode_to_vec();
    let error = check(&model, &graph, &[case(&graph, &parameters)], None).unwrap_err();
    assert!(matches!(&error, CheckError::Mismatch { output, .. } if output == "y"), "{error}");
}

#[test]
fn a_file_in_half_precision_with_other_weights_is_not_shipped() {
    let (graph, parameters) = example();
    let cases = [case(&graph, &parameters)];
    for (gain, is_right) in [(3.0, true), (4.0, false)] {
        let written = [("gain".to_owned(), Tensor::new([2], vec![2.0, gain]))].into();
        let model =
            crate::lower::lower_half(&graph, &written, "test", &[]).unwrap().encode_to_vec();
        match check_half(&model, &graph, &parameters, &cases, None) {
            Ok(report) => assert!(is_right, "{report}"),
            Err(CheckError::Mismatch { tolerance: Tolerance::Float16, .. }) => assert!(!is_right),
            Err(error) => {
                assert!(matches!(error, CheckError::Load(LoadError::NoLibrary(_))), "{error}");
            }
        }
    }
}

#[test]
fn what_is_no_model_is_refused() {
    let (graph, parameters) = example();
    let error = check(b"no model", &graph, &[case(&graph, &parameters)], None).unwrap_err();
    assert!(matches!(error, CheckError::Load(LoadError::Model { .. })), "{error}");
}
