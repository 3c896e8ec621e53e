//! `--device`: what is refused, and that no tensor is forgotten on the processor.
//!
//! A GPU is what would show a forgotten tensor, and libtorch's `meta` device cannot take its place:
//! tch has no name for it. So the sources are read.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Ways to make a tensor on the processor.
const MAKES: [&str; 5] = [
    "Tensor::f_from_slice(",
    "Tensor::from_slice(",
    "f_from_data_size(",
    "Tensor::from(",
    "Device::Cpu",
];

/// Files with lines that make a tensor on the processor and do not upload it themselves: how many,
/// and why.
const STAYS: [(&str, usize, &str); 23] = [
    ("checkpoint.rs", 3, "files are read and written there"),
    ("device/mod.rs", 2, "the choice of the processor"),
    ("network/eager.rs", 1, "a constant, uploaded in the next line"),
    ("evaluate/model.rs", 1, "tiles, uploaded below"),
    ("experiment/measure.rs", 1, "what results of before there was a choice are of"),
    ("pretrain/features.rs", 3, "images and features of all of them stay there"),
    ("import/mod.rs", 1, "weights go from file to file"),
    ("import/archive.rs", 1, "weights go from file to file"),
    ("import/legacy.rs", 1, "weights go from file to file"),
    ("import/published.rs", 1, "weights go from file to file"),
    ("loss/scene_naming.rs", 1, "places of a few scenes, taken to the device in the same line"),
    ("loss/segmentation.rs", 1, "a number a query, taken to the device in the next line"),
    ("optim/loss_scale.rs", 1, "what is saved"),
    ("network/parameters.rs", 1, "`insert` uploads"),
    ("network/precision/mod.rs", 1, "a question"),
    ("pretrain/mod.rs", 2, "`Parameters::insert` uploads"),
    ("pretrain/batch.rs", 4, "`Batch::on` uploads"),
    ("pretrain/evaluation.rs", 2, "scenes and sentences are counted there"),
    ("pretrain/held_out.rs", 1, "rows of images that are there"),
    ("prompts.rs", 2, "tokens, uploaded by `embed`"),
    ("run/states.rs", 1, "what was saved, copied into tensors where they are"),
    ("pretrain/text_training.rs", 1, "vectors, uploaded by `on`"),
    (
        "train/session/mod.rs",
        3,
        "a batch and what its pixels count, uploaded at the end of `tensors`",
    ),
];

/// Lines before the tests of a file that make a tensor on the processor and do not upload it.
fn places(folder: &Path, root: &Path, found: &mut BTreeMap<String, usize>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            places(&path, root, found);
            continue;
        }
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if name.ends_with("tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text
            .split("#[cfg(test)]\n#[allow")
            .next()
            .unwrap()
            .split("#[cfg(test)]\nmod")
            .next()
            .unwrap();
        let makes =
            |line: &&str| MAKES.iter().any(|make| line.contains(make)) && !line.contains("upload(");
        let count =
            code.lines().filter(|line| !line.trim_start().starts_with("//")).filter(makes).count();
        if count > 0 {
            found.insert(name, count);
        }
    }
}

#[test]
fn a_tensor_that_is_made_on_the_processor_is_uploaded_or_belongs_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    places(&root, &root, &mut found);
    let expected: BTreeMap<String, usize> =
        STAYS.iter().map(|&(file, count, _)| (file.to_owned(), count)).collect();
    assert_eq!(found, expected, "use device::upload, or say here why it stays on the processor");
}

/// Without `LOCAL_RANK` and the like of whatever runs this test, and without its devices.
fn refused(arguments: &[&str], variables: &[(&str, &Path)], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rszs-train"));
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/nano.toml");
    command.args(arguments).args(["--config", config, "--run"]).arg(folder.join("run"));
    for name in ["RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"] {
        command.env_remove(name);
    }
    command.env("CUDA_VISIBLE_DEVICES", "").envs(variables.iter().copied());
    let output = command.output().unwrap();
    assert!(!output.status.success());
    assert!(!folder.join("run").exists(), "refused before anything is written");
    output
}

#[test]
fn cuda_is_refused_with_what_is_missing_by_every_command_and_by_the_launcher() {
    let folder = tempfile::tempdir().unwrap();
    let commands: [&[&str]; 4] = [
        &["train", "--from", "none", "--device", "cuda"],
        &["train", "--from", "none", "--device", "cuda", "--nproc", "2"],
        &["pretrain", "--device", "cuda"],
        &["evaluate", "--weights", "none", "--device", "cuda"],
    ];
    let missing =
        if tch::utils::has_cudart() { "a CUDA device, found none" } else { "a libtorch with CUDA" };
    for command in commands {
        let output = refused(command, &[], folder.path());
        assert_eq!(output.status.code(), Some(1));
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            message.starts_with(&format!("error: --device cuda: expected {missing}")),
            "{message}"
        );
        assert_eq!(message.lines().count(), 1, "{command:?}: {message}");
    }
}

/// The program is linked with the part of libtorch for processors; what counts is what is loaded.
#[test]
fn the_devices_of_the_libtorch_that_is_loaded_are_seen() {
    let folder = tempfile::tempdir().unwrap();
    let stand_in = folder.path().join("libtorch_cuda.so");
    let libtorch = std::env::var_os("LIBTORCH").map(PathBuf::from).unwrap();
    let compiler = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/device/cuda_part.cpp");
    let compiled = Command::new(compiler)
        .args(["-std=c++17", "-fPIC", "-shared", "-I"])
        .arg(libtorch.join("include"))
        .args([source, "-o"])
        .arg(&stand_in)
        .output()
        .unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let arguments = ["train", "--from", "none", "--device", "cuda:7"];
    let output = refused(&arguments, &[("LD_PRELOAD", &stand_in)], folder.path());
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("cuda:7: expected that device, found 2 in all"), "{message}");
}

#[test]
fn an_unknown_device_is_a_question_of_usage() {
    let folder = tempfile::tempdir().unwrap();
    let output = refused(&["pretrain", "--device", "gpu"], &[], folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("expected auto, cpu, cuda or cuda:N"));
}
