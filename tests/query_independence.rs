//! A query's mask is the same, to the bit, whichever other queries ride along.

mod support;

use rszs_graph::Tensor;
use rszs_network::{Purpose, image_graph};
use rszs_tests::{Case, Tolerance, small};
use support::runner::Runner;

const QUERIES: usize = 9;

/// The rows `chosen` of the queries.
fn with_queries(case: &Case, chosen: &[usize]) -> Case {
    let mut case = case.clone();
    let queries = &case.feeds["queries"];
    let width = queries.shape[1];
    let values = chosen.iter().flat_map(|&row| queries.values[row * width..][..width].to_vec()).collect();
    case.feeds.insert("queries".to_owned(), Tensor::new([chosen.len(), width], values));
    case
}

/// The maps of query `place` in `[N, K, …]`, for every image.
fn of_query(output: &Tensor, place: usize) -> Tensor {
    let (images, queries) = (output.shape[0], output.shape[1]);
    let size: usize = output.shape[2..].iter().product();
    let maps = (0..images).flat_map(|image| output.values[(image * queries + place) * size..][..size].to_vec());
    Tensor::new([images, size], maps.collect())
}

fn check(runner: Runner) {
    let graph = image_graph(&small(), Purpose::Deploy).expect("the network is well-formed");
    let case = Case::generated("whole network", graph, 2, QUERIES);
    let together = runner.run(&case);
    for chosen in [[0, 1].as_slice(), &[1, 0], &[8, 3], &[4, 5, 6], &[2, 7, 0, 8, 1, 3, 5]] {
        let alone = runner.run(&with_queries(&case, chosen));
        for (name, output) in &alone {
            for (place, &query) in chosen.iter().enumerate() {
                let expected = of_query(&together[name], query);
                let same = Tolerance::Exact.check(&expected, &of_query(output, place));
                same.unwrap_or_else(|reason| panic!("{runner:?}: {name} of query {query} among {chosen:?}: {reason}"));
            }
        }
    }
}

#[test]
fn a_query_does_not_depend_on_the_others_on_the_embedded_engine() {
    check(Runner::Embedded);
}

#[test]
fn a_query_does_not_depend_on_the_others_on_onnx_runtime() {
    check(Runner::OnnxRuntime);
}
