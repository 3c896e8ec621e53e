//! A job of several ranks, over any transport, and what must hold for each of them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rszs_graph::Tensor as Values;
use rszs_tests::Tolerance;
use rszs_train::checkpoint::Checkpoint;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support;

/// What a job with a dead rank may take to end, on a busy machine.
const SECONDS: Duration = Duration::from_secs(20);
/// What nothing here takes.
const PATIENCE: Duration = Duration::from_mins(2);

/// How ranks are started, and how they sum.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Launcher {
    /// `--nproc`, TCP.
    Nproc,
    /// `mpirun`, MPI.
    #[allow(dead_code, reason = "only a build with the feature mpi has it")]
    Mpirun,
}

impl Launcher {
    /// The arguments of `train`, which trains in `folder/name` with these further changes.
    pub(crate) fn arguments(
        self,
        folder: &Path,
        name: &str,
        steps: u64,
        more: &[&str],
    ) -> Vec<String> {
        let path = |name: &str| folder.join(name).display().to_string();
        let mut arguments = ["train", "--threads", "1", "--config"].map(str::to_owned).to_vec();
        arguments.extend([support::nano().display().to_string(), "--run".to_owned(), path(name)]);
        arguments.extend(["--from".to_owned(), path("text.safetensors")]);
        let changes = support::changes(folder, steps);
        for change in changes.iter().map(String::as_str).chain(more.iter().copied()) {
            arguments.extend(["--set".to_owned(), change.to_owned()]);
        }
        arguments.extend(matches!(self, Self::Mpirun).then(|| "--transport=mpi".to_owned()));
        arguments
    }

    /// A job of so many ranks.
    pub(crate) fn job(
        self,
        ranks: usize,
        folder: &Path,
        name: &str,
        steps: u64,
        more: &[&str],
    ) -> Command {
        let arguments = self.arguments(folder, name, steps, more);
        let mut command = match self {
            Self::Nproc => Command::new(env!("CARGO_BIN_EXE_rszs-train")),
            Self::Mpirun => {
                let mut command = mpirun(ranks);
                command.arg(env!("CARGO_BIN_EXE_rszs-train"));
                command
            }
        };
        command.args(arguments);
        if matches!(self, Self::Nproc) {
            command.args(["--nproc", &ranks.to_string()]);
        }
        command
    }
}

/// `mpirun` with more ranks than cores, also as root: tests run in containers.
pub(crate) fn mpirun(ranks: usize) -> Command {
    let mut command = Command::new("mpirun");
    command.args([
        "--allow-run-as-root",
        "--oversubscribe",
        "--bind-to",
        "none",
        "-n",
        &ranks.to_string(),
    ]);
    command
}

/// What a job told that had to succeed.
pub(crate) fn finish(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.output().expect("a program to start");
    let told = String::from_utf8(stderr).expect("text");
    assert!(status.success(), "{told}");
    told
}

