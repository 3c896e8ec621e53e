//! Several processes that train one model, over MPI. What holds over TCP holds here, and `mpirun`
//! names a rank that is lost.
//!
//! Needs the feature `mpi` and an `mpirun` of Open MPI.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/job.rs"]
mod job;
mod support;

use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use job::Launcher;
use rustix::process::Signal;

/// What a job with a dead rank may take to end, on a busy machine.
const SECONDS: Duration = Duration::from_secs(20);

#[test]
fn two_ranks_with_two_images_give_the_gradients_of_one_rank_with_four() {
    job::two_ranks_with_two_images_give_the_gradients_of_one_rank_with_four(Launcher::Mpirun);
}

#[test]
fn two_ranks_that_go_on_end_with_the_bytes_of_an_unbroken_run() {
    job::two_ranks_that_go_on_end_with_the_bytes_of_an_unbroken_run(Launcher::Mpirun);
}

#[test]
fn ranks_end_with_a_launcher_that_is_killed() {
    job::ranks_end_with_a_launcher_that_is_killed(Launcher::Mpirun);
}

#[test]
fn a_signal_to_one_rank_stops_all_after_a_saved_step() {
    job::a_signal_stops_all_ranks_after_a_saved_step(Launcher::Mpirun, Signal::TERM, false);
}

#[test]
fn a_number_that_is_not_finite_stops_all_ranks_and_no_state_is_touched() {
    job::a_number_that_is_not_finite_stops_all_ranks_and_no_state_is_touched(Launcher::Mpirun);
}

#[test]
fn a_killed_rank_ends_the_job_within_seconds_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    support::start(folder);
    let mut command = Launcher::Mpirun.job(3, folder, "run", 100_000, &[]);
    let mut ranks = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    job::wait_for_state(&folder.join("run"), &mut ranks);
    let is_second = |process: &std::path::PathBuf| {
        let environment = std::fs::read(process.join("environ")).unwrap();
        environment.split(|&byte| byte == 0).any(|variable| variable == b"OMPI_COMM_WORLD_RANK=1")
    };
    let second = job::processes_of(folder).into_iter().find(is_second).unwrap();
    let id: i32 = second.file_name().unwrap().to_str().unwrap().parse().unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(id).unwrap(), Signal::KILL)
        .unwrap();
    let death = Instant::now();
    let Output { status, stderr, .. } = ranks.wait_with_output().unwrap();
    let told = String::from_utf8(stderr).unwrap();
    assert!(!status.success(), "{told}");
    assert!(
        told.contains("mpirun noticed that process rank 1 ") && told.contains("exited on signal 9"),
        "{told}"
    );
    assert!(death.elapsed() < SECONDS, "{:?}", death.elapsed());
    assert!(job::processes_of(folder).is_empty());
}

#[test]
fn ranks_of_two_descriptions_do_not_train_together() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    support::start(folder);
    let program = env!("CARGO_BIN_EXE_rszs-train");
    let arguments = |more: &[&str]| Launcher::Mpirun.arguments(folder, "run", 9, more);
    let mut command = job::mpirun(1);
    command.arg(program).args(arguments(&[])).args([":", "-n", "1", program]);
    let output = command.args(arguments(&["train.synonym_share = 0.1"])).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("error: rank 1 of 2: trains another description"), "{told}");
    assert!(!folder.join("run/run.json").exists());
}

#[test]
fn ranks_of_nproc_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Launcher::Nproc.job(2, folder.path(), "run", 1, &[]);
    let output = command.args(["--transport", "mpi"]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        told.starts_with(
            "error: --transport mpi: expected ranks that mpirun starts, found --nproc"
        ),
        "{told}"
    );
}
