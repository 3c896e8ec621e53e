//! The default bundle in every engine of this machine, one tile at a time.
//!
//! `cargo bench -p rszs-bench --bench engine`. Each engine passes the bundle's self-test first; one that is not there is named and
//! left out. What a further query costs is the difference between 64 and 2 queries over 62, beside the time for 2.
#![allow(missing_docs, reason = "criterion's macros make the functions")]

use std::path::Path;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rszs_bundle::{Bundle, VerifyOptions};
use rszs_edge::engine::{Engine, EngineKind, EngineOptions, TileBatch, TileEngine, TileScores, start};

const QUERIES: [usize; 4] = [2, 8, 16, 64];

/// One tile of the golden set for the first `rows` of its queries, repeated as often as needed.
fn run(engine: &mut Engine, bundle: &Bundle, rows: usize, logits: &mut Vec<f32>, presence: &mut Vec<f32>) {
    let golden = bundle.golden();
    let (tile_px, width) = (golden.shape.tile_px, golden.shape.joint_width);
    let known = golden.queries.as_deref().expect("the default bundle is open");
    let embeddings: Vec<f32> = known.iter().copied().cycle().take(rows * width).collect();
    logits.resize(rows * (tile_px / 4).pow(2), 0.0);
    presence.resize(rows, 0.0);
    let tiles = &golden.tiles[..tile_px * tile_px * 3];
    let batch = TileBatch { tiles, count: 1, tile_px, embeddings: Some(&embeddings), rows };
    engine.run(batch, TileScores { logits, presence }).expect("the engine runs");
}

#[expect(clippy::print_stderr, reason = "a bench tells what it leaves out")]
fn engines(criterion: &mut Criterion) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bundles/nano");
    let bundle = Bundle::open(&path, &VerifyOptions::default()).expect("the default bundle opens");
    for kind in EngineKind::ALL {
        let mut group = criterion.benchmark_group(format!("tile/{}", kind.name()));
        group.sample_size(30).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(4));
        let mut engine = match start(&bundle, &EngineOptions { kind: Some(kind), ..EngineOptions::default() }) {
            Ok(started) => started.engine,
            Err(error) => {
                eprintln!("{}: left out: {error}", kind.name());
                continue;
            }
        };
        let (mut logits, mut presence) = (Vec::new(), Vec::new());
        group.throughput(Throughput::Elements(1));
        for rows in QUERIES {
            group.bench_function(BenchmarkId::new("queries", rows), |bencher| {
                bencher.iter(|| run(&mut engine, &bundle, rows, &mut logits, &mut presence));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, engines);
criterion_main!(benches);
