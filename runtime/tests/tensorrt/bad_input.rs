//! Machines on which TensorRT cannot run: each is named, and the process goes on or ends in order.

use std::fs;
use std::os::unix::fs::symlink;

use crate::installation::{Installation, bundle, recorder};

/// What `rszs-edge build --engine tensorrt` says, which must end with 4.
#[track_caller]
fn refusal(machine: &Installation) -> String {
    let run = machine.build(&["--engine", "tensorrt"]);
    assert_eq!(run.code, 4, "{}{}", run.stdout, run.stderr);
    run.stdout
}

#[test]
fn without_a_library_the_names_that_were_tried_are_told() {
    let machine = Installation::new(100_300);
    fs::remove_dir_all(machine.libraries()).unwrap();
    fs::create_dir(machine.libraries()).unwrap();
    symlink(rszs_cuda_simulator::load().file(), machine.libraries().join("libcuda.so.1")).unwrap();
    let text = refusal(&machine);
    // A machine of a developer's may have a real one.
    if text.contains("no TensorRT library found") {
        assert!(text.contains("libnvinfer.so.11: cannot open shared object file"), "{text}");
        assert!(text.contains("install TensorRT 10 or 11"), "{text}");
    }
    let run = machine.edge(&[
        "--bundle",
        &bundle(),
        "--queries",
        "flood",
        "--output",
        &machine.path("out"),
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        !run.stderr.contains("tensorrt-rtx"),
        "what is absent is not worth a word: {}",
        run.stderr
    );
}

#[test]
fn a_driver_that_is_broken_does_not_hide_a_library_that_is_missing() {
    let machine = Installation::new(110_400);
    fs::remove_file(machine.libraries().join("libnvinfer.so.11")).unwrap();
    // A library that the loader takes for the driver, and that is none.
    let driver = machine.libraries().join("libcuda.so.1");
    fs::remove_file(&driver).unwrap();
    fs::copy(recorder(), &driver).unwrap();
    let run = machine.edge(&["doctor"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    for (engine, library) in [("tensorrt    ", "TensorRT"), ("tensorrt-rtx", "TensorRT-RTX")] {
        let both = format!(
            "engine     {engine} no      fp32: libcuda.so.1: expected the function \
             cuCtxSetCurrent, found none (install a driver of CUDA 12.0 or later); and no \
             {library} library found"
        );
        assert!(run.stdout.contains(&both), "{}", run.stdout);
    }
}

#[test]
fn another_major_version_is_named() {
    let machine = Installation::new(100_300);
    machine.script(&["version 8601"]);
    let text = refusal(&machine);
    assert!(
        text.contains(
            "expected TensorRT 10 or 11 or TensorRT-RTX 1.3 to 1.7, found TensorRT 8.6.1"
        ),
        "{text}"
    );
}

#[test]
fn a_parser_of_another_major_version_is_not_taken() {
    let machine = Installation::new(100_300);
    let parser = machine.libraries().join("libnvonnxparser.so.10");
    fs::rename(&parser, parser.with_extension("11")).unwrap();
    let text = refusal(&machine);
    assert!(
        text.contains(
            "libnvinfer.so.10: expected its ONNX parser, found none: libnvonnxparser.so.10"
        ),
        "{text}"
    );
}

#[test]
fn what_the_parser_does_not_know_is_named_by_node() {
    let machine = Installation::new(100_300);
    machine.script(&["answer IParser::parse 0"]);
    let text = refusal(&machine);
    assert!(
        text.contains("found node /head/conv: Conv: no such operator (unsupported node)"),
        "{text}"
    );
}

#[test]
fn a_build_that_is_refused_carries_what_the_library_said() {
    let machine = Installation::new(110_400);
    machine.script(&["answer VBuilder::buildSerializedNetwork 0"]);
    let text = refusal(&machine);
    assert!(
        text.contains("IBuilder::buildSerializedNetwork: expected an object, found null"),
        "{text}"
    );
    assert!(
        text.contains(
            "the library says: error: VBuilder::buildSerializedNetwork was told to refuse"
        ),
        "{text}"
    );
}

#[test]
fn too_little_memory_for_a_context_or_a_buffer_is_named() {
    let machine = Installation::new(110_400);
    machine.script(&["answer VCudaEngine::createExecutionContext 0"]);
    let text = refusal(&machine);
    assert!(
        text.contains("ICudaEngine::createExecutionContext: expected an object, found null"),
        "{text}"
    );
    machine.script(&["driver cuMemAlloc_v2 2"]);
    let text = refusal(&machine);
    assert!(
        text.contains(
            "cuMemAlloc: expected success, found CUDA_ERROR_OUT_OF_MEMORY (out of memory)"
        ),
        "{text}"
    );
}

#[test]
fn a_plan_of_another_network_is_named_by_its_tensors() {
    let machine = Installation::new(110_400);
    machine.script(&["input mask 0 N"]);
    let text = refusal(&machine);
    assert!(
        text.contains("expected the tensors Input tiles Uint8, ")
            && text.contains("Input mask Float32"),
        "{text}"
    );
}

#[test]
fn a_device_that_disappears_is_named_image_by_image() {
    let machine = Installation::new(110_400);
    // The self-test is two runs, the trial of a capture the third.
    machine.script(&["failing-runs 4 1000"]);
    let output = machine.path("out");
    let run = machine.edge(&[
        "--bundle",
        &bundle(),
        "--queries",
        "flood",
        "--engine",
        "tensorrt",
        "--output",
        &output,
    ]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(
        run.stderr.contains("IExecutionContext::enqueueV3: expected true, found false"),
        "{}",
        run.stderr
    );
    machine.script(&["driver cuMemcpyDtoHAsync_v2 719"]);
    let text = refusal(&machine);
    assert!(
        text.contains("cuMemcpyDtoHAsync: expected success, found CUDA_ERROR_LAUNCH_FAILED"),
        "{text}"
    );
}

#[test]
fn a_run_takes_the_next_engine_where_tensorrt_is_there_and_fails() {
    let machine = Installation::new(110_400);
    machine.script(&["driver cuMemAlloc_v2 2"]);
    let output = machine.path("out");
    let run = machine.edge(&["--bundle", &bundle(), "--queries", "flood", "--output", &output]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stderr.contains("engine tensorrt skipped: fp32: cuMemAlloc"),
        "not silent: {}",
        run.stderr
    );
}
