//! TensorRT on machines as they are: NVIDIA's own TensorRT-RTX, where `cargo xtask tensorrt` has
//! put it, with a driver that is none; and a machine without a driver.
#![expect(
    clippy::unwrap_used,
    reason = "these are tests; the lint knows functions marked as such alone"
)]

#[path = "tensorrt/installation.rs"]
#[allow(dead_code, reason = "what other tests of TensorRT share")]
mod installation;

use std::fs;
use std::process::ExitCode;

use std::path::{Path, PathBuf};

use installation::{Installation, Run, bundle};
use rszs_tests::harness::{self, Need};
use rszs_tests::tests;

fn libraries() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../third_party/tensorrt-rtx-1.7/lib")
}

fn the_bundle_is_built_and_a_device_that_is_none_is_refused_in_nvidias_words() {
    let libraries = libraries();
    let machine = Installation::new(10_701);
    let mut command =
        machine.command(&["build", "--bundle", &bundle(), "--engine", "tensorrt-rtx"]);
    let driver = rszs_cuda_simulator::load().file().parent().unwrap();
    command.env("LD_LIBRARY_PATH", format!("{}:{}", driver.display(), libraries.display()));
    let run = Run::from(command.output().unwrap());
    assert_eq!(run.code, 4, "{}{}", run.stdout, run.stderr);
    assert!(
        run.stderr.contains("building: ") && run.stderr.contains("\nbuilt in "),
        "{}",
        run.stderr
    );
    let refusal = "tensorrt-rtx no      fp32: IRuntime::deserializeCudaEngine: expected an object, \
        found null";
    assert!(
        run.stdout.starts_with(refusal) && run.stdout.contains("Cuda Runtime"),
        "{}",
        run.stdout
    );
}

fn refusal(machine: &Installation) -> String {
    let run = machine.build(&["--engine", "tensorrt"]);
    assert_eq!(run.code, 4, "{}{}", run.stdout, run.stderr);
    run.stdout
}

fn without_a_driver_nothing_of_tensorrt_is_loaded() {
    let machine = Installation::new(100_300);
    fs::remove_file(machine.libraries().join("libcuda.so.1")).unwrap();
    let text = refusal(&machine);
    assert!(text.contains("libcuda.so.1: expected NVIDIA's driver"), "{text}");
    assert!(!text.contains("library found"), "TensorRT is there: {text}");
    assert!(machine.transcript().is_empty());
    // Neither is there.
    fs::remove_dir_all(machine.libraries()).unwrap();
    let text = refusal(&machine);
    assert!(text.contains("libcuda.so.1: expected NVIDIA's driver"), "{text}");
    let both = "; and no TensorRT library found (tried libnvinfer.so.11, libnvinfer.so.10, \
        libnvinfer.so); install";
    // A machine of a developer's may have a real one.
    assert!(
        text.contains(both) || Path::new("/usr/lib/x86_64-linux-gnu/libnvinfer.so").exists(),
        "{text}"
    );
}

/// Why a machine has a driver of its own.
fn driver() -> Option<String> {
    let marks = ["/proc/driver/nvidia", "/etc/nv_tegra_release"];
    marks
        .into_iter()
        .find(|mark| Path::new(mark).exists())
        .map(|mark| format!("not where {mark} is"))
}

fn main() -> ExitCode {
    let mut all = tests![
        Need::fetched(&libraries(), "tensorrt");
        the_bundle_is_built_and_a_device_that_is_none_is_refused_in_nvidias_words,
    ];
    all.extend(tests![Need::unless(driver()); without_a_driver_nothing_of_tensorrt_is_loaded]);
    harness::run(all)
}
