//! Upsampling, decisions and region statistics against a naive reference.
#![allow(clippy::unwrap_used, reason = "a test")]

use proptest::prelude::*;
use rszs_hot::{
    Bounds, DecideBuffers, DecideError, Decider, Decision, LogitRows, QueryRule, RegionStatistics,
    RuleError, TileGrid, TileLayout, logit, sigmoid, words_per_row,
};

/// Logits up to 8 interpolated in f32: a few units in the last place.
const FLOAT32: f64 = 1e-5;
const LAYOUT: TileLayout = TileLayout { tile_px: 64, overlap_px: 16, stride_px: 4 };

/// An image of logits `[K, H4, W4]` and what is asked of it.
#[derive(Debug, Clone)]
struct Case {
    grid: TileGrid,
    queries: usize,
    rules: Vec<QueryRule>,
    thresholds: Vec<f32>,
    logits: Vec<f32>,
}

#[derive(Debug, PartialEq)]
struct Decided {
    classes: Vec<u8>,
    /// `[queries, H, W]`
    masks: Vec<Vec<bool>>,
    regions: Vec<RegionStatistics>,
}

fn cases(support: std::ops::Range<usize>) -> impl Strategy<Value = Case> {
    (1_u32..150, 1_u32..20, 0_u32..4, 1_usize..4, support)
        .prop_flat_map(|(width_px, height_px, halvings, queries, support)| {
            let grid = TileGrid::new(width_px, height_px, LAYOUT.reduced(1 << halvings)).unwrap();
            let rows = queries + support;
            let logits = prop::collection::vec(-8.0_f32..8.0, grid.logits_len(rows));
            (Just(grid), Just(queries), prop::collection::vec(0.05_f32..0.95, rows), logits)
        })
        .prop_map(|(grid, queries, thresholds, logits)| {
            let rules = thresholds
                .iter()
                .map(|threshold| QueryRule::new(*threshold, 1.0).unwrap())
                .collect();
            Case { grid, queries, rules, thresholds, logits }
        })
}

impl Case {
    fn rows(&self) -> LogitRows<'_> {
        let (high, wide) = (self.grid.logits_high(), self.grid.logits_wide());
        LogitRows::new(&self.logits, self.rules.len(), high, wide, 0).unwrap()
    }

    fn decide(&self, decision: Decision) -> Decided {
        let (width, height) = (self.grid.width_px(), self.grid.height_px());
        let mut classes = vec![99; width as usize];
        let mut masks = vec![u64::MAX; self.queries * words_per_row(width)];
        let mut regions = vec![RegionStatistics::default(); self.queries];
        let buffers =
            DecideBuffers { classes: &mut classes, masks: &mut masks, regions: &mut regions };
        let mut decider =
            Decider::new(&self.grid, decision, self.queries, &self.rules, buffers).unwrap();
        let mut result =
            Decided { classes: vec![], masks: vec![vec![]; self.queries], regions: vec![] };
        for y_px in 0..height {
            let row = decider.decide(y_px, &self.rows()).unwrap();
            result.classes.extend(row.classes);
            for (query, mask) in result.masks.iter_mut().enumerate() {
                let words = row.mask(query);
                mask.extend((0..width as usize).map(|x| words[x / 64] >> (x % 64) & 1 == 1));
                let past_the_edge = words.last().unwrap().leading_zeros();
                assert!(
                    past_the_edge >= words_per_row(width) as u32 * 64 - width,
                    "bits past the edge of row {y_px}"
                );
            }
        }
        result.regions = decider.regions().to_vec();
        result
    }

    /// Bilinear interpolation with half-pixel centres, written as in the textbook.
    fn interpolate(&self, row: usize, x: u32, y: u32) -> f64 {
        let (high, wide) = (self.grid.logits_high(), self.grid.logits_wide());
        let place = |at: u32, length: usize| {
            let stride = f64::from(self.grid.layout().stride_px);
            let source = ((f64::from(at) + 0.5) / stride - 0.5).clamp(0.0, (length - 1) as f64);
            let first = source.floor();
            (first as usize, (first as usize + 1).min(length - 1), source - first)
        };
        let ((left, right, fraction_x), (top, bottom, fraction_y)) =
            (place(x, wide), place(y, high));
        let at = |x: usize, y: usize| f64::from(self.logits[(row * high + y) * wide + x]);
        let upper = at(left, top) * (1.0 - fraction_x) + at(right, top) * fraction_x;
        let lower = at(left, bottom) * (1.0 - fraction_x) + at(right, bottom) * fraction_x;
        upper * (1.0 - fraction_y) + lower * fraction_y
    }

    fn pixels(&self) -> impl Iterator<Item = (usize, u32, u32)> + use<> {
        let width = self.grid.width_px();
        (0..self.grid.height_px() * width)
            .map(move |pixel| (pixel as usize, pixel % width, pixel / width))
    }
}

