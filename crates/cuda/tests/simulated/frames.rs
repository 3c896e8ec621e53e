//! Whole frames, bit for bit against the oracle.

use rszs_cuda::Device;
use rszs_cuda::frame::{Absence, FrameKeep, FramePath, FrameRule, FrameSettings, LogitType};
use rszs_hot::{BlendError, Decision, QueryRule, TileLayout};

use crate::network::{Network, Score, level, on_host, waves};
use crate::oracle::{Expected, expected, found};

/// Tiles of 32 pixels that share 8.
pub(crate) const LAYOUT: TileLayout = TileLayout { tile_px: 32, overlap_px: 8, stride_px: 4 };

pub(crate) const EVERYTHING: FrameKeep = FrameKeep { masks: true, logits: true };

/// K = 4, D = 3.
pub(crate) const EMBEDDINGS: [f32; 12] =
    [0.9, -0.3, 0.1, -0.2, 0.8, -0.4, 0.1, -0.5, 0.9, 0.3, 0.3, 0.3];

/// The rows of the engine out of order; one query that is absent now and then.
pub(crate) fn rules(count: usize) -> Vec<FrameRule> {
    let rule = |threshold, temperature, engine_row| FrameRule {
        rule: QueryRule::new(threshold, temperature).unwrap(),
        engine_row,
        absence: None,
    };
    let absence = Some(Absence { least_presence: 0.05, highest_logit: -16.0 });
    let all = [
        rule(0.5, 1.0, 2),
        FrameRule { absence, ..rule(0.3, 0.7, 0) },
        rule(0.9, 2.5, 1),
        rule(0.5, 1.3, 3),
    ];
    all[..count].to_vec()
}

pub(crate) fn settings(
    rules: &[FrameRule],
    decision: Decision,
    reduction: u32,
    batch: usize,
) -> FrameSettings<'_> {
    let queries = match decision {
        Decision::Multilabel => rules.len(),
        Decision::Exclusive => rules.len() - 1,
    };
    let (layout, embeddings) = (LAYOUT.reduced(reduction), Some(&EMBEDDINGS[..]));
    FrameSettings { layout, batch, decision, queries, rules, engine_rows: 4, embeddings }
}

/// Noise over slow waves, another for each `seed`.
pub(crate) fn frame((width_px, height_px): (u32, u32), seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 26
    };
    let mut rgb = Vec::new();
    for y in 0..height_px {
        for x in 0..width_px {
            let wave = |step: u32| (x * step + y * (step + 2) + seed * 17) % 192;
            rgb.extend([1, 2, 3].map(|step| (wave(step) + noise()) as u8));
        }
    }
    rgb
}

pub(crate) fn network(logits: LogitType) -> Network {
    Network { simulator: rszs_cuda_simulator::load(), score: waves, logits, is_capturable: true }
}

/// What the host finds with the network `score`.
pub(crate) fn host(
    rgb: &[u8],
    size: (u32, u32),
    settings: &FrameSettings<'_>,
    (kind, score): (LogitType, Score),
) -> Result<Expected, BlendError> {
    expected(rgb, size, settings, on_host(score, settings.embeddings.unwrap(), kind))
}

/// Frames of `sizes` through one path, two at a time.
fn compare(ordinal: u32, sizes: &[(u32, u32)], settings: &FrameSettings<'_>, kind: LogitType) {
    let engine = network(kind);
    let device = Device::open(ordinal).unwrap();
    let mut path = FramePath::new(&device, engine, settings).unwrap();
    let frames: Vec<_> = (0..).zip(sizes).map(|(seed, size)| (frame(*size, seed), *size)).collect();
    let check = |path: &mut FramePath<Network>, (rgb, size): &(Vec<u8>, (u32, u32))| {
        let results = path.collect().unwrap();
        assert_eq!(results.bad_logit, None);
        let expected = host(rgb, *size, settings, (kind, waves)).unwrap();
        assert!(
            found(&results) == expected,
            "{size:?}, {settings:?}, {kind:?}: other bits than rszs_hot"
        );
    };
    for (index, (rgb, size)) in frames.iter().enumerate() {
        path.submit(rgb, size.0, size.1, EVERYTHING).unwrap();
        if index > 0 {
            check(&mut path, &frames[index - 1]);
        }
    }
    check(&mut path, &frames[frames.len() - 1]);
}

