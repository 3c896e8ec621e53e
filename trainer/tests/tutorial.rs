//! TUTORIAL.md, run as it stands: every command in it, in order, in an empty folder that sees the
//! repository's bundle and configs.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// What `IoU` must exceed on images that training did not see.
const LEARNT: f64 = 0.5;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The commands between ```` ```sh ```` and ```` ``` ````: a line each, or several joined by `\`.
fn commands(page: &str) -> Vec<String> {
    let page = page.replace("\\\n", "");
    let blocks = page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let lines = blocks.flat_map(str::lines).filter(|line| !line.trim().is_empty());
    lines.map(str::to_owned).collect()
}

/// Runs `line` with the programs of this build in place of `cargo run --release`: the same code,
/// not built a second time.
fn run(line: &str, folder: &Path) -> Output {
    let programs = Path::new(env!("CARGO_BIN_EXE_rszs-train")).parent().unwrap();
    let mut line = line.replace(
        "cargo run --release -p rszs-data --example ",
        &format!("{}/examples/", programs.display()),
    );
    for program in ["rszs-train", "rszs-export", "rszs-calibrate", "rszs-edge"] {
        line = line.replace(
            &format!("cargo run --release -p {program}"),
            &format!("{}/{program}", programs.display()),
        );
    }
    let line = line.replace(" -- ", " ");
    assert!(!line.contains("cargo"), "a command that this test does not know: {line}");
    let output = Command::new("sh").args(["-c", &line]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{line}\n{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn build(arguments: &[&str]) {
    let status = Command::new(env!("CARGO"))
        .arg("build")
        .args(arguments)
        .current_dir(repository())
        .status()
        .unwrap();
    assert!(status.success(), "cargo build {arguments:?}");
}

#[test]
fn every_command_of_the_tutorial_works_and_the_class_is_learnt() {
    build(&["-p", "rszs-export", "-p", "rszs-calibrate", "-p", "rszs-edge", "--bins"]);
    build(&["-p", "rszs-data", "--example", "tarpaulins"]);
    let folder = tempfile::tempdir().unwrap();
    for shared in ["bundles", "trainer"] {
        symlink(repository().join(shared), folder.path().join(shared)).unwrap();
    }
    let page = std::fs::read_to_string(repository().join("trainer/TUTORIAL.md")).unwrap();
    let commands = commands(&page);
    assert_eq!(commands.len(), 9, "{commands:#?}");
    for line in &commands {
        run(line, folder.path());
    }

    let evaluate =
        commands.iter().find(|line| line.contains("rszs-calibrate -- evaluate")).unwrap();
    let report: Value =
        serde_json::from_slice(&run(&format!("{evaluate} --json"), folder.path()).stdout).unwrap();
    let query = &report["sets"][0]["queries"][0];
    assert_eq!(query["query"], "tarpaulin");
    let iou = query["iou"].as_f64().unwrap();
    assert!(
        iou > LEARNT,
        "IoU of tarpaulins on validation images: expected above {LEARNT}, found {iou}: {query}"
    );
    assert!(folder.path().join("runs/tarpaulins/out/000.overlay.jpg").is_file());
}
