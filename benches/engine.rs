//! The default bundle in every engine of this machine and every precision of that engine, one tile
//! at a time.
//!
//! `cargo bench -p rszs-bench --bench engine`. Each engine passes the bundle's self-test first; one
//! that is not there is named and left out. What a further query costs is the difference between 64
//! and 2 queries over 62, beside the time for 2.
#![allow(missing_docs, reason = "criterion's macros make the functions")]

use std::path::Path;
use std::time::Duration;

use criterion::{Bencher, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rszs_bundle::{Bundle, Golden, VerifyOptions};
use rszs_engine::{Engine, EngineOptions, Started, TileBatch, TileEngine, TileScores, attempts};
use rszs_hot::LOGIT_STRIDE_PX;

const QUERIES: [usize; 4] = [2, 8, 16, 64];

/// Times one tile of the golden set for `rows` queries: those of the set, repeated as often as
/// needed.
fn time(bencher: &mut Bencher<'_>, engine: &mut Engine, golden: &Golden, rows: usize) {
    let (tile_px, width) = (golden.shape.tile_px, golden.shape.joint_width);
    let known = golden.queries.as_deref().expect("the default bundle is open");
    let embeddings: Vec<f32> = known.iter().copied().cycle().take(rows * width).collect();
    let mut logits = vec![0.0; rows * (tile_px / LOGIT_STRIDE_PX as usize).pow(2)];
    let mut presence = vec![0.0; rows];
    let tiles = &golden.tiles[..tile_px * tile_px * 3];
    let batch = TileBatch { tiles, count: 1, tile_px, embeddings: Some(&embeddings), rows };
    bencher.iter(|| {
        let scores = TileScores { logits: &mut logits, presence: &mut presence };
        engine.run(batch, scores).expect("the engine runs");
    });
}

#[expect(clippy::print_stderr, reason = "a bench tells what it leaves out")]
fn engines(criterion: &mut Criterion) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bundles/nano");
    let bundle = Bundle::open(&path, &VerifyOptions::default()).expect("the default bundle opens");
    for attempt in attempts(&bundle, &EngineOptions::default()) {
        let Started { mut engine, kind, precision, .. } = match attempt {
            Ok(started) => started,
            Err(skipped) => {
                eprintln!("{}: left out: {}", skipped.kind.name(), skipped.reason);
                continue;
            }
        };
        let mut group = criterion.benchmark_group(format!("tile/{}/{precision}", kind.name()));
        group
            .sample_size(30)
            .warm_up_time(Duration::from_secs(1))
            .measurement_time(Duration::from_secs(4));
        group.throughput(Throughput::Elements(1));
        for rows in QUERIES {
            group.bench_function(BenchmarkId::new("queries", rows), |bencher| {
                time(bencher, &mut engine, bundle.golden(), rows);
            });
        }
        group.finish();
    }
}

criterion_group!(benches, engines);
criterion_main!(benches);
