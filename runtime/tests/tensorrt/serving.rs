//! From the bundle to masks.

use std::fs;

use rszs_bundle::{Bundle, BundleWriter, Precision, VerifyOptions};
use rszs_edge::cli::events::Event;
use serde_json::Value;

use crate::installation::{FAMILIES, Installation, Run, bundle};

#[test]
fn a_plan_is_built_tested_kept_and_taken_from_the_cache_afterwards() {
    for (version, engine) in FAMILIES {
        let machine = Installation::new(version);
        let run = machine.build(&["--engine", engine, "--json"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let line: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!((&line["engine"], &line["passed"]), (&engine.into(), &true.into()));
        assert_eq!((&line["logits_difference"], &line["plan_bytes"]), (&0.0.into(), &20.into()));
        assert!(
            run.stderr.contains("building: Building\n")
                && run.stderr.contains("there is none for it yet")
        );

        let run = machine.build(&["--engine", engine, "--json"]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "nothing is built");
        let line: Value = serde_json::from_str(&run.stdout).unwrap();
        assert!(line["passed"] == true && line["plan_bytes"].is_null(), "{line}");
        assert_eq!(machine.builds(), 1);
        assert_eq!(machine.calls("VRuntime::deserializeCudaEngine(20 bytes)"), 2);
        // One for each golden image, each time.
        assert_eq!(machine.calls("VExecutionContext::enqueueV3"), 4);
        let faults: Vec<_> = machine
            .transcript()
            .into_iter()
            .filter(|line| {
                line.contains("AFTER DELETION")
                    || line.contains("AGAIN")
                    || line.contains("UNKNOWN")
            })
            .collect();
        assert_eq!(faults, [""; 0]);
    }
}

#[test]
fn the_profile_holds_every_call_that_was_announced() {
    let machine = Installation::new(100_300);
    machine.build(&["--engine", "tensorrt", "--batch", "4", "--query-count", "70"]);
    let transcript = machine.transcript();
    let profile: Vec<&str> = transcript
        .iter()
        .filter_map(|line| {
            line.strip_prefix("VOptimizationProfile::setDimensions(")?.strip_suffix(')')
        })
        .collect();
    assert_eq!(
        profile,
        [
            "tiles, 0, [1, 256, 256, 3]",
            "tiles, 1, [4, 256, 256, 3]",
            "tiles, 2, [4, 256, 256, 3]",
            "queries, 0, [2, 512]",
            "queries, 1, [8, 512]",
            "queries, 2, [128, 512]",
        ]
    );
    // Another batch is another plan; the same again is none.
    machine.build(&["--engine", "tensorrt", "--batch", "2"]);
    machine.build(&["--engine", "tensorrt", "--batch", "2"]);
    assert_eq!(machine.builds(), 2);
}

#[test]
fn masks_come_from_tensorrt_and_one_query_is_two_rows() {
    let machine = Installation::new(110_400);
    let output = machine.path("out");
    let run =
        machine.edge(&["--bundle", &bundle(), "--queries", "flood", "--json", "--output", &output]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let begin = match serde_json::from_str(run.stdout.lines().next().unwrap()).unwrap() {
        Event::Begin(begin) => begin,
        other => panic!("{other:?}"),
    };
    assert_eq!((begin.engine.name.as_str(), begin.engine.precision.as_str()), ("tensorrt", "fp32"));
    assert!(
        begin.engine.library.starts_with("11.4.0 (libnvinfer.so.11"),
        "{}",
        begin.engine.library
    );
    let transcript = machine.transcript();
    let last = transcript
        .iter()
        .rfind(|line| line.starts_with("VExecutionContext::setInputShape(queries"))
        .unwrap();
    assert_eq!(last, "VExecutionContext::setInputShape(queries, [2, 512])");
}

/// Segments one image of 15 tiles, two a call.
fn segment_15_tiles(machine: &Installation, engine: &str) -> Run {
    let (image, output) = (machine.path("image.png"), machine.path("out"));
    image::RgbImage::from_fn(900, 500, |x, y| image::Rgb([x as u8, y as u8, 90]))
        .save(&image)
        .unwrap();
    let arguments =
        ["--bundle", &bundle(), "--queries", "flood,building", "--engine", engine, "--json"];
    let run =
        machine.edge(&[&arguments[..], &["--batch", "2", "--output", &output, &image]].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    let Some(Event::End(end)) = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .rfind(|event| matches!(event, Event::End(_)))
    else {
        panic!("{}", run.stdout)
    };
    assert_eq!(end.done.unwrap().tiles, 15);
    run
}

#[test]
fn tiles_stay_on_the_device_and_batches_are_captured_once() {
    let machine = Installation::new(100_300);
    segment_15_tiles(&machine, "tensorrt");
    // 7 batches of two and one of one, of which the library saw: the self-test, a trial, then one
    // of two, one of two captured, one of one.
    assert_eq!(machine.calls("VExecutionContext::enqueueV3"), 5);
    // For the self-test, for two tiles, for one: in the same memory.
    assert_eq!(machine.calls("VCudaEngine::createExecutionContext(2)"), 3);
    let transcript = machine.transcript();
    let memory: Vec<_> = transcript
        .iter()
        .filter(|line| line.starts_with("VExecutionContext::setDeviceMemoryV2("))
        .collect();
    assert!(memory.len() == 3 && memory.iter().all(|set| *set == memory[0]), "{memory:?}");
    assert!(memory[0].ends_with(", 0x300000)"), "{memory:?}");
    let faults = machine
        .transcript()
        .into_iter()
        .filter(|line| line.contains("AFTER DELETION") || line.contains("AGAIN"));
    assert_eq!(faults.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn tensorrt_rtx_is_asked_for_each_batch() {
    let machine = Installation::new(10_701);
    let run = segment_15_tiles(&machine, "tensorrt-rtx");
    assert!(!run.stderr.contains("CUDA graphs"), "{}", run.stderr);
    // The self-test, and eight batches.
    assert_eq!(machine.calls("VExecutionContext::enqueueV3"), 9);
}

#[test]
fn half_precision_is_preferred_where_the_bundle_holds_it() {
    let machine = Installation::new(100_300);
    let shipped = Bundle::open(bundle().as_ref(), &VerifyOptions::default()).unwrap();
    // What is in the file does not matter to a library that computes nothing.
    let model = shipped.model_bytes(Precision::Fp32).unwrap().to_vec();
    let half = machine.path("half");
    BundleWriter::from_bundle(shipped)
        .unwrap()
        .model(Precision::Fp16, model)
        .write(half.as_ref())
        .unwrap();
    let run = machine.edge(&["build", "--bundle", &half, "--engine", "tensorrt", "--json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let line: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(line["precision"], "fp16");
    // TF32, which only the file of 32 bits does without.
    assert_eq!(
        (
            machine.calls("VBuilderConfig::setFlag(6)"),
            machine.calls("VBuilderConfig::clearFlag(6)")
        ),
        (1, 0)
    );
    let run = machine.edge(&[
        "build",
        "--bundle",
        &half,
        "--engine",
        "tensorrt",
        "--json",
        "--precision",
        "fp32",
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!((machine.builds(), machine.calls("VBuilderConfig::clearFlag(6)")), (2, 1));
}

#[test]
fn two_engines_are_compared_on_the_device() {
    let machine = Installation::new(100_300);
    let run = machine.edge(&["compare", "@tensorrt", "@tensorrt", "--queries", "flood", "--json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let line: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        (line["iou"].as_f64(), line["logits_difference_max"].as_f64()),
        (Some(1.0), Some(0.0))
    );
    // Two self-tests of two images, two trials, and twice the built-in scene, batch by batch until
    // it is captured.
    assert_eq!(machine.calls("VExecutionContext::enqueueV3"), 10);
}

#[test]
fn a_plan_that_cannot_be_captured_runs_batch_by_batch() {
    let machine = Installation::new(110_400);
    machine.script(&["failing-runs 3 3"]);
    let output = machine.path("out");
    let run = machine.edge(&[
        "--bundle",
        &bundle(),
        "--queries",
        "flood",
        "--engine",
        "tensorrt",
        "--output",
        &output,
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stderr.contains("warning: batches run one by one, without CUDA graphs: "),
        "{}",
        run.stderr
    );
    assert!(machine.calls("VExecutionContext::enqueueV3") > 4, "one a batch");
}

#[test]
fn a_word_that_the_vocabulary_lacks_goes_through_the_text_tower_on_the_processor() {
    let machine = Installation::new(110_400);
    let output = machine.path("out");
    let run = machine.edge(&[
        "--bundle",
        &bundle(),
        "--queries",
        "solar panels",
        "--engine",
        "tensorrt",
        "--output",
        &output,
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(machine.builds(), 1, "the tower needs no plan");
}

#[test]
fn wrong_outputs_are_refused_with_the_numbers_and_the_next_engine_serves() {
    let machine = Installation::new(100_300);
    let golden = Bundle::open(bundle().as_ref(), &VerifyOptions::default()).unwrap();
    let mut logits = golden.golden().logits.clone();
    logits[7] += 3.0;
    machine.outputs(&logits, &golden.golden().presence);
    let output = machine.path("out");
    let segment = ["--bundle", &bundle(), "--queries", "flood", "--output", &output];
    let run = machine.edge(&segment);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let refusal = "engine tensorrt skipped: fp32: self-test: logits: expected within ";
    assert!(run.stderr.contains(refusal) && run.stderr.contains("off at 7 (of "), "{}", run.stderr);
    assert!(fs::read_dir(&output).unwrap().count() > 0);

    let run = machine.edge(&[&segment[..], &["--engine", "tensorrt"]].concat());
    assert_eq!(run.code, 4, "{}", run.stderr);
    assert!(
        run.stderr.contains("no engine can run this bundle; tensorrt: fp32: self-test: logits"),
        "{}",
        run.stderr
    );
    let run = machine.build(&["--engine", "tensorrt"]);
    assert_eq!(run.code, 4);
    assert!(
        run.stdout.starts_with("tensorrt     no      fp32: self-test: logits"),
        "{}",
        run.stdout
    );
}

#[test]
fn an_output_that_is_no_number_is_refused() {
    let machine = Installation::new(110_400);
    let golden = Bundle::open(bundle().as_ref(), &VerifyOptions::default()).unwrap();
    let mut presence = golden.golden().presence.clone();
    presence[0] = f32::NAN;
    machine.outputs(&golden.golden().logits, &presence);
    let run = machine.build(&["--engine", "tensorrt"]);
    assert_eq!(run.code, 4);
    assert!(
        run.stdout.contains("presence: expected within") && run.stdout.contains("NaN off at 0"),
        "{}",
        run.stdout
    );
}
