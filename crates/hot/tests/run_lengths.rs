//! Run lengths and COCO's text of them.
#![allow(clippy::unwrap_used, reason = "a test")]

use proptest::prelude::*;
use rszs_hot::{
    RleError, RunEncoder, RunSink, decode_runs, read_coco_counts, transpose_mask, words_per_row,
    write_coco_counts,
};

const CAPACITY: usize = 4096;
type Runs = heapless::Vec<u32, CAPACITY>;

/// Width, height and mask words of a random mask; dense, sparse or empty.
fn masks() -> impl Strategy<Value = (u32, u32, Vec<u64>)> {
    let density = prop::sample::select(vec![0_u32, 1, 50, 99, 100]);
    (1_u32..200, 1_u32..20, density).prop_flat_map(|(width_px, height_px, density)| {
        let pixels = prop::collection::vec(0_u32..100, (width_px * height_px) as usize);
        pixels.prop_map(move |pixels| {
            (width_px, height_px, mask_of(width_px, pixels.iter().map(|pixel| *pixel < density)))
        })
    })
}

fn mask_of(width_px: u32, pixels: impl ExactSizeIterator<Item = bool>) -> Vec<u64> {
    let words = words_per_row(width_px);
    let mut mask = vec![0; pixels.len() / width_px as usize * words];
    for (pixel, inside) in pixels.enumerate() {
        let (x, y) = (pixel % width_px as usize, pixel / width_px as usize);
        mask[y * words + x / 64] |= u64::from(inside) << (x % 64);
    }
    mask
}

fn pixel(mask: &[u64], width_px: u32, x: u32, y: u32) -> bool {
    mask[y as usize * words_per_row(width_px) + x as usize / 64] >> (x % 64) & 1 == 1
}

fn encode(mask: &[u64], width_px: u32) -> Runs {
    let mut runs = Runs::new();
    let mut encoder = RunEncoder::new();
    for row in mask.chunks_exact(words_per_row(width_px)) {
        encoder.push_row(row, width_px, &mut runs).unwrap();
    }
    encoder.finish(&mut runs).unwrap();
    runs
}

fn text_of(runs: &[u32]) -> String {
    let mut text = String::new();
    write_coco_counts(runs, &mut text).unwrap();
    text
}

#[test]
fn runs_alternate_from_the_background_and_go_on_across_rows() {
    assert_eq!(encode(&[0b0110, 0b0111], 4), [1, 2, 1, 3, 1]);
    assert_eq!(encode(&[0b1000, 0b0001], 4), [3, 2, 3]);
}

#[test]
fn mask_that_starts_inside_has_a_first_run_of_0() {
    assert_eq!(encode(&[0b01], 2), [0, 1, 1]);
    assert_eq!(encode(&[u64::MAX, 0b1], 65), [0, 65]);
    assert_eq!(encode(&[0, 0], 65), [65]);
}

#[test]
fn text_is_that_of_pycocotools() {
    // printed by pycocotools 2.0.11, mask.frPyObjects, for these counts
    assert_eq!(text_of(&[1, 2, 1, 3, 1]), "12110");
    assert_eq!(text_of(&[0, 65]), "0Q2");
    assert_eq!(text_of(&[3, 40, 900, 41, 899, 2000]), "3X1Tl01OWm1");
    assert_eq!(text_of(&[5, 100, 40, 7, 1_000_000]), "5T3X1SMh``n0");
}

#[test]
fn transposed_mask_gives_the_counts_of_pycocotools() {
    // pycocotools 2.0.11, mask.encode of these three rows of five pixels
    let mask = [0b00110, 0b01110, 0b00001];
    let mut transposed = [0; 5];
    transpose_mask(&mask, 5, 3, &mut transposed);
    assert_eq!(text_of(&encode(&transposed, 3)), "231O1O2");
}

#[test]
fn full_sink_is_an_error() {
    let mut runs = heapless::Vec::<u32, 2>::new();
    let refused = RunEncoder::new().push_row(&[0b10101], 5, &mut runs);
    assert_eq!(refused, Err(RleError::Full));
    let view: &mut heapless::VecView<u32> = &mut runs;
    assert_eq!(view.push_run(1), Err(RleError::Full));
    assert_eq!(RunEncoder::new().finish(view), Err(RleError::Full));
    let mut text = heapless::String::<2>::new();
    assert_eq!(write_coco_counts(&[1, 2, 3], &mut text), Err(RleError::Full));
}

#[test]
fn row_of_another_width_is_refused() {
    let refused = RunEncoder::new().push_row(&[0], 65, &mut Runs::new());
    assert_eq!(refused, Err(RleError::Length { expected: 2, found: 1 }));
}

#[test]
fn runs_that_do_not_add_up_to_the_mask_are_refused() {
    assert_eq!(
        decode_runs(&[3, 2], 2, &mut [0, 0]),
        Err(RleError::Length { expected: 4, found: 5 })
    );
    assert_eq!(decode_runs(&[], 65, &mut [0]), Err(RleError::Length { expected: 0, found: 0 }));
}

#[test]
fn text_outside_the_alphabet_or_cut_short_is_refused() {
    let refused = |text: &str| read_coco_counts(text, &mut Runs::new()).unwrap_err();
    assert_eq!(refused("1/"), RleError::Text { position: 1 });
    assert_eq!(refused("p"), RleError::Text { position: 0 });
    assert_eq!(refused("1P"), RleError::Text { position: 2 });
    assert_eq!(refused("oooooooooo"), RleError::Text { position: 7 });
    // a run below 0
    assert_eq!(refused("O"), RleError::Text { position: 0 });
}

proptest! {
    #[test]
    fn decoded_runs_are_the_mask((width_px, _, mask) in masks()) {
        let runs = encode(&mask, width_px);
        let mut decoded = vec![u64::MAX; mask.len()];
        decode_runs(&runs, width_px, &mut decoded).unwrap();
        prop_assert_eq!(decoded, mask);
    }

    #[test]
    fn no_run_but_the_first_is_empty((width_px, _, mask) in masks()) {
        prop_assert!(encode(&mask, width_px).iter().skip(1).all(|run| *run > 0));
    }

    #[test]
    fn text_read_back_gives_the_runs(runs in prop::collection::vec(any::<u32>(), 0..40)) {
        let mut read = Runs::new();
        read_coco_counts(&text_of(&runs), &mut read).unwrap();
        prop_assert_eq!(read.as_slice(), runs.as_slice());
    }

    #[test]
    fn any_text_is_read_or_refused_without_a_panic(text in "[0-p]{0,20}") {
        let _ = read_coco_counts(&text, &mut Runs::new());
    }

    #[test]
    fn transposed_mask_has_rows_and_columns_swapped((width_px, height_px, mask) in masks()) {
        let mut transposed = vec![u64::MAX; width_px as usize * words_per_row(height_px)];
        transpose_mask(&mask, width_px, height_px, &mut transposed);
        for y in 0..height_px {
            for x in 0..width_px {
                prop_assert_eq!(pixel(&mask, width_px, x, y), pixel(&transposed, height_px, y, x));
            }
        }
        let mut back = vec![u64::MAX; mask.len()];
        transpose_mask(&transposed, height_px, width_px, &mut back);
        prop_assert_eq!(back, mask);
    }
}
