//! Plans that are kept and refused: how one comes to another.

use std::fs;

use rszs_bundle::{Bundle, VerifyOptions};

use crate::installation::{Installation, bundle};

const TENSORRT: [&str; 2] = ["--engine", "tensorrt"];
const AGAIN: [&str; 3] = ["--engine", "tensorrt", "--again"];

#[test]
fn a_plan_off_the_golden_set_stays_until_another_is_asked_for_as_the_refusal_says() {
    let machine = Installation::new(100_300);
    let golden = Bundle::open(bundle().as_ref(), &VerifyOptions::default()).unwrap();
    let (mut logits, presence) = (golden.golden().logits.clone(), &golden.golden().presence);
    logits[7] += 3.0;
    machine.outputs(&logits, presence);
    for _ in 0..2 {
        let run = machine.build(&TENSORRT);
        assert_eq!(run.code, 4, "{}", run.stderr);
        let way_out =
            "; `rszs-edge build --again` with the same bundle and --batch builds another plan";
        assert!(run.stdout.contains(way_out), "{}", run.stdout);
    }
    assert_eq!(machine.builds(), 1, "a new one would be built the same way");

    // As if other kernels were chosen.
    machine.outputs(&golden.golden().logits, presence);
    let run = machine.build(&AGAIN);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains(": another one was asked for\n"), "{}", run.stderr);
    assert_eq!(
        (machine.builds(), machine.calls("VBuilderConfig::createTimingCache(0 bytes)")),
        (2, 2)
    );
    let run = machine.build(&TENSORRT);
    assert_eq!(
        (run.code, run.stderr.as_str(), machine.builds()),
        (0, "", 2),
        "it is kept in the place of the first"
    );
}

#[test]
fn a_plan_that_has_ended_the_program_twice_is_refused_until_another_is_asked_for() {
    let machine = Installation::new(110_400);
    let output = machine.path("out");
    let segment = ["--bundle", &bundle(), "--queries", "flood", "--output", &output];
    for call in ["VRuntime::deserializeCudaEngine", "VExecutionContext::enqueueV3"] {
        machine.script(&[&format!("end {call} segfault")]);
        let run = machine.edge(&segment);
        assert_eq!(run.code, -1, "a signal ends it: {}", run.stderr);
    }
    let run = machine.edge(&segment);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let plan = machine.plan().display().to_string();
    let refusal = format!(
        "engine tensorrt skipped: fp32: {plan}: expected a plan that runs, found one that ended \
         this program 2 times"
    );
    assert!(
        run.stderr.contains(&refusal) && run.stderr.contains("`rszs-edge build --again`"),
        "{}",
        run.stderr
    );
    assert_eq!(machine.builds(), 1);

    machine.script(&[]);
    assert_eq!(machine.build(&TENSORRT).code, 4, "nobody tries it any more");
    let run = machine.build(&AGAIN);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(machine.build(&TENSORRT).code, 0);
    assert_eq!(machine.builds(), 2);
    let left = fs::read_dir(machine.cache()).unwrap().map(|entry| entry.unwrap().path());
    assert!(
        left.into_iter().all(|path| path.extension().is_none_or(|ending| ending != "tried")),
        "no mark is left"
    );
}

#[test]
fn a_plan_that_has_ended_the_program_once_is_tried_again() {
    let machine = Installation::new(10_701);
    let again = ["--engine", "tensorrt-rtx"];
    machine.script(&["end VExecutionContext::enqueueV3 kill"]);
    assert_eq!(machine.build(&again).code, -1);
    machine.script(&[]);
    assert_eq!(machine.build(&again).code, 0, "somebody had turned it off");
    machine.script(&["end VExecutionContext::enqueueV3 kill"]);
    assert_eq!(machine.build(&again).code, -1);
    machine.script(&[]);
    assert_eq!(
        (machine.build(&again).code, machine.builds()),
        (0, 1),
        "two in a row count, and these were none"
    );
}
