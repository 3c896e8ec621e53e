//! Runs cargo as a person would from the shell.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::component::Component;
use crate::error::Error;
use crate::report;

/// What all three ways to run tests are given.
const EVERY: [&str; 2] = ["--workspace", "--no-fail-fast"];
/// The trainer with MPI, in the same build: its tests of MPI are added, and none is lost.
const WITH_MPI: [&str; 2] = ["--features", "rszs-train/mpi"];

/// Runs every test of the workspace and every example in the documentation; reports a failure after
/// both have run. Tests of MPI run where the trainer builds with it.
pub(crate) fn run_every_test(root: &Path) -> Result<(), Error> {
    let with_mpi: &[&str] = if mpi_builds(root) { &WITH_MPI } else { &[] };
    if !answers(command(root).args(["nextest", "--version"])) {
        return run(root, &[&["test"], &EVERY[..], with_mpi].concat());
    }
    let tests = run(root, &[&["nextest", "run"], &EVERY[..], with_mpi].concat());
    let examples = run(root, &[&["test", "--doc"], &EVERY[..], with_mpi].concat());
    tests.and(examples)
}

/// Whether the trainer can be built with MPI; says why not. Nobody needs it for anything else, so
/// it is no failure.
fn mpi_builds(root: &Path) -> bool {
    let skipped = "tests of training over MPI are skipped (trainer/SCALING.md says what they need)";
    if !answers(Command::new("mpicc").arg("--version")) {
        report::line(&format!("mpicc is not here: {skipped}"));
        return false;
    }
    // The crate also needs libclang, and looks for it in more places than are worth repeating here.
    // What this builds, the tests run.
    let builds = run(root, &[&["test", "--no-run"], &EVERY[..], &WITH_MPI].concat()).is_ok();
    if !builds {
        report::line(&format!("mpicc is here, but the trainer does not build with MPI: {skipped}"));
    }
    builds
}

/// Whether a program is there and ends well.
fn answers(command: &mut Command) -> bool {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs cargo with `arguments` in the workspace at `root`.
pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<(), Error> {
    let line = format!("cargo {}", arguments.join(" "));
    report::line(&line);
    let mut command = command(root);
    let status =
        command.args(arguments).status().map_err(Error::io(Path::new(command.get_program())))?;
    if status.success() { Ok(()) } else { Err(Error::Command { command: line, status }) }
}

/// What `cargo metadata` says about the workspace's own packages.
pub(crate) fn metadata(root: &Path) -> Result<Vec<u8>, Error> {
    let arguments = ["metadata", "--no-deps", "--format-version", "1"];
    let mut command = command(root);
    let output = command.args(arguments).stderr(Stdio::inherit()).output();
    let output = output.map_err(Error::io(Path::new(command.get_program())))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(Error::Command { command: format!("cargo {}", arguments.join(" ")), status: output.status })
}

/// The cargo that started this program, without the variables that it sets for a program it starts:
/// build scripts that look at them would run again at every change between `cargo xtask test` and a
/// plain `cargo test`.
fn command(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    for (name, value) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        let of_this_package = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_CRATE_NAME",
            "CARGO_BIN_NAME",
            "CARGO_PRIMARY_",
        ]
        .iter()
        .any(|prefix| name_text.starts_with(prefix));
        let cargos_libtorch =
            name_text == "LIBTORCH" && Path::new(&value) == root.join(Component::Libtorch.link());
        if of_this_package || cargos_libtorch {
            command.env_remove(&name);
        }
    }
    command
}
