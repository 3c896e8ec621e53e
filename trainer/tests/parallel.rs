//! Several processes that train one model, over TCP.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/job.rs"]
mod job;
mod support;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use job::{Launcher, finish};
use rustix::process::Signal;

/// What a job with a dead rank may take to end, on a busy machine.
const SECONDS: Duration = Duration::from_secs(20);

#[test]
fn two_ranks_with_two_images_give_the_gradients_of_one_rank_with_four() {
    job::two_ranks_with_two_images_give_the_gradients_of_one_rank_with_four(Launcher::Nproc);
}

#[test]
fn two_ranks_that_go_on_end_with_the_bytes_of_an_unbroken_run() {
    job::two_ranks_that_go_on_end_with_the_bytes_of_an_unbroken_run(Launcher::Nproc);
}

#[test]
fn ranks_end_with_a_launcher_that_is_killed() {
    job::ranks_end_with_a_launcher_that_is_killed(Launcher::Nproc);
}

#[test]
fn a_signal_to_the_launcher_or_to_one_rank_stops_all_after_a_saved_step() {
    job::a_signal_stops_all_ranks_after_a_saved_step(Launcher::Nproc, Signal::TERM, true);
    job::a_signal_stops_all_ranks_after_a_saved_step(Launcher::Nproc, Signal::INT, false);
}

#[test]
fn a_number_that_is_not_finite_stops_all_ranks_and_no_state_is_touched() {
    let told =
        job::a_number_that_is_not_finite_stops_all_ranks_and_no_state_is_touched(Launcher::Nproc);
    assert!(told.contains(" of 2: exit status: 1"), "the launcher: {told}");
}

/// The program that trains in `folder/run` as a rank of a launcher that is not ours.
fn program(folder: &Path, steps: u64, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rszs-train"));
    command.args(Launcher::Nproc.arguments(folder, "run", steps, more));
    command
}

/// Starts a rank as torchrun does.
fn start(command: &mut Command, rank: usize, size: usize, port: u16) -> Child {
    let numbers = [("RANK", rank), ("LOCAL_RANK", rank), ("WORLD_SIZE", size)];
    command.envs(numbers.map(|(name, number)| (name, number.to_string())));
    command.env("MASTER_ADDR", "localhost").env("MASTER_PORT", port.to_string());
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// A port for torchrun's own use, with a free one above it.
fn port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port() - 1
}

/// What a rank told that had to fail.
fn failure(rank: Child) -> String {
    let Output { status, stderr, .. } = rank.wait_with_output().unwrap();
    let told = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{told}");
    told
}

#[test]
fn a_killed_rank_ends_the_job_within_seconds_and_is_named_by_all_others() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    support::start(folder);
    let port = port();
    let mut ranks: Vec<Child> =
        (0..3).map(|rank| start(&mut program(folder, 100_000, &[]), rank, 3, port)).collect();
    let begun = Instant::now();
    while support::states(&folder.join("run")).is_empty() {
        assert!(
            ranks.iter_mut().all(|rank| rank.try_wait().unwrap().is_none()),
            "a rank ended before the first state"
        );
        assert!(begun.elapsed() < Duration::from_mins(2), "no state");
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut killed = ranks.remove(1);
    killed.kill().unwrap();
    killed.wait().unwrap();
    let death = Instant::now();
    for rank in ranks {
        let told = failure(rank);
        assert!(told.contains("error: rank 1 of 3: it ended"), "{told}");
    }
    assert!(death.elapsed() < SECONDS, "{:?}", death.elapsed());
    // What rank 0 saved is whole: one rank alone goes on from it.
    let (name, _) = support::states(&folder.join("run")).pop_last().unwrap();
    let step: u64 = name["step_".len().."step_00000000".len()].parse().unwrap();
    let told = finish(&mut program(folder, step + 1, &[]));
    assert!(told.contains(&format!("going on at step {step}")), "{told}");
}

#[test]
fn ranks_of_two_descriptions_do_not_train_together() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    support::start(folder);
    let port = port();
    let first = start(&mut program(folder, 9, &[]), 0, 2, port);
    let second = start(&mut program(folder, 9, &["train.synonym_share = 0.1"]), 1, 2, port);
    let told = failure(first);
    assert!(told.contains("error: rank 1 of 2: trains another description"), "{told}");
    assert!(failure(second).contains("error: rank 0 of 2: "));
    assert!(!folder.join("run/run.json").exists());
}

#[cfg(not(feature = "mpi"))]
#[test]
fn mpi_is_refused_by_a_program_that_is_not_built_for_it() {
    let folder = tempfile::tempdir().unwrap();
    support::start(folder.path());
    let told = failure(
        program(folder.path(), 1, &[])
            .args(["--transport", "mpi"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    assert!(told.contains("error: --transport mpi: expected a program built for MPI"), "{told}");
}
