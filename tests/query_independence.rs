//! A query's mask is the same, to the bit, whichever other queries ride along.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use rszs_graph::{Node, Tensor, interpret_with};
use rszs_network::{Purpose, image_graph};
use rszs_tests::{Case, Tolerance, small};
use support::runner::Runner;

const QUERIES: usize = 9;

/// The rows `chosen` of the queries.
fn with_queries(case: &Case, chosen: &[usize]) -> Case {
    let mut case = case.clone();
    let queries = &case.feeds["queries"];
    let width = queries.shape[1];
    let values =
        chosen.iter().flat_map(|&row| queries.values[row * width..][..width].to_vec()).collect();
    case.feeds.insert("queries".to_owned(), Tensor::new([chosen.len(), width], values));
    case
}

/// The maps of query `place` in `[N, K, …]`, for every image.
fn of_query(output: &Tensor, place: usize) -> Tensor {
    let (images, queries) = (output.shape[0], output.shape[1]);
    let size: usize = output.shape[2..].iter().product();
    let maps = (0..images)
        .flat_map(|image| output.values[(image * queries + place) * size..][..size].to_vec());
    Tensor::new([images, size], maps.collect())
}

fn whole_network() -> Case {
    let graph = image_graph(&small(), Purpose::Deploy).expect("the network is well-formed");
    Case::generated("whole network", graph, 2, QUERIES)
}

/// The case with every product by a weight in INT8. Its scales are fixed: scales taken from a batch
/// would tie its queries together.
fn in_int8(case: Case) -> Case {
    let mut magnitudes = BTreeMap::new();
    let keep = |node: &Node, value: &Tensor| {
        magnitudes.insert(node.name.clone(), value.magnitude());
    };
    interpret_with(&case.graph, &case.feeds, &case.parameters, keep)
        .expect("the oracle runs the network");
    let products: BTreeSet<String> =
        case.graph.products(0.0).into_iter().map(|product| product.name).collect();
    let graph = case
        .graph
        .quantize(&products, &magnitudes, &case.parameters)
        .expect("every range was observed");
    Case { graph, ..case }
}

fn check(runner: Runner, case: &Case) {
    let together = runner.run(case);
    for chosen in [[0, 1].as_slice(), &[1, 0], &[8, 3], &[4, 5, 6], &[2, 7, 0, 8, 1, 3, 5]] {
        let alone = runner.run(&with_queries(case, chosen));
        for (name, output) in &alone {
            for (place, &query) in chosen.iter().enumerate() {
                let expected = of_query(&together[name], query);
                let same = Tolerance::Exact.check(&expected, &of_query(output, place));
                same.unwrap_or_else(|reason| {
                    panic!("{runner:?}: {name} of query {query} among {chosen:?}: {reason}")
                });
            }
        }
    }
}

#[test]
fn a_query_does_not_depend_on_the_others_on_the_embedded_engine() {
    check(Runner::Embedded, &whole_network());
}

#[test]
fn a_query_does_not_depend_on_the_others_on_onnx_runtime() {
    check(Runner::OnnxRuntime, &whole_network());
}

#[test]
fn a_query_does_not_depend_on_the_others_in_int8_on_onnx_runtime() {
    check(Runner::OnnxRuntime, &in_int8(whole_network()));
}
