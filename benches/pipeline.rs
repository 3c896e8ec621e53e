//! From files to files, inside one process: decode, tile, engine, blend, decide, encode, write and
//! sync.
//!
//! `cargo bench -p rszs-bench --bench pipeline`. The engine is the one that `rszs-edge` chooses
//! here. The images are the built-in scene and a JPEG of 4000×2250 made of it, so nothing is
//! needed but the repository.
#![allow(missing_docs, reason = "criterion's macros make the functions")]

use std::path::Path;
use std::time::Duration;

use clap::Parser;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use image::imageops::{FilterType, resize};
use rszs_edge::cli::arguments::Arguments;
use rszs_edge::location::Location;
use rszs_edge::pipeline::Job;
use rszs_edge::plan::Plan;
use rszs_edge::run::RunNews;
use rszs_edge::source::list_inputs;
use rszs_engine::BuildWatch;
use rszs_engine::Interrupt;

fn plan(line: &[&str]) -> Plan {
    let arguments = Arguments::parse_from([&["rszs-edge"], line].concat());
    Plan::resolve(&arguments, BuildWatch::default()).expect("the default bundle runs")
}

/// Segments one image and writes its results.
fn segment(plan: &mut Plan, image: &str) {
    let jobs = list_inputs(&[image.into()]);
    let jobs = jobs.into_iter().map(|one| Job {
        image: one.image,
        input: one.input,
        name: "result".to_owned(),
        location: Location::default(),
    });
    let outcome = plan.run(jobs.collect(), &Interrupt::new(), |news| {
        if let RunNews::Outcome(outcome, _) = news {
            outcome.result.as_ref().expect("the image is segmented");
        }
        Ok(())
    });
    outcome.expect("results are written");
}

fn pipeline(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder for results");
    let output = folder.path().join("out").display().to_string();
    let scene = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/assets/scene.jpg");
    let frame = folder.path().join("frame.jpg");
    let image = image::open(&scene).expect("the scene is an image").to_rgb8();
    resize(&image, 4000, 2250, FilterType::Triangle).save(&frame).expect("the frame is written");
    let (scene, frame) = (scene.display().to_string(), frame.display().to_string());

    let mut group = criterion.benchmark_group("pipeline");
    group.sample_size(10).warm_up_time(Duration::from_secs(1));
    let start = ["--queries", "flood,building", "--output", &output, "--quiet"];
    group.measurement_time(Duration::from_secs(8)).throughput(Throughput::Elements(1));
    group.bench_function("bundle_and_engine_start", |bencher| bencher.iter(|| plan(&start)));
    let mut whole = plan(&start);
    group.bench_function("scene", |bencher| bencher.iter(|| segment(&mut whole, &scene)));
    group.measurement_time(Duration::from_mins(1));
    group.bench_function("frame_4000x2250", |bencher| bencher.iter(|| segment(&mut whole, &frame)));
    let mut reduced = plan(&[&start[..], &["--gsd", "0.017"]].concat());
    group.bench_function("frame_4000x2250_at_1.7_cm", |bencher| {
        bencher.iter(|| segment(&mut reduced, &frame));
    });
    group.finish();
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
