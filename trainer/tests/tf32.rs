//! TF32 is for the products of training alone. The flag is the process's, so there is one test
//! here.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unsafe_code, reason = "a foreign function")]

mod support;

use std::collections::BTreeMap;
use std::ffi::c_void;

use rszs_network::text_graph;
use rszs_train::{Mode, Parameters, Precision, eval_with};
use tch::{Device, Kind, Tensor};

unsafe extern "C" {
    /// `at::Context& at::globalContext()`
    #[link_name = "_ZN2at13globalContextEv"]
    fn global_context() -> *mut c_void;
    /// `bool at::Context::allowTF32CuBLAS() const`: matrix products.
    #[link_name = "_ZNK2at7Context15allowTF32CuBLASEv"]
    fn allows_tf32_of_products(context: *const c_void) -> bool;
}

/// Whether matrix products may be in TF32.
fn is_allowed() -> bool {
    // SAFETY: libtorch guarantees that its context lives as long as the process; the function reads
    // a flag of it.
    unsafe { allows_tf32_of_products(global_context()) }
}

/// Whether it is while the text tower is computed, node by node.
fn allowed_within(mode: Mode) -> Vec<bool> {
    let network = support::config();
    let graph = text_graph(&network).unwrap();
    let parameters = Parameters::initialise(&[&graph], 1, Device::Cpu).unwrap();
    let shape = [2, network.text.context as i64];
    let tokens = Tensor::zeros(shape, (Kind::Int, Device::Cpu));
    let end = Tensor::zeros(shape, (Kind::Float, Device::Cpu));
    let _ = end.select(1, 1).fill_(1.0);
    let feeds = BTreeMap::from([("tokens", tokens), ("end", end)]);
    let mut seen = Vec::new();
    eval_with(&graph, &["embeddings"], &feeds, &parameters, mode, |_, _| seen.push(is_allowed()))
        .unwrap();
    seen
}

#[test]
fn tf32_is_allowed_for_training_alone_and_a_processor_does_not_care() {
    support::single_thread();
    let x = Tensor::randn([64, 64], (Kind::Float, Device::Cpu));
    let exact = x.matmul(&x);
    Precision::Tf32.prepare(Device::Cpu);
    assert!(is_allowed());
    assert!(x.matmul(&x).equal(&exact));

    let training = allowed_within(Mode::Train(Precision::Tf32));
    assert!(!training.is_empty() && training.iter().all(|&is_allowed| is_allowed));
    let evaluation = allowed_within(Mode::Evaluate);
    assert!(evaluation.len() == training.len() && !evaluation.contains(&true));
    assert!(is_allowed(), "training goes on as before");

    Precision::Float32.prepare(Device::Cpu);
    assert!(!is_allowed());
}
