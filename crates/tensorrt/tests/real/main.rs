//! NVIDIA's own libraries, without a GPU: TensorRT-RTX parses and builds, lean TensorRT is loaded
//! and refuses.
//!
//! `cargo xtask tensorrt` fetches them into the cache. Tests whose library is absent are ignored.
#![expect(
    clippy::unwrap_used,
    reason = "these are tests; the lint knows functions marked as such alone"
)]

mod installed;
mod lean;
mod nano;
mod onnx;
mod rtx;

use std::process::ExitCode;

use rszs_tests::harness::{self, Need, test};

use installed::{RTX, needs};

type Test = (&'static str, fn(&str));

macro_rules! named {
    ($($name:path),* $(,)?) => { [$((stringify!($name), $name as fn(&str))),*] };
}

const ON_RTX: [Test; 12] = named![
    nano::the_shipped_model_becomes_a_plan,
    rtx::the_version_and_its_family_are_read,
    rtx::a_model_in_half_precision_becomes_a_plan,
    rtx::a_timing_cache_goes_out_and_in_again,
    rtx::an_open_size_without_a_profile_is_refused_in_nvidias_words,
    rtx::a_profile_in_the_wrong_order_is_refused,
    rtx::mixed_types_are_refused_in_nvidias_words,
    rtx::an_unknown_operator_is_refused_by_name,
    rtx::weights_outside_the_file_are_refused,
    rtx::what_is_no_onnx_is_refused,
    rtx::no_bytes_make_no_plan,
    rtx::a_damaged_plan_is_refused,
];

const ON_LEAN: [Test; 3] = named![
    lean::the_version_is_read,
    lean::a_lean_library_builds_no_plans,
    lean::without_a_device_the_runtime_is_an_error_and_with_one_garbage_is,
];

fn main() -> ExitCode {
    let mut all = Vec::new();
    let mut add = |component: &'static str, need: &Need, tests: &[Test]| {
        for (name, run) in tests.iter().copied() {
            all.push(test(&format!("{component}: {name}"), need, move || run(component)));
        }
    };
    for component in RTX {
        add(component, &needs(component), &ON_RTX);
    }
    for (component, _) in lean::LEAN {
        add(component, &needs(component), &ON_LEAN);
        let both = if needs(component).is_met() { needs(RTX[0]) } else { needs(component) };
        add(component, &both, &named![lean::the_parser_of_another_family_is_refused]);
    }
    harness::run(all)
}
