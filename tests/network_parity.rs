//! The whole network and its text tower, on every runner, against the oracle.

mod support;

use rszs_tests::network_cases;
use support::runner::Runner;

#[test]
fn the_network_agrees_with_the_oracle_on_the_embedded_engine() {
    for case in network_cases() {
        Runner::Embedded.check(&case);
    }
}

#[test]
fn the_network_agrees_with_the_oracle_on_onnx_runtime() {
    for case in network_cases() {
        Runner::OnnxRuntime.check(&case);
    }
}
