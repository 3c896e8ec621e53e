//! Every op, on every runner, against the oracle.

mod support;

use rszs_tests::op_cases;
use support::runner::Runner;

#[test]
fn every_op_agrees_with_the_oracle_on_the_embedded_engine() {
    for case in op_cases() {
        Runner::Embedded.check(&case);
    }
}

#[test]
fn every_op_agrees_with_the_oracle_on_onnx_runtime() {
    for case in op_cases() {
        Runner::OnnxRuntime.check(&case);
    }
}
