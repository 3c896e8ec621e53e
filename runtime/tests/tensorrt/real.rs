//! NVIDIA's own TensorRT-RTX, where `cargo xtask tensorrt` has put it, with a driver that is none.

use std::path::Path;

use crate::installation::{Installation, Run, bundle};

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn the_bundle_is_built_and_a_device_that_is_none_is_refused_in_nvidias_words() {
    let libraries =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../third_party/tensorrt-rtx-1.7/lib");
    if !libraries.is_dir() {
        eprintln!(
            "skipped: this needs {} (`cargo xtask tensorrt` fetches it)",
            libraries.display()
        );
        return;
    }
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