#[test]
fn both_decisions_give_the_bits_of_the_host_at_every_reduction() {
    for decision in [Decision::Multilabel, Decision::Exclusive] {
        for (reduction, size) in [(1, (133, 71)), (2, (261, 150)), (4, (300, 203)), (8, (515, 420))]
        {
            compare(0, &[size], &settings(&rules(4), decision, reduction, 3), LogitType::F32);
        }
    }
}

#[test]
fn edges_of_every_kind_give_the_bits_of_the_host() {
    let sizes = [
        (1, 1),
        (1, 90),
        (90, 1),
        (31, 33),
        (32, 32),
        (63, 40),
        (64, 40),
        (65, 40),
        (56, 57),
        (129, 5),
    ];
    for reduction in [1, 2, 4, 8] {
        compare(
            0,
            &sizes,
            &settings(&rules(3), Decision::Multilabel, reduction, 4),
            LogitType::F32,
        );
    }
}

#[test]
fn a_batch_of_any_size_gives_the_bits_of_the_host() {
    for batch in [1, 2, 5, 7, 100] {
        compare(
            0,
            &[(131, 77)],
            &settings(&rules(2), Decision::Multilabel, 1, batch),
            LogitType::F32,
        );
    }
}

#[test]
fn half_precision_logits_give_the_bits_of_the_host() {
    for decision in [Decision::Multilabel, Decision::Exclusive] {
        compare(0, &[(133, 71)], &settings(&rules(4), decision, 2, 3), LogitType::F16);
    }
}

#[test]
fn frames_of_different_sizes_follow_each_other_two_at_a_time() {
    let sizes = [(64, 64), (200, 120), (33, 47), (200, 120), (200, 120), (260, 10), (64, 64)];
    compare(0, &sizes, &settings(&rules(3), Decision::Multilabel, 1, 4), LogitType::F32);
}

#[test]
fn a_device_that_shares_memory_reads_frames_in_place() {
    let simulator = rszs_cuda_simulator::load();
    let sizes = [(64, 64), (200, 120), (33, 47), (200, 120)];
    compare(1, &sizes, &settings(&rules(3), Decision::Exclusive, 1, 4), LogitType::F32);
    assert!(simulator.calls("cuMemHostGetDevicePointer_v2") > 0);
}

#[test]
fn an_engine_that_cannot_be_captured_gives_the_same_bits() {
    let (device, rules) = (Device::open(simulated()).unwrap(), rules(2));
    let settings = settings(&rules, Decision::Multilabel, 1, 2);
    let engine = Network { is_capturable: false, ..network(LogitType::F32) };
    let mut path = FramePath::new(&device, engine, &settings).unwrap();
    let (rgb, size) = (frame((131, 77), 5), (131, 77));
    for _ in 0..3 {
        path.submit(&rgb, size.0, size.1, EVERYTHING).unwrap();
        assert!(
            found(&path.collect().unwrap())
                == host(&rgb, size, &settings, (LogitType::F32, waves)).unwrap()
        );
    }
}

#[test]
fn a_pixel_that_rounding_lifts_above_its_threshold_is_decided_as_on_the_host() {
    // Every logit over its temperature is the threshold itself, or next to it; interpolation rounds
    // some pixels above it.
    let rule = |place: u16| {
        let threshold = 0.5 + f32::from(place) / 500.0;
        let level = rszs_hot::logit(threshold);
        FrameRule {
            rule: QueryRule::new(threshold, 1.0 / level).unwrap(),
            engine_row: 0,
            absence: None,
        }
    };
    let rules: Vec<_> = (10..240).map(rule).collect();
    let embeddings = Some(&[1.0_f32][..]);
    for (reduction, size) in [(1, (70, 9)), (2, (70, 20)), (4, (130, 40))] {
        let settings = FrameSettings {
            engine_rows: 1,
            embeddings,
            ..settings(&rules, Decision::Multilabel, reduction, 2)
        };
        let device = Device::open(simulated()).unwrap();
        let engine = Network { score: level, ..network(LogitType::F32) };
        let mut path = FramePath::new(&device, engine, &settings).unwrap();
        let rgb = frame(size, 1);
        path.submit(&rgb, size.0, size.1, EVERYTHING).unwrap();
        assert!(
            found(&path.collect().unwrap())
                == host(&rgb, size, &settings, (LogitType::F32, level)).unwrap()
        );
    }
}

/// The discrete device of the simulator, which is loaded first.
pub(crate) fn simulated() -> u32 {
    rszs_cuda_simulator::load();
    0
}
