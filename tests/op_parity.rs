//! Every op, on every runner, against the oracle.

mod support;

use rszs_tests::op_cases;
use support::runner::Runner;

#[test]
fn every_op_agrees_with_the_oracle_on_the_embedded_engine() {
    op_cases().iter().for_each(|case| Runner::Embedded.check(case));
}

#[test]
fn every_op_agrees_with_the_oracle_on_onnx_runtime() {
    op_cases().iter().for_each(|case| Runner::OnnxRuntime.check(case));
}
