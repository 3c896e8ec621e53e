//! Kernels between the engine and the sink, on one 4000x2250 frame, each beside a copy of the bytes
//! it cannot avoid moving.
//!
//! `cargo bench -p rszs-bench --bench hot`. One thread, warm caches, whole frames. Bytes are those
//! read plus those written, so a copy of n bytes counts 2 n; a kernel at the speed of its `copy` is
//! as fast as memory allows.
#![allow(missing_docs, reason = "criterion's macros make the functions")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use rszs_hot::{
    BlendWeights, Blender, DecideBuffers, Decider, Decision, LogitRows, QueryRule,
    RegionStatistics, RunEncoder, Tile, TileGrid, TileLayout, fill_tile, transpose_mask,
    words_per_row,
};

const WIDTH_PX: u32 = 4000;
const HEIGHT_PX: u32 = 2250;
const LAYOUT: TileLayout = TileLayout { tile_px: 512, overlap_px: 128, stride_px: 4 };

fn frame() -> TileGrid {
    TileGrid::new(WIDTH_PX, HEIGHT_PX, LAYOUT).expect("the frame and the layout are constants")
}

/// Smooth logits: each of the first `present` rows is above 0 in a quarter of the frame, in regions
/// some hundred pixels wide; the others are below 0 everywhere, as most queries are on most frames.
fn logits(grid: &TileGrid, queries: usize, present: usize) -> Vec<f32> {
    let (high, wide) = (grid.logits_high(), grid.logits_wide());
    let value = |query: usize, x: usize, y: usize| {
        let phase = query as f32;
        let offset = if query < present { -3.0 } else { -12.0 };
        ((x as f32 / 23.0 + phase).sin() + (y as f32 / 31.0 - phase).cos()) * 4.0 + offset
    };
    let place = |index: usize| (index / (high * wide), index % wide, index / wide % high);
    (0..grid.logits_len(queries)).map(place).map(|(query, x, y)| value(query, x, y)).collect()
}

fn rules(rows: usize) -> Vec<QueryRule> {
    vec![QueryRule::new(0.5, 1.0).expect("one half is a threshold"); rows]
}

/// Buffers at equal offsets in their pages copy at a tenth of the speed on some machines; half a
/// page apart they do not.
const APART_BYTES: usize = 2048;

/// Measures `kernel` and, in the same run, a copy that moves as many bytes.
fn beside_a_copy(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    moved_bytes: usize,
    mut kernel: impl FnMut(),
) {
    group.throughput(Throughput::Bytes(moved_bytes as u64));
    group.bench_function(name, |bencher| bencher.iter(&mut kernel));
    let source = vec![1_u8; moved_bytes / 2];
    let mut target = vec![0_u8; APART_BYTES + moved_bytes / 2];
    group.bench_function(format!("{name}/copy"), |bencher| {
        bencher.iter(|| black_box(&mut target[APART_BYTES..]).copy_from_slice(black_box(&source)));
    });
}

fn fill(group: &mut BenchmarkGroup<'_, WallTime>) {
    let image = vec![7; (WIDTH_PX * HEIGHT_PX * 3) as usize];
    let mut tile = vec![0; (LAYOUT.tile_px * LAYOUT.tile_px * 3) as usize];
    let moved_bytes = 2 * tile.len();
    beside_a_copy(group, "fill_tile_512", moved_bytes, || {
        let origin = Tile { x_px: 1024, y_px: 768 };
        fill_tile(black_box(&image), WIDTH_PX, HEIGHT_PX, origin, LAYOUT.tile_px, 1, &mut tile)
            .expect("sizes fit");
        black_box(&mut tile);
    });
}

fn blend(group: &mut BenchmarkGroup<'_, WallTime>) {
    let grid = frame();
    let queries = 2;
    let mut storage = vec![0.0; grid.weights_len()];
    let weights = BlendWeights::compute(&grid, &mut storage).expect("sizes fit");
    let mut accumulator = vec![0.0; grid.logits_len(queries)];
    let tile_logits = vec![1.5; queries * grid.logits_per_side().pow(2)];
    let moved_bytes = 3 * size_of::<f32>() * tile_logits.len();
    let mut blender = Blender::new(weights, queries, &mut accumulator).expect("sizes fit");
    beside_a_copy(group, "blend_tile_2_queries", moved_bytes, || {
        blender.add(12, black_box(&tile_logits)).expect("sizes fit");
        black_box(&mut blender);
    });
}

