//! Builds are done by another process: whatever ends that one is an error of the engine, and the
//! next engine serves.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::installation::{FAMILIES, Installation, Run, bundle};

const TENSORRT: [&str; 2] = ["--engine", "tensorrt"];

/// When the model is parsed, when the plan is built, when its timings are taken.
const CALLS: [&str; 3] =
    ["IParser::parse", "VBuilder::buildSerializedNetwork", "VTimingCache::serialize"];

#[test]
fn what_ends_the_process_that_builds_is_told() {
    let ends = [
        ("abort", "that process ended by signal: 6 (SIGABRT)"),
        ("segfault", "that process ended by signal: 11 (SIGSEGV)"),
        ("exit", "that process ended by exit status: 3"),
        ("kill", "that process ended by signal: 9 (SIGKILL)"),
    ];
    for (number, (end, told)) in ends.into_iter().enumerate() {
        let (version, engine) = FAMILIES[number % FAMILIES.len()];
        let call = CALLS[number % CALLS.len()];
        let machine = Installation::new(version);
        machine.script(&[&format!("end {call} {end}")]);
        let run = machine.build(&["--engine", engine]);
        assert_eq!(run.code, 4, "{call} {end}: {}", run.stderr);
        assert!(
            run.stdout.contains("expected a plan from the process that builds it, found "),
            "{}",
            run.stdout
        );
        let said = format!("the library said last: error: {call} was told to end");
        assert!(
            run.stdout.contains(told) && run.stdout.contains(&said),
            "{call} {end}: {}",
            run.stdout
        );
        let left: Vec<_> = fs::read_dir(machine.cache())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["lock"], "no plan and no timings");
        // What was cured serves at the next start.
        machine.script(&[]);
        assert_eq!(machine.build(&["--engine", engine]).code, 0);
    }
}

#[test]
fn the_next_engine_serves_where_a_build_dies() {
    let machine = Installation::new(110_400);
    machine.script(&["end IParser::parse segfault"]);
    let run = machine.edge(&[
        "--bundle",
        &bundle(),
        "--queries",
        "flood",
        "--output",
        &machine.path("out"),
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let skipped = "engine tensorrt skipped: fp32: TensorRT 11.4.0: expected a plan from the \
        process that builds it";
    assert!(run.stderr.contains(skipped), "{}", run.stderr);
}

#[test]
fn a_parser_that_hangs_is_left_at_an_interrupt() {
    let machine = Installation::new(100_300);
    machine.script(&["end IParser::parse hang"]);
    let child = machine.start_build(&[]);
    let builder = builder_of(&child, &machine);
    assert!(
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success()
    );
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, 130, "{}", run.stderr);
    assert_ended(builder);
}

#[test]
fn the_process_that_builds_ends_with_its_parent() {
    let machine = Installation::new(110_400);
    machine.script(&["end VBuilder::buildSerializedNetwork hang"]);
    let mut child = machine.start_build(&TENSORRT);
    let builder = builder_of(&child, &machine);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_ended(builder);
}

#[test]
fn without_a_cache_a_plan_comes_all_the_same() {
    let machine = Installation::new(100_300);
    let file = machine.path("file");
    fs::write(&file, b"").unwrap();
    let below = format!("{file}/engines");
    let run = machine.build(&[&TENSORRT[..], &["--engine-cache", &below, "--json"]].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("\"plan_bytes\":20"), "{}", run.stdout);
    assert!(
        run.stderr.contains("building: Building\n"),
        "progress comes from the other process: {}",
        run.stderr
    );
}

#[test]
fn the_command_of_a_parent_is_no_use_to_people() {
    let machine = Installation::new(100_300);
    let run = machine.edge(&["build-plan"]);
    assert_eq!(run.code, 1, "no order came: {}", run.stdout);
    assert!(run.stdout.contains("(to build a plan ahead: rszs-edge build)"), "{}", run.stdout);
    let help = machine.edge(&["--help"]);
    assert!(!help.stdout.contains("build-plan"), "{}", help.stdout);
}

/// Number of the process that builds for `parent`, once the library has been called there.
fn builder_of(parent: &Child, machine: &Installation) -> String {
    let start = Instant::now();
    let list = format!("/proc/{0}/task/{0}/children", parent.id());
    loop {
        assert!(start.elapsed() < Duration::from_mins(1), "no process builds");
        let children = fs::read_to_string(&list).unwrap_or_default();
        if let Some(child) = children.split_whitespace().next()
            && machine.calls("IParser::parse") > 0
        {
            return child.to_owned();
        }
        sleep(Duration::from_millis(10));
    }
}

/// A process whose parent is gone is removed by whoever takes it over, which need not be at once.
#[track_caller]
fn assert_ended(process: String) {
    let start = Instant::now();
    let status = Path::new("/proc").join(&process).join("status");
    loop {
        let Ok(text) = fs::read_to_string(&status) else { return };
        if text.contains("State:\tZ") {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{process} goes on: {text}");
        sleep(Duration::from_millis(10));
    }
}
