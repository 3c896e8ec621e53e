//! A device that is lost, or full, in the middle of a run.
//!
//! The self-test is the first two runs of an engine, one for each golden image, the trial of a
//! capture the third; each image below is one tile.

use std::fs;

use rszs_edge::cli::events::Event;

use crate::installation::{Installation, Run, bundle};

/// Segments images `a`, `b`, … of these sizes.
fn segment(machine: &Installation, sizes: &[u32], more: &[&str]) -> Run {
    let images: Vec<String> =
        ["a", "b", "c", "d", "e"].map(|name| machine.path(&format!("{name}.png"))).to_vec();
    for (image, &side) in images.iter().zip(sizes) {
        image::RgbImage::from_fn(side, side, |x, y| image::Rgb([x as u8, y as u8, 90]))
            .save(image)
            .unwrap();
    }
    let (bundle, output) = (bundle(), machine.path("out"));
    let mut arguments =
        vec!["--bundle", &bundle, "--queries", "flood", "--output", &output, "--json"];
    arguments.extend(more);
    arguments.extend(images.iter().map(String::as_str).take(sizes.len()));
    machine.edge(&arguments)
}

fn events(run: &Run) -> Vec<Event> {
    run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What became of each image: its error, or nothing.
fn ends(run: &Run) -> Vec<Option<String>> {
    events(run)
        .into_iter()
        .filter_map(|event| match event {
            Event::End(end) => Some(end.error),
            _ => None,
        })
        .collect()
}

/// The device is lost with the run of the fourth image: the first two have been collected then,
/// the third may have been or not. The trial of a capture fails: what is captured is not asked for
/// again.
fn lose_at_the_fourth(machine: &Installation, code: i32) {
    machine.script(&["failing-runs 3 3", &format!("driver-at-run 7 * {code}")]);
}

#[test]
fn another_engine_takes_over_at_the_image_where_the_device_was_lost() {
    // A kernel that took too long, and a code that no header has.
    let codes = [
        (46, "CUDA_ERROR_DEVICE_UNAVAILABLE"),
        (702, "CUDA_ERROR_LAUNCH_TIMEOUT"),
        (12345, "CUDA error 12345"),
    ];
    for (code, name) in codes {
        let machine = Installation::new(110_400);
        lose_at_the_fourth(&machine, code);
        let run = segment(&machine, &[256; 4], &[]);
        assert_eq!(run.code, 0, "every image is segmented: {}", run.stderr);
        assert_eq!(ends(&run), [None, None, None, None]);
        let events = events(&run);
        let change = events.iter().position(|event| matches!(event, Event::Engine(_))).unwrap();
        let Event::Engine(engine) = &events[change] else { panic!() };
        assert!(["cpu", "embedded"].contains(&engine.name.as_str()), "{engine:?}");
        let lost = &engine.skipped[0];
        let is_of_an_image =
            ["/c.png: ", "/d.png: "].iter().any(|image| lost.reason.contains(image));
        assert!(
            lost.name == "tensorrt" && is_of_an_image && lost.reason.contains(name),
            "{lost:?}"
        );
        let warning = format!(
            "warning: engine tensorrt has lost its device: {}; {} goes on",
            lost.reason, engine.name
        );
        assert!(run.stderr.contains(&warning), "{}", run.stderr);
        let before = events[..change].iter().filter(|event| matches!(event, Event::End(_))).count();
        assert!(before >= 2, "a.png and b.png were TensorRT's");
        assert_eq!(fs::read_dir(machine.path("out")).unwrap().count(), 8, "masks and overlays");
    }
}

#[test]
fn a_device_that_is_lost_while_batches_are_captured_costs_no_image() {
    let machine = Installation::new(10_701);
    machine.script(&["driver-at-run 5 * 719"]);
    let run = segment(&machine, &[256, 256, 500, 256], &[]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(ends(&run), [None, None, None, None]);
    assert!(
        run.stderr.contains("warning: engine tensorrt-rtx has lost its device: "),
        "{}",
        run.stderr
    );
}

#[test]
fn an_engine_that_was_asked_for_has_no_other_and_every_image_is_named() {
    let machine = Installation::new(100_300);
    lose_at_the_fourth(&machine, 719);
    let run = segment(&machine, &[256; 5], &["--engine", "tensorrt"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    let ends = ends(&run);
    let failed: Vec<&String> = ends.iter().flatten().collect();
    assert!(ends[..2] == [None, None] && failed.len() >= 2, "{ends:?}");
    assert!(
        failed[0].contains("CUDA_ERROR_LAUNCH_FAILED (unspecified launch failure)"),
        "{failed:?}"
    );
    for (image, error) in
        ["/c.png: ", "/d.png: ", "/e.png: "].iter().rev().zip(failed[1..].iter().rev())
    {
        assert!(error.contains(image), "{error}");
        assert!(
            error.contains("expected an engine, found its device lost at an earlier image ("),
            "{error}"
        );
        assert!(error.contains(failed[0].as_str()), "{error}");
    }
    // A mask and an overlay each; what was written stays, and nothing half written.
    assert_eq!(fs::read_dir(machine.path("out")).unwrap().count(), 2 * (5 - failed.len()));
}

#[test]
fn an_image_without_room_on_the_device_fails_alone() {
    let machine = Installation::new(110_400);
    // The first two have made room for two under way at a time.
    machine.script(&["driver-at-run 5 cuMemAlloc_v2 2"]);
    let run = segment(&machine, &[256, 256, 700, 256], &[]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    let [None, None, Some(third), None] = &ends(&run)[..] else { panic!("{}", run.stdout) };
    let expected =
        "c.png: cuMemAlloc: expected success, found CUDA_ERROR_OUT_OF_MEMORY (out of memory)";
    assert!(third.ends_with(expected), "{third}");
    assert!(!run.stderr.contains("has lost its device"), "{}", run.stderr);
}

#[test]
fn runs_that_fail_on_a_device_that_lives_fail_their_images_alone() {
    let machine = Installation::new(100_300);
    machine.script(&["failing-runs 5 5"]);
    let run = segment(&machine, &[256; 3], &[]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    let [None, Some(second), None] = &ends(&run)[..] else { panic!("{}", run.stdout) };
    assert!(
        second.contains("IExecutionContext::enqueueV3: expected true, found false"),
        "{second}"
    );
}
