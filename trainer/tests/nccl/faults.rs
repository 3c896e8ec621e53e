//! What goes wrong with NCCL ends the job by an error that names the rank.

use std::io::{BufRead, BufReader};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::rank::{Job, failure};

/// What a job with a dead rank may take to end: seconds, on a busy machine.
const SECONDS: Duration = Duration::from_secs(20);

#[test]
fn a_killed_rank_is_named_by_all_that_wait_for_its_gradients() {
    for stuck in [1, 0] {
        let mut ranks = Job::new(3, "wait").with("TEST_STUCK", stuck).start();
        let mut killed = ranks.remove(stuck);
        let mut told = BufReader::new(killed.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("stuck") {
            line.clear();
            assert!(told.read_line(&mut line).unwrap() > 0, "rank {stuck} ended");
        }
        // The others have a bucket on its way by then, or are about to.
        std::thread::sleep(Duration::from_millis(300));
        assert!(ranks.iter_mut().all(|rank| rank.try_wait().unwrap().is_none()), "they wait");
        killed.kill().unwrap();
        killed.wait().unwrap();
        let death = Instant::now();
        for rank in ranks {
            let told = failure(rank);
            assert!(told.contains(&format!("error: rank {stuck} of 3: it ended")), "{told}");
        }
        assert!(death.elapsed() < SECONDS, "{:?}", death.elapsed());
    }
}

#[test]
fn a_call_that_fails_is_named_with_its_rank_and_the_others_name_the_rank() {
    let cases = [
        ("ncclGetUniqueId", 3, 0, "ncclGetUniqueId: expected success, found ncclInternalError"),
        (
            "ncclCommInitRankConfig",
            2,
            1,
            "ncclCommInitRankConfig: expected success, found ncclSystemError",
        ),
        ("ncclAllReduce", 4, 0, "ncclAllReduce: expected success, found ncclInvalidArgument"),
        (
            "ncclCommGetAsyncError",
            1,
            1,
            "ncclCommGetAsyncError: expected success, found ncclUnhandledCudaError",
        ),
        ("asynchronous", 6, 1, "NCCL: expected success, found ncclRemoteError"),
        ("asynchronous", 99, 0, "NCCL: expected success, found code 99"),
        (
            "cuEventQuery",
            700,
            1,
            "cuEventQuery: expected success, found CUDA_ERROR_ILLEGAL_ADDRESS",
        ),
    ];
    for (function, code, rank, expected) in cases {
        let told = Job::new(2, "sum").with("TEST_FAIL", format!("{rank} {function} {code}")).fail();
        let (own, other) = (&told[rank], &told[1 - rank]);
        assert!(own.contains(&format!("error: rank {rank} of 2: {expected}")), "{function}: {own}");
        if function != "cuEventQuery" {
            assert!(
                own.contains(&format!("(an error of the stand-in: told to fail: {function})")),
                "{own}"
            );
        }
        assert!(
            other.contains(&format!("error: rank {rank} of 2: it ended")),
            "{function}: {other}"
        );
    }
}

#[test]
fn two_ranks_on_one_device_are_named_by_both() {
    for kind in ["nccl", "auto"] {
        for told in Job::new(2, "sum").with("TEST_TRANSPORT", kind).with("TEST_DEVICE", 1).fail() {
            let expected = format!(
                "error: --transport {kind}: expected a device for each rank, found rank 0 and rank \
                 1 both on cuda:1 of host "
            );
            assert!(told.contains(&expected), "{told}");
        }
    }
}

#[test]
fn a_rank_that_lacks_nccl_is_named_by_all_where_nccl_was_asked_for() {
    for told in Job::new(2, "sum").with("TEST_VERSION", "1 21905").fail() {
        assert!(
            told.contains(
                "error: --transport nccl: expected NCCL and a CUDA device for every rank, found \
                 rank 1 on host "
            ),
            "{told}"
        );
        assert!(
            told.contains("expected NCCL 2.22 or later, found 2.19.5")
                && told.contains("--transport tcp"),
            "{told}"
        );
    }
}

#[test]
fn nccl_on_processors_is_refused_once_before_ranks_are_started() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rszs-train"));
    command.args([
        "train",
        "--from",
        "none",
        "--run",
        "none",
        "--nproc",
        "2",
        "--transport",
        "nccl",
        "--device",
        "cpu",
    ]);
    let output = command.output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert_eq!(
        told,
        "error: --transport nccl: expected a CUDA device for every rank, found cpu; give --device \
         cuda, or --transport tcp\n"
    );
}
