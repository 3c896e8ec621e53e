//! Properties of the frame path, driven by an engine that can be checked by hand.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod fake;

use fake::{ColourEngine, LAYOUT, frame, queries};
use rszs_edge::compare::Difference;
use rszs_edge::segment::{Keep, Segmentation, Segmenter};
use rszs_hot::Decision;

fn segment(
    typed: &str,
    decision: Decision,
    size: (u32, u32),
    batch: usize,
    keep: Keep,
) -> Segmentation {
    let mut segmentation = Segmentation::default();
    let (frame, queries) = (frame(size.0, size.1), queries(typed, decision));
    Segmenter::new(LAYOUT, batch)
        .segment(&frame, &queries, &mut ColourEngine, keep, &mut segmentation)
        .unwrap();
    segmentation
}

const MASKS: Keep = Keep { masks: true, scores: false };

#[test]
fn tiles_do_not_show_in_the_result() {
    // One tile holds the whole of the small image, four hold the large one, and their upper left
    // corners are the same pixels.
    let small = segment("red", Decision::Multilabel, (32, 32), 1, MASKS);
    let large = segment("red", Decision::Multilabel, (50, 50), 1, MASKS);
    // The last four columns and rows of the small one look past its edge.
    for (small, large) in
        small.classes.chunks_exact(32).zip(large.classes.chunks_exact(50)).take(28)
    {
        assert_eq!(small[..28], large[..28]);
    }
    assert!(small.regions[0].pixels() > 0 && small.regions[0].pixels() < 32 * 32);
}

#[test]
fn the_result_does_not_depend_on_the_batch() {
    let one = segment("red,blue", Decision::Multilabel, (131, 77), 1, MASKS);
    for batch in [2, 3, 7, 100] {
        let other = segment("red,blue", Decision::Multilabel, (131, 77), batch, MASKS);
        assert_eq!(
            (&one.classes, &one.masks, &one.regions),
            (&other.classes, &other.masks, &other.regions),
            "{batch}"
        );
    }
}

#[test]
fn a_mask_does_not_depend_on_the_queries_beside_it() {
    let alone = segment("green", Decision::Multilabel, (131, 77), 2, MASKS);
    let beside = segment("blue,green,red", Decision::Multilabel, (131, 77), 2, MASKS);
    assert_eq!(alone.mask(0), beside.mask(1));
    assert_eq!(alone.regions[0], beside.regions[1]);
    assert_eq!(alone.presence[0].to_bits(), beside.presence[1].to_bits());
}

#[test]
fn support_words_take_pixels_and_are_dropped() {
    let exclusive = segment("red,blue", Decision::Exclusive, (131, 77), 2, MASKS);
    let classes: std::collections::BTreeSet<u8> = exclusive.classes.iter().copied().collect();
    assert_eq!(classes.into_iter().collect::<Vec<_>>(), [0, 1, 2]);
    let counted: u64 = exclusive.regions.iter().map(rszs_hot::RegionStatistics::pixels).sum();
    assert_eq!(counted, exclusive.classes.iter().filter(|class| **class != 0).count() as u64);
}

#[test]
fn keeping_scores_changes_no_mask() {
    let banded = segment("red,blue", Decision::Multilabel, (131, 177), 2, MASKS);
    let whole = segment(
        "red,blue",
        Decision::Multilabel,
        (131, 177),
        2,
        Keep { masks: true, scores: true },
    );
    assert_eq!(
        (&banded.classes, &banded.masks, &banded.regions),
        (&whole.classes, &whole.masks, &whole.regions)
    );
}

#[test]
fn a_pixel_is_in_the_mask_where_its_score_exceeds_the_threshold() {
    let queries = queries("red=0.75,blue", Decision::Multilabel);
    let mut segmentation = Segmentation::default();
    let keep = Keep { masks: true, scores: true };
    let frame = frame(90, 70);
    Segmenter::new(LAYOUT, 2)
        .segment(&frame, &queries, &mut ColourEngine, keep, &mut segmentation)
        .unwrap();
    let mut scores = Vec::new();
    segmentation.scores(0, &queries, &mut scores).unwrap();
    for (pixel, score) in scores.iter().enumerate() {
        let (x, y) = (pixel % 90, pixel / 90);
        let inside = segmentation.mask(0)[y * 2 + x / 64] >> (x % 64) & 1 == 1;
        // 0.75 is 191.25 of 255; a byte cannot tell on which side of it 191 lies.
        if *score != 191 {
            assert_eq!(inside, *score > 191, "pixel {x}, {y} with score {score}");
        }
    }
}

#[test]
fn images_of_any_shape_get_a_mask_of_their_size() {
    for (width, height) in [(1, 1), (1, 2000), (2000, 1), (31, 33), (32, 32), (33, 31), (4, 57)] {
        let segmentation = segment("red,green", Decision::Multilabel, (width, height), 3, MASKS);
        assert_eq!(
            segmentation.classes.len(),
            width as usize * height as usize,
            "{width}x{height}"
        );
    }
}

#[test]
fn a_result_does_not_differ_from_itself() {
    let one = segment("red", Decision::Multilabel, (131, 77), 1, Keep::EVERYTHING);
    let mut difference = Difference::new();
    difference.add(0, &one, &one).unwrap();
    assert!(difference.agreement() >= 1.0 && difference.intersection_over_union() >= 1.0);
    assert!(difference.logits_p99() <= 0.0 && difference.largest_logit() <= 0.0);
}

#[test]
fn differences_are_those_of_masks_and_logits() {
    // The same logits under a higher threshold: its mask is a part of the other one.
    let low = segment("red", Decision::Multilabel, (131, 77), 1, Keep::EVERYTHING);
    let high = segment("red=0.9", Decision::Multilabel, (131, 77), 1, Keep::EVERYTHING);
    let mut difference = Difference::new();
    difference.add(0, &low, &high).unwrap();
    let [low_pixels, high_pixels] = [&low, &high].map(|one| one.regions[0].pixels() as f64);
    assert!(0.0 < high_pixels && high_pixels < low_pixels);
    assert!((difference.intersection_over_union() - high_pixels / low_pixels).abs() < 1e-12);
    assert!(
        (difference.agreement() - (1.0 - (low_pixels - high_pixels) / (131.0 * 77.0))).abs()
            < 1e-12
    );
    assert!(difference.largest_logit() <= 0.0);

    // Another query: logits differ as the reference says.
    let blue = segment("blue", Decision::Multilabel, (131, 77), 1, Keep::EVERYTHING);
    let mut difference = Difference::new();
    difference.add(0, &low, &blue).unwrap();
    let mut sorted: Vec<f32> =
        low.logits(0).iter().zip(blue.logits(0)).map(|(a, b)| (a - b).abs()).collect();
    sorted.sort_by(f32::total_cmp);
    assert_eq!(difference.largest_logit().to_bits(), sorted[sorted.len() - 1].to_bits());
    let p99 = f64::from(sorted[(0.99 * sorted.len() as f64).ceil() as usize - 1]);
    assert!(
        (difference.logits_p99() - p99).abs() <= 1e-3 * p99,
        "{} and {p99}",
        difference.logits_p99()
    );

    let smaller = segment("red", Decision::Multilabel, (64, 64), 1, Keep::EVERYTHING);
    assert!(difference.add(0, &low, &smaller).is_err());
}
