//! What NCCL sums is what one process computes.

use std::path::Path;

use rszs_graph::Tensor as Values;
use rszs_tests::Tolerance;
use rszs_train::checkpoint::Checkpoint;

use crate::rank::Job;
use crate::support;

/// Mean gradients after one step of `size` ranks, each with `batch` images.
fn gradients(folder: &Path, size: usize, batch: usize) -> Values {
    let name = format!("run_{size}_{batch}");
    let job = Job::new(size, "train").with("TEST_FOLDER", folder.display()).with("TEST_RUN", &name);
    let told = job.with("TEST_STEPS", 1).with("TEST_BATCH", batch).finish();
    let is_said = |told: &&String| told.contains("gradients are summed by NCCL 2.22.3");
    assert_eq!(told.iter().filter(is_said).count(), usize::from(size > 1), "{told:?}");
    support::gradients(
        &Checkpoint::read(&folder.join(name).join("states/step_00000001.safetensors")).unwrap(),
    )
}

#[test]
fn two_and_three_ranks_give_the_gradients_of_one_rank_with_their_joint_batch() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    support::start(folder);
    for size in [2, 3] {
        let (whole, shared) = (gradients(folder, 1, 2 * size), gradients(folder, size, 2));
        Tolerance::Float32
            .check(&whole, &shared)
            .unwrap_or_else(|reason| panic!("{size} ranks: {reason}"));
        let half = gradients(folder, 1, size);
        assert!(Tolerance::Float32.check(&whole, &half).is_err(), "half a batch is another");
    }
}

#[test]
fn buckets_are_summed_behind_what_libtorch_still_computes_and_are_there_when_they_are_finished() {
    for size in [2, 3] {
        Job::new(size, "sum").finish();
    }
}

#[test]
fn auto_takes_nccl_and_says_so_once() {
    let told = Job::new(2, "sum").with("TEST_TRANSPORT", "auto").finish();
    assert!(told[0].contains("gradients are summed by NCCL 2.22.3"), "{told:?}");
    assert!(!told[1].contains("gradients are summed"), "{told:?}");
}

#[test]
fn auto_falls_back_to_tcp_on_all_ranks_where_one_lacks_nccl_and_rank_0_says_why() {
    let told =
        Job::new(2, "sum").with("TEST_TRANSPORT", "auto").with("TEST_VERSION", "1 21905").finish();
    let line = told[0]
        .lines()
        .find(|line| line.contains("over TCP, through processors: rank 1 on host"))
        .unwrap();
    assert!(line.contains("libnccl.so.2: expected NCCL 2.22 or later, found 2.19.5"), "{line}");
    assert!(!told[1].contains("over TCP"), "{told:?}");
}
