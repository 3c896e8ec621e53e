//! `rszs-edge` beside a plain Python program that does the same job on the same ONNX file, as whole
//! processes.
//!
//! `cargo build --release && cargo bench -p rszs-bench --bench process`, after `cargo xtask setup`,
//! which fetches the Python that the baseline runs in and the ONNX Runtime that both use. Real
//! images where `../shared/data/flood_area` is, else the built-in scene.
#![allow(missing_docs, reason = "criterion's macros make the functions")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Both programs are told: the default of either is one a core.
const THREADS: &str = "2";
const QUERIES: &str = "flood,building";
const IMAGES: usize = 6;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The program that `cargo build --release` left beside this one.
fn edge() -> PathBuf {
    let bench = std::env::current_exe().expect("a program knows where it is");
    let edge =
        bench.ancestors().nth(2).expect("benches are in target/release/deps").join("rszs-edge");
    assert!(
        edge.is_file(),
        "{}: expected the program, found none; run cargo build --release first",
        edge.display()
    );
    edge
}

/// The first validation images of the flood set, or the scene.
fn images() -> Vec<PathBuf> {
    let folder = root().join("../shared/data/flood_area/images");
    let mut found: Vec<PathBuf> = folder
        .read_dir()
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    found.sort();
    let chosen: Vec<PathBuf> = found.into_iter().step_by(8).take(IMAGES).collect();
    if chosen.is_empty() { vec![root().join("runtime/assets/scene.jpg")] } else { chosen }
}

fn finish(command: &mut Command) {
    let status =
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("the program starts");
    assert!(status.success(), "{command:?}: {status}");
}

fn processes(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder for results");
    let (edge, bundle) = (edge(), root().join("bundles/nano"));
    let python = root().join("third_party/python/bin/python");
    let mut group = criterion.benchmark_group("process");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_secs(2))
        .measurement_time(Duration::from_secs(30));

    let images = images();
    group.throughput(Throughput::Elements(images.len() as u64));
    let common = ["--queries", QUERIES, "--threads", THREADS];
    // The baseline runs the float file; which one rszs-edge takes by itself is the bundle's and the
    // processor's matter.
    for (name, more) in [("rszs-edge", &["--precision", "fp32"][..]), ("rszs-edge-by-itself", &[])]
    {
        group.bench_function(BenchmarkId::new(name, images.len()), |bencher| {
            bencher.iter(|| {
                let mut command = Command::new(&edge);
                command.args(common).args(more).arg("--bundle").arg(&bundle);
                finish(command.arg("--output").arg(folder.path().join("edge")).args(&images));
            });
        });
    }
    group.bench_function(BenchmarkId::new("python", images.len()), |bencher| {
        bencher.iter(|| {
            let mut command = Command::new(&python);
            command.arg(root().join("benches/python/baseline.py")).args(common);
            command.arg("--bundle").arg(&bundle).arg("--output").arg(folder.path().join("python"));
            finish(command.args(&images));
        });
    });

    let tile = folder.path().join("tile.png");
    image::RgbImage::from_pixel(256, 256, image::Rgb([90, 110, 80]))
        .save(&tile)
        .expect("the tile is written");
    group.throughput(Throughput::Elements(1)).measurement_time(Duration::from_secs(10));
    group.bench_function("from_start_to_the_end_of_one_tile", |bencher| {
        bencher.iter(|| {
            let mut command = Command::new(&edge);
            command
                .args(common)
                .arg("--bundle")
                .arg(&bundle)
                .arg("--output")
                .arg(folder.path().join("edge"));
            finish(command.arg(&tile));
        });
    });
    group.finish();
}

criterion_group!(benches, processes);
criterion_main!(benches);