fn decide(group: &mut BenchmarkGroup<'_, WallTime>) {
    let grid = frame();
    let cases = [
        ("decide_frame_multilabel_2_queries", Decision::Multilabel, 2, 2),
        ("decide_frame_multilabel_64_queries_2_present", Decision::Multilabel, 64, 64),
        ("decide_frame_exclusive_2_queries_14_support", Decision::Exclusive, 2, 16),
    ];
    for (name, decision, queries, rows) in cases {
        let (logits, rules) = (logits(&grid, rows, 2), rules(rows));
        let blended = LogitRows::new(&logits, rows, grid.logits_high(), grid.logits_wide(), 0)
            .expect("sizes fit");
        let mut classes = vec![0; WIDTH_PX as usize];
        let mut masks = vec![0; queries * words_per_row(WIDTH_PX)];
        let mut regions = vec![RegionStatistics::default(); queries];
        let row_bytes = classes.len() + size_of_val(masks.as_slice());
        let moved_bytes = size_of_val(logits.as_slice()) + row_bytes * HEIGHT_PX as usize;
        beside_a_copy(group, name, moved_bytes, || {
            let buffers =
                DecideBuffers { classes: &mut classes, masks: &mut masks, regions: &mut regions };
            let mut decider =
                Decider::new(&grid, decision, queries, &rules, buffers).expect("sizes fit");
            for y_px in 0..HEIGHT_PX {
                black_box(decider.decide(y_px, black_box(&blended)).expect("rows are here"));
            }
        });
    }
}

fn score(group: &mut BenchmarkGroup<'_, WallTime>) {
    let grid = frame();
    let (logits, rules) = (logits(&grid, 1, 1), rules(1));
    let blended =
        LogitRows::new(&logits, 1, grid.logits_high(), grid.logits_wide(), 0).expect("sizes fit");
    let mut out = vec![0; WIDTH_PX as usize];
    let (mut classes, mut masks) = (out.clone(), vec![0; words_per_row(WIDTH_PX)]);
    let mut regions = [RegionStatistics::default()];
    let buffers = DecideBuffers { classes: &mut classes, masks: &mut masks, regions: &mut regions };
    let decider = Decider::new(&grid, Decision::Multilabel, 1, &rules, buffers).expect("sizes fit");
    let moved_bytes = size_of_val(logits.as_slice()) + (WIDTH_PX * HEIGHT_PX) as usize;
    beside_a_copy(group, "score_frame_1_query", moved_bytes, || {
        for y_px in 0..HEIGHT_PX {
            decider.score_row(0, y_px, black_box(&blended), &mut out).expect("rows are here");
            black_box(&mut out);
        }
    });
}

/// A mask whose runs are some hundred pixels long.
fn mask() -> Vec<u64> {
    let words = words_per_row(WIDTH_PX);
    (0..words * HEIGHT_PX as usize)
        .map(|word| if word / 3 % 2 == 0 { 0 } else { u64::MAX << (word % 64) })
        .collect()
}

fn encode(group: &mut BenchmarkGroup<'_, WallTime>) {
    let mask = mask();
    let mut runs = Box::new(heapless::Vec::<u32, { 1 << 18 }>::new());
    // 4000 px leave half of the last word of a row empty, as the encoder expects.
    let width_px = words_per_row(WIDTH_PX) as u32 * u64::BITS;
    beside_a_copy(group, "run_lengths_frame", size_of_val(mask.as_slice()), || {
        runs.clear();
        let mut encoder = RunEncoder::new();
        for row in mask.chunks_exact(words_per_row(width_px)) {
            encoder.push_row(black_box(row), width_px, runs.as_mut_view()).expect("the runs fit");
        }
        encoder.finish(runs.as_mut_view()).expect("the runs fit");
        black_box(&mut runs);
    });
}

fn transpose(group: &mut BenchmarkGroup<'_, WallTime>) {
    let mask = mask();
    let mut transposed = vec![0; WIDTH_PX as usize * words_per_row(HEIGHT_PX)];
    beside_a_copy(group, "transpose_mask_frame", 2 * size_of_val(mask.as_slice()), || {
        transpose_mask(black_box(&mask), WIDTH_PX, HEIGHT_PX, &mut transposed);
        black_box(&mut transposed);
    });
}

fn hot(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hot");
    group
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    fill(&mut group);
    blend(&mut group);
    decide(&mut group);
    score(&mut group);
    encode(&mut group);
    transpose(&mut group);
    group.finish();
}

criterion_group!(benches, hot);
criterion_main!(benches);
