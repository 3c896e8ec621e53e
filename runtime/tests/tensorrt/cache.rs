//! Plans on the disk: whatever is wrong with one, it is named and built again.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Instant;

use crate::installation::{Installation, Run, bundle};

const TENSORRT: [&str; 2] = ["--engine", "tensorrt"];

/// A machine that has built its plan.
fn built() -> Installation {
    let machine = Installation::new(100_300);
    let run = machine.build(&TENSORRT);
    assert_eq!(run.code, 0, "{}", run.stderr);
    machine
}

/// Builds again, which must be because of `reason`, and leaves a plan that is used.
#[track_caller]
fn assert_rebuilt(machine: &Installation, reason: &str) {
    let run = machine.build(&TENSORRT);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains(reason), "{}", run.stderr);
    let builds = machine.builds();
    let run = machine.build(&TENSORRT);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert_eq!(machine.builds(), builds, "the new plan is used");
}

#[test]
fn a_plan_that_was_cut_off_is_built_again() {
    let machine = built();
    let file = File::options().write(true).open(machine.plan()).unwrap();
    file.set_len(90).unwrap();
    assert_rebuilt(&machine, "expected 100 bytes, found 90 (cut off?)");
}

#[test]
fn a_plan_with_a_changed_byte_is_built_again() {
    let machine = built();
    let mut bytes = fs::read(machine.plan()).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(machine.plan(), bytes).unwrap();
    assert_rebuilt(&machine, "found other content (damaged?)");
}

#[test]
fn a_plan_that_others_can_write_is_built_again() {
    let machine = built();
    fs::set_permissions(machine.plan(), Permissions::from_mode(0o666)).unwrap();
    assert_rebuilt(&machine, "expected nobody else to be able to write, found mode 666");
    assert_eq!(fs::metadata(machine.plan()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_plan_that_the_library_refuses_is_built_again() {
    let machine = built();
    // As a library does that was replaced without a new version.
    machine.script(&["plan plan-of-a-new-recorder"]);
    assert_rebuilt(&machine, "the plan is of another version or device");
}

#[test]
fn a_plan_of_another_library_is_left_alone() {
    let machine = built();
    let plan = machine.plan();
    machine.script(&["version 100700"]);
    let run = machine.build(&TENSORRT);
    assert!(
        run.code == 0 && run.stderr.contains("TensorRT 10.7.0 on simulated board, fp32"),
        "{}",
        run.stderr
    );
    assert!(plan.exists() && machine.builds() == 2);
}

#[test]
fn two_processes_that_start_together_build_once() {
    let machine = Installation::new(110_400);
    machine.script(&["build-ms 1000"]);
    let both = [machine.start_build(&TENSORRT), machine.start_build(&TENSORRT)];
    let runs = both.map(|child| Run::from(child.wait_with_output().unwrap()));
    for run in &runs {
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
    assert_eq!(machine.builds(), 1, "{}{}", runs[0].stderr, runs[1].stderr);
    let waited = runs.iter().filter(|run| run.stderr.contains("waiting for another process"));
    assert_eq!(waited.count(), 1);
}

#[test]
fn the_lock_of_a_process_that_was_killed_is_free() {
    let machine = Installation::new(110_400);
    machine.script(&["build-ms 120000"]);
    let mut child = machine.start_build(&TENSORRT);
    machine.wait_for_build();
    child.kill().unwrap();
    child.wait().unwrap();
    machine.script(&[]);
    let start = Instant::now();
    let run = machine.build(&TENSORRT);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(!run.stderr.contains("waiting") && start.elapsed().as_secs() < 60, "{}", run.stderr);
}

#[test]
fn an_interrupted_build_ends_with_130_and_leaves_no_plan() {
    let machine = Installation::new(110_400);
    machine.script(&["build-ms 3000"]);
    let child = machine.start_build(&[]);
    machine.wait_for_build();
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, 130, "{}", run.stderr);
    assert!(run.stderr.contains("interrupted before an engine was ready"), "{}", run.stderr);
    assert!(
        !run.stdout.contains("cpu") && !run.stdout.contains("embedded"),
        "nothing else is tried: {}",
        run.stdout
    );
    let left: Vec<_> =
        fs::read_dir(machine.cache()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["lock"]);
}

#[test]
fn a_cache_that_cannot_be_used_is_a_warning_and_the_engine_serves() {
    let machine = Installation::new(110_400);
    let file = machine.path("file");
    fs::write(&file, b"").unwrap();
    let below = format!("{file}/engines");
    let run = machine.build(&[&TENSORRT[..], &["--engine-cache", &below]].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stderr.contains(&format!("warning: {below}: expected a folder for built engines")),
        "{}",
        run.stderr
    );
}

#[test]
fn a_plan_that_cannot_be_written_is_a_warning_and_the_engine_serves() {
    let machine = built();
    // No file can take the place of a folder.
    let plan = machine.plan();
    fs::remove_file(&plan).unwrap();
    fs::create_dir_all(plan.join("full")).unwrap();
    let run = machine.build(&TENSORRT);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stderr.contains("warning: ")
            && run.stderr.contains("it is built again at the next start"),
        "{}",
        run.stderr
    );
    let left = fs::read_dir(machine.cache())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(left.into_iter().all(|name| !name.contains(".part")), "nothing half written is left");
}

#[test]
fn a_full_disk_is_a_warning_and_the_engine_serves() {
    let machine = Installation::new(110_400);
    machine.script(&[&format!("plan {}", "x".repeat(1 << 20))]);
    let bundle = bundle();
    let arguments = [&["build", "--bundle", &bundle][..], &TENSORRT].concat();
    // Half a mebibyte, in blocks of 512 or of 1024 bytes, as shells differ; the recorder's own file
    // needs less.
    let run = machine.edge_on_small_disk(512, &arguments);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stderr.contains("expected to keep the built engine, found: File too large"),
        "{}",
        run.stderr
    );
    let left: Vec<_> =
        fs::read_dir(machine.cache()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["lock"], "nothing half written is left");
    // With room again, it is kept.
    assert_eq!(machine.edge(&arguments).code, 0);
    assert!(machine.plan().metadata().unwrap().len() > 1 << 20);
}