/// One query, two rows of three logits, twelve by eight pixels.
fn example(decision: Decision) -> Decided {
    let grid = TileGrid::new(12, 8, LAYOUT).unwrap();
    let rules = vec![QueryRule::new(0.5, 1.0).unwrap()];
    let logits = vec![-1.0, 3.0, 3.0, -1.0, 3.0, 3.0];
    Case { grid, queries: 1, rules, thresholds: vec![0.5], logits }.decide(decision)
}

#[test]
fn edge_of_a_mask_is_where_interpolation_crosses_the_threshold() {
    // between the centres 1.5 (logit -1) and 5.5 (logit 3) the logit is 0 at 2.5, so the pixel 3 is
    // the first above
    let decided = example(Decision::Multilabel);
    let row: Vec<u8> = decided.classes[..12].to_vec();
    assert_eq!(row, [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    assert_eq!(decided.classes, row.repeat(8));
}

#[test]
fn region_statistics_are_those_counted_by_hand() {
    let region = example(Decision::Multilabel).regions[0];
    assert_eq!(region.pixels(), 72);
    assert_eq!(region.bounds(), Some(Bounds { left_px: 3, top_px: 0, right_px: 11, bottom_px: 7 }));
    assert_eq!(region.centroid_px(), Some((7.5, 4.0)));
    assert_eq!(region.maximum_score(), Some(sigmoid(3.0)));
    // the logits of the nine columns
    let expected: f64 = [0.5, 1.5, 2.5, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0]
        .iter()
        .map(|x: &f64| 1.0 / (1.0 + (-x).exp()))
        .sum();
    assert!((region.score_sum() - 8.0 * expected).abs() <= 72.0 * 3e-7, "{}", region.score_sum());
}

#[test]
fn empty_mask_has_no_place_and_no_score() {
    let region = RegionStatistics::default();
    assert_eq!((region.pixels(), region.bounds(), region.centroid_px()), (0, None, None));
    assert_eq!((region.mean_score(), region.maximum_score()), (None, None));
}

#[test]
fn temperature_divides_the_logit() {
    let grid = TileGrid::new(4, 4, LAYOUT).unwrap();
    let decide = |temperature: f32| {
        let rules = vec![QueryRule::new(0.8, temperature).unwrap()];
        Case { grid, queries: 1, rules, thresholds: vec![0.8], logits: vec![2.0] }
            .decide(Decision::Multilabel)
            .regions[0]
    };
    // logit(0.8) = 1.386
    assert_eq!((decide(1.0).pixels(), decide(2.0).pixels()), (16, 0));
    assert_eq!(decide(1.25).maximum_score(), Some(sigmoid(1.6)));
}

#[test]
fn pixel_that_a_support_row_wins_belongs_to_no_query() {
    let grid = TileGrid::new(12, 4, LAYOUT).unwrap();
    let rules = vec![QueryRule::new(0.5, 1.0).unwrap(); 3];
    let logits = vec![-5.0, -2.0, -9.0, -6.0, -3.0, -1.0, -4.0, -1.0, -2.0];
    let decided = Case { grid, queries: 2, rules, thresholds: vec![0.5; 3], logits }
        .decide(Decision::Exclusive);
    assert_eq!([decided.classes[0], decided.classes[5], decided.classes[11]], [0, 0, 2]);
    assert_eq!(
        (decided.regions[0].pixels(), decided.masks[0].iter().filter(|inside| **inside).count()),
        (0, 0)
    );
}

#[test]
fn first_of_equal_queries_takes_the_pixel() {
    let grid = TileGrid::new(4, 4, LAYOUT).unwrap();
    let rules = vec![QueryRule::new(0.5, 1.0).unwrap(); 2];
    let case = Case { grid, queries: 2, rules, thresholds: vec![0.5; 2], logits: vec![1.0, 1.0] };
    assert_eq!(case.decide(Decision::Multilabel).classes, [1; 16]);
    assert_eq!(case.decide(Decision::Exclusive).classes, [1; 16]);
    assert_eq!(case.decide(Decision::Multilabel).masks[1], [true; 16]);
}

#[test]
fn rules_out_of_range_are_refused() {
    for threshold in [0.0, 1.0, -0.1, 1.1] {
        assert_eq!(QueryRule::new(threshold, 1.0), Err(RuleError::Threshold(threshold)));
    }
    assert!(matches!(QueryRule::new(f32::NAN, 1.0), Err(RuleError::Threshold(_))));
    for temperature in [0.0, -1.0, f32::INFINITY, 1e-45] {
        assert_eq!(QueryRule::new(0.5, temperature), Err(RuleError::Temperature(temperature)));
    }
    assert!(matches!(QueryRule::new(0.5, f32::NAN), Err(RuleError::Temperature(_))));
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let grid = TileGrid::new(70, 4, LAYOUT).unwrap();
    let rule = [QueryRule::new(0.5, 1.0).unwrap()];
    let refusal = |decision, queries, rules: &[QueryRule], classes, masks, regions| {
        let (mut classes, mut masks) = (vec![0; classes], vec![0; masks]);
        let mut regions = vec![RegionStatistics::default(); regions];
        let buffers =
            DecideBuffers { classes: &mut classes, masks: &mut masks, regions: &mut regions };
        Decider::new(&grid, decision, queries, rules, buffers).unwrap_err()
    };
    let length = |buffer, expected, found| DecideError::Length { buffer, expected, found };
    assert_eq!(refusal(Decision::Multilabel, 0, &[], 70, 0, 0), DecideError::Queries { found: 0 });
    assert_eq!(
        refusal(Decision::Multilabel, 256, &rule, 70, 512, 256),
        DecideError::Queries { found: 256 }
    );
    assert_eq!(
        refusal(Decision::Multilabel, 1, &[rule, rule].concat(), 70, 2, 1),
        length("rules", 1, 2)
    );
    assert_eq!(refusal(Decision::Exclusive, 2, &rule, 70, 4, 2), length("rules", 2, 1));
    assert_eq!(refusal(Decision::Multilabel, 1, &rule, 69, 2, 1), length("classes", 70, 69));
    assert_eq!(refusal(Decision::Multilabel, 1, &rule, 70, 1, 1), length("masks", 2, 1));
    assert_eq!(refusal(Decision::Multilabel, 1, &rule, 70, 2, 0), length("regions", 1, 0));
    let narrow_stride = TileGrid::new(70, 4, TileLayout { stride_px: 2, ..LAYOUT }).unwrap();
    let buffers = DecideBuffers {
        classes: &mut [0; 70],
        masks: &mut [0; 2],
        regions: &mut [RegionStatistics::default()],
    };
    let refused =
        Decider::new(&narrow_stride, Decision::Multilabel, 1, &rule, buffers).unwrap_err();
    assert_eq!(refused, DecideError::Stride { found: 2 });
}

#[test]
fn row_whose_logits_are_not_in_the_band_is_refused() {
    let grid = TileGrid::new(4, 16, LAYOUT).unwrap();
    let rule = [QueryRule::new(0.5, 1.0).unwrap()];
    let buffers = DecideBuffers {
        classes: &mut [0; 4],
        masks: &mut [0; 1],
        regions: &mut [RegionStatistics::default()],
    };
    let mut decider = Decider::new(&grid, Decision::Multilabel, 1, &rule, buffers).unwrap();
    let band = LogitRows::new(&[1.0, 1.0], 1, 2, 1, 1).unwrap();
    let accepted: Vec<u32> = (0..20).filter(|y_px| decider.decide(*y_px, &band).is_ok()).collect();
    assert_eq!(accepted, [6, 7, 8, 9]);
    assert_eq!(decider.regions()[0].pixels(), 16);
    assert_eq!(decider.decide(0, &band).unwrap_err(), DecideError::Row { y_px: 0 });
    assert_eq!(
        (decider.first_logit_row(6), decider.decidable_rows(3), decider.decidable_rows(4)),
        (1, 10, 16)
    );
    assert_eq!((decider.decidable_rows(0), decider.decidable_rows(1)), (0, 2));
}

proptest! {
    #[test]
    fn scores_are_those_of_the_naive_interpolation(case in cases(0..1)) {
        let mut bytes = vec![0; case.grid.width_px() as usize];
        let mut classes = bytes.clone();
        let mut masks = vec![0; case.queries * words_per_row(case.grid.width_px())];
        let mut regions = vec![RegionStatistics::default(); case.queries];
        let buffers =
            DecideBuffers { classes: &mut classes, masks: &mut masks, regions: &mut regions };
        let decision = Decision::Multilabel;
        let decider =
            Decider::new(&case.grid, decision, case.queries, &case.rules, buffers).unwrap();
        for (_, x, y) in case.pixels() {
            for query in 0..case.queries {
                if x == 0 {
                    decider.score_row(query, y, &case.rows(), &mut bytes).unwrap();
                    let exact = |x| 255.0 / (1.0 + (-case.interpolate(query, x, y)).exp());
                    for (x, byte) in (0..).zip(&bytes) {
                        // half a step of rounding, and the error of the sigmoid
                        let error = (f64::from(*byte) - exact(x)).abs();
                        prop_assert!(error <= 0.5 + 1e-3, "({x}, {y})");
                    }
                }
            }
        }
    }

    #[test]
    fn multilabel_masks_are_where_the_naive_logit_exceeds_the_threshold(case in cases(0..1)) {
        let decided = case.decide(Decision::Multilabel);
        for (pixel, x, y) in case.pixels() {
            let threshold = |query: usize| f64::from(logit(case.thresholds[query]));
            let margins: Vec<f64> = (0..case.queries)
                .map(|query| case.interpolate(query, x, y) - threshold(query))
                .collect();
            for (mask, margin) in decided.masks.iter().zip(&margins) {
                prop_assert!(
                    margin.abs() <= FLOAT32 || mask[pixel] == (*margin > 0.0),
                    "({x}, {y}): {margin}"
                );
            }
            let highest = margins.iter().copied().fold(0.0, f64::max);
            let class = usize::from(decided.classes[pixel]);
            let chosen = if class == 0 { 0.0 } else { margins[class - 1] };
            prop_assert!(chosen >= highest - FLOAT32, "({x}, {y}): class {class} of {margins:?}");
        }
    }

    #[test]
    fn exclusive_class_is_the_naive_argmax(case in cases(0..3)) {
        let decided = case.decide(Decision::Exclusive);
        for (pixel, x, y) in case.pixels() {
            let values: Vec<f64> =
                (0..case.rules.len()).map(|row| case.interpolate(row, x, y)).collect();
            let (queries, support) = values.split_at(case.queries);
            let highest = values.iter().copied().fold(f64::MIN, f64::max);
            let class = usize::from(decided.classes[pixel]);
            let chosen = match class {
                0 => support.iter().copied().fold(f64::MIN, f64::max),
                query => queries[query - 1],
            };
            prop_assert!(chosen >= highest - FLOAT32, "({x}, {y}): class {class} of {values:?}");
            for (query, mask) in decided.masks.iter().enumerate() {
                prop_assert_eq!(mask[pixel], class == query + 1);
            }
        }
    }

    #[test]
    fn region_statistics_are_those_of_the_mask((case, decision) in (
        cases(0..1), prop::sample::select(vec![Decision::Multilabel, Decision::Exclusive])
    )) {
        let decided = case.decide(decision);
        for (query, (mask, region)) in decided.masks.iter().zip(&decided.regions).enumerate() {
            let inside: Vec<(u32, u32)> =
                case.pixels().filter(|(pixel, ..)| mask[*pixel]).map(|(_, x, y)| (x, y)).collect();
            prop_assert_eq!(region.pixels(), inside.len() as u64);
            let bounds = (!inside.is_empty()).then(|| Bounds {
                left_px: inside.iter().map(|(x, _)| *x).min().unwrap(),
                top_px: inside.iter().map(|(_, y)| *y).min().unwrap(),
                right_px: inside.iter().map(|(x, _)| *x).max().unwrap(),
                bottom_px: inside.iter().map(|(_, y)| *y).max().unwrap(),
            });
            prop_assert_eq!(region.bounds(), bounds);
            if let Some((x, y)) = region.centroid_px() {
                let mean = |sum: u32| f64::from(sum) / inside.len() as f64 + 0.5;
                prop_assert!((x - mean(inside.iter().map(|(x, _)| x).sum())).abs() <= 1e-9);
                prop_assert!((y - mean(inside.iter().map(|(_, y)| y).sum())).abs() <= 1e-9);
            }
            let score =
                |(x, y): &(u32, u32)| 1.0 / (1.0 + (-case.interpolate(query, *x, *y)).exp());
            let sum: f64 = inside.iter().map(score).sum();
            prop_assert!((region.score_sum() - sum).abs() <= 1e-5 * inside.len() as f64);
            let maximum = inside.iter().map(score).reduce(f64::max);
            prop_assert_eq!(region.maximum_score().is_some(), maximum.is_some());
            let found = f64::from(region.maximum_score().unwrap_or(0.0));
            let difference = found - maximum.unwrap_or(0.0);
            prop_assert!(difference.abs() <= 1e-5, "{difference}");
        }
    }

    #[test]
    fn higher_threshold_never_adds_a_pixel((case, raise) in (cases(0..1), 0.001_f32..0.5)) {
        let lower = case.decide(Decision::Multilabel);
        let mut raised = case.clone();
        let raised_rule =
            |threshold: &f32| QueryRule::new((threshold + raise).min(0.999), 1.0).unwrap();
        raised.rules = case.thresholds.iter().map(raised_rule).collect();
        let higher = raised.decide(Decision::Multilabel);
        for (lower, higher) in lower.masks.iter().flatten().zip(higher.masks.iter().flatten()) {
            prop_assert!(*lower || !*higher);
        }
    }

    #[test]
    fn mask_of_a_query_does_not_depend_on_the_others(case in cases(0..1)) {
        let together = case.decide(Decision::Multilabel);
        let plane = case.grid.logits_len(1);
        for query in 0..case.queries {
            let alone = Case {
                queries: 1,
                rules: vec![case.rules[query]],
                thresholds: vec![case.thresholds[query]],
                logits: case.logits[query * plane..(query + 1) * plane].to_vec(),
                ..case.clone()
            };
            let alone = alone.decide(Decision::Multilabel);
            prop_assert_eq!(&alone.masks[0], &together.masks[query]);
            prop_assert_eq!(alone.regions[0], together.regions[query]);
        }
    }
}