/// Returns once the run has a state.
pub(crate) fn wait_for_state(run: &Path, job: &mut Child) {
    let begun = Instant::now();
    while support::states(run).is_empty() {
        assert!(job.try_wait().expect("a child").is_none(), "the job ended before the first state");
        assert!(begun.elapsed() < PATIENCE, "no state");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The processes that have this folder in their command.
pub(crate) fn processes_of(folder: &Path) -> Vec<PathBuf> {
    let folder = folder.as_os_str().as_encoded_bytes();
    let of_run = |entry: std::io::Result<std::fs::DirEntry>| {
        let process = entry.ok()?.path();
        let command = std::fs::read(process.join("cmdline")).ok()?;
        command.windows(folder.len()).any(|part| part == folder).then_some(process)
    };
    std::fs::read_dir("/proc").expect("Linux").filter_map(of_run).collect()
}

/// Mean gradients after one step, and its loss.
fn step(
    launcher: Launcher,
    folder: &Path,
    name: &str,
    ranks: usize,
    more: &[&str],
) -> (Values, f64) {
    // Which branches are dropped depends on the passes, and float32 is what is compared.
    let exact = ["train.precision = 'float32'", "network.vlm.drop_path = 0.0"];
    finish(&mut launcher.job(ranks, folder, name, 1, &[&exact, more].concat()));
    let run = folder.join(name);
    let metrics = std::fs::read_to_string(run.join("metrics.jsonl")).expect("metrics");
    let records: Vec<Value> =
        metrics.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(
        records.iter().map(|record| record["type"].clone()).collect::<Vec<_>>(),
        ["start", "step"]
    );
    let state = Checkpoint::read(&run.join("states/step_00000001.safetensors")).expect("a state");
    (support::gradients(&state), records[1]["loss"].as_f64().expect("a number"))
}

pub(crate) fn two_ranks_with_two_images_give_the_gradients_of_one_rank_with_four(
    launcher: Launcher,
) {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    support::start(folder);
    let contrastive = ["train.alignment = 'contrastive'", "train.policy.text = 'follow'"];
    for (name, more) in [("cosine", &[][..]), ("contrastive", &contrastive[..])] {
        let run = |launcher: Launcher, ranks: usize, batch_size: usize, accumulate: usize| {
            let batch = [
                format!("train.batch_size = {batch_size}"),
                format!("train.accumulate = {accumulate}"),
            ];
            let more: Vec<&str> =
                more.iter().copied().chain(batch.iter().map(String::as_str)).collect();
            step(
                launcher,
                folder,
                &format!("{name}_{ranks}_{batch_size}_{accumulate}"),
                ranks,
                &more,
            )
        };
        let (whole, loss) = run(Launcher::Nproc, 1, 4, 1);
        let half = run(Launcher::Nproc, 1, 2, 1).0;
        assert!(Tolerance::Float32.check(&whole, &half).is_err(), "half a batch is another");
        for (batch_size, accumulate) in [(2, 1), (1, 2)] {
            let (shared, shared_loss) = run(launcher, 2, batch_size, accumulate);
            let result = Tolerance::Float32.check(&whole, &shared);
            result.unwrap_or_else(|reason| {
                panic!("{name}, {batch_size} times {accumulate}: {reason}")
            });
            let losses = [loss, shared_loss].map(|loss| Values::new(vec![1], vec![loss as f32]));
            Tolerance::Float32.check(&losses[0], &losses[1]).expect("the loss of the whole batch");
        }
    }
}

pub(crate) fn two_ranks_that_go_on_end_with_the_bytes_of_an_unbroken_run(launcher: Launcher) {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    support::start(folder);
    let run = |name: &str, steps| finish(&mut launcher.job(2, folder, name, steps, &[]));
    run("unbroken", 5);
    run("broken", 3);
    let told = run("broken", 5);
    assert_eq!(told.matches("going on at step 3").count(), 1, "rank 0 alone speaks: {told}");
    let [unbroken, broken] = ["unbroken", "broken"]
        .map(|name| support::states(&folder.join(name)).pop_last().expect("a state"));
    assert!(
        unbroken.0 == broken.0 && support::values_in(&unbroken.1) == support::values_in(&broken.1)
    );
}

pub(crate) fn ranks_end_with_a_launcher_that_is_killed(launcher: Launcher) {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    support::start(folder);
    let mut job =
        launcher.job(2, folder, "run", 100_000, &[]).stderr(Stdio::null()).spawn().expect("a job");
    wait_for_state(&folder.join("run"), &mut job);
    assert_eq!(processes_of(folder).len(), 3, "the launcher and two ranks");
    job.kill().expect("a child");
    job.wait().expect("a child");
    let death = Instant::now();
    while !processes_of(folder).is_empty() {
        assert!(death.elapsed() < SECONDS, "{} ranks train on", processes_of(folder).len());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The job is asked to stop: its launcher, or one rank of it.
pub(crate) fn a_signal_stops_all_ranks_after_a_saved_step(
    launcher: Launcher,
    signal: Signal,
    to_the_launcher: bool,
) {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    support::start(folder);
    let run = folder.join("run");
    // Only the signal saves: an hour does not pass.
    let more = ["train.save_every_s = 3600"];
    let mut command = launcher.job(2, folder, "run", 100_000, &more);
    let mut job = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a job");
    let begun = Instant::now();
    while !std::fs::read_to_string(run.join("metrics.jsonl"))
        .is_ok_and(|text| text.contains("\"step\":3,"))
    {
        assert!(job.try_wait().expect("a child").is_none(), "the job ended before the third step");
        assert!(begun.elapsed() < PATIENCE, "no third step");
        std::thread::sleep(Duration::from_millis(5));
    }
    let launcher_id = Pid::from_child(&job);
    let is_rank = |id: &Pid| *id != launcher_id;
    let id = |process: &PathBuf| Pid::from_raw(process.file_name()?.to_str()?.parse().ok()?);
    let rank = processes_of(folder).iter().filter_map(id).rfind(is_rank).expect("a rank");
    kill_process(if to_the_launcher { launcher_id } else { rank }, signal).expect("a process");
    let asked = Instant::now();
    let Output { status, stderr, .. } = job.wait_with_output().expect("a child");
    let told = String::from_utf8(stderr).expect("text");
    assert_eq!(status.code(), Some(130), "{told}");
    assert!(asked.elapsed() < SECONDS, "{:?}", asked.elapsed());
    assert_eq!(
        told.matches("stopped by a signal, its state is saved").count(),
        1,
        "rank 0 alone speaks: {told}"
    );
    let (name, _) = support::states(&run).pop_last().expect("a state");
    let step: u64 = name["step_".len().."step_00000000".len()].parse().expect("a number");
    assert!(step >= 3 && processes_of(folder).is_empty(), "{name}");
    let told = finish(&mut launcher.job(2, folder, "run", step + 1, &[]));
    assert!(told.contains(&format!("going on at step {step}")), "{told}");
}

/// Returns what the job told.
pub(crate) fn a_number_that_is_not_finite_stops_all_ranks_and_no_state_is_touched(
    launcher: Launcher,
) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    support::start(folder);
    finish(&mut launcher.job(2, folder, "run", 2, &[]));
    let run = folder.join("run");
    let before = support::states(&run);
    let more = ["train.schedule.peak = 1e38", "train.save_every_s = 3600"];
    let output = launcher.job(2, folder, "run", 9, &more).output().expect("a job");
    let told = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert_eq!(told.matches("step 3: loss is not finite").count(), 2, "{told}");
    assert!(support::states(&run) == before);
    // Each rank leaves its share of the batch.
    for share in
        ["not_finite/step_00000003/batch.json", "not_finite/step_00000003_rank_1/batch.json"]
    {
        let batch: Value =
            serde_json::from_slice(&std::fs::read(run.join(share)).expect(share)).expect("JSON");
        assert_eq!(batch["crops"].as_array().expect("crops").len(), 2, "{share}");
    }
    told
}
