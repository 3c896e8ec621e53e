//! Each term by arithmetic.

use super::*;
use rszs_data::{NEGATIVE, POSITIVE, UNLABELLED};
use tch::Kind;

const P: u8 = POSITIVE;
const O: u8 = NEGATIVE;
const U: u8 = UNLABELLED;
/// Rounding of a few operations in f32.
const FLOAT32: f64 = 1e-6;

fn labels(labels: &[u8], shape: [i64; 4]) -> Targets {
    Targets::new(Tensor::from_slice(labels).reshape(shape), None)
}

fn number(tensor: &Tensor) -> f64 {
    tensor.double_value(&[])
}

/// One image, one query, two by two pixels, logits of the same size.
fn segmentation(logits: [f32; 4], targets: [u8; 4]) -> f64 {
    let logits = Tensor::from_slice(&logits).reshape([1, 1, 2, 2]);
    let targets = labels(&targets, [1, 1, 2, 2]);
    number(
        &segmentation_loss(&logits, &targets, &Counts::of(&targets).unwrap(), Terms::paper(1))
            .unwrap(),
    )
}

#[test]
fn unlabelled_pixels_do_not_count_whatever_their_logit() {
    // ln(1 + e^0) = ln 2 for both labelled pixels.
    let ln2 = std::f64::consts::LN_2;
    assert!((segmentation([0.0, 0.0, 90.0, -90.0], [P, O, U, U]) - ln2).abs() < FLOAT32);
    // ln(1 + e^-2) for a right pixel, ln(1 + e^2) for a wrong one, halved; the third says nothing.
    let expected = f64::midpoint((1.0_f64 + (-2.0_f64).exp()).ln(), (1.0_f64 + 2.0_f64.exp()).ln());
    assert!((segmentation([2.0, 2.0, 5.0, 5.0], [P, O, U, U]) - expected).abs() < FLOAT32);
}

#[test]
fn a_batch_without_labels_costs_nothing() {
    assert!(segmentation([3.0, -3.0, 1.0, 0.0], [U; 4]).abs() < FLOAT32);
}

#[test]
fn unlabelled_pixels_send_no_gradient() {
    let logits =
        Tensor::from_slice(&[1.0_f32, 2.0, 3.0, 4.0]).reshape([1, 1, 2, 2]).set_requires_grad(true);
    let targets = labels(&[P, O, U, U], [1, 1, 2, 2]);
    segmentation_loss(&logits, &targets, &Counts::of(&targets).unwrap(), Terms::paper(1))
        .unwrap()
        .backward();
    let gradient = Vec::<f32>::try_from(logits.grad().reshape([4])).unwrap();
    assert!(
        gradient[0] < 0.0 && gradient[1] > 0.0 && gradient[2] == 0.0 && gradient[3] == 0.0,
        "{gradient:?}"
    );
}

#[test]
fn a_query_that_few_pixels_label_counts_as_much_as_another_where_queries_are_averaged() {
    let logits =
        Tensor::from_slice(&[0.0_f32, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0]).reshape([1, 2, 2, 2]);
    let targets = labels(&[P, P, P, P, O, U, U, U], [1, 2, 2, 2]);
    let counts = Counts::of(&targets).unwrap();
    let of = |averaging| {
        number(
            &segmentation_loss(&logits, &targets, &counts, Terms { averaging, ..Terms::paper(1) })
                .unwrap(),
        )
    };
    let (right, wrong) = (std::f64::consts::LN_2, (1.0_f64 + 2.0_f64.exp()).ln());
    assert!((of(Averaging::Pixels) - (4.0 * right + wrong) / 5.0).abs() < FLOAT32);
    assert!((of(Averaging::Queries) - f64::midpoint(right, wrong)).abs() < FLOAT32);
}

#[test]
fn a_weak_label_counts_as_much_as_its_weight_says() {
    let logits = Tensor::from_slice(&[0.0_f32, 0.0, 2.0, 0.0]).reshape([1, 1, 2, 2]);
    let weights = Tensor::from_slice(&[1.0_f32, 1.0, 0.5, 1.0]).reshape([1, 1, 2, 2]);
    let targets =
        Targets::new(Tensor::from_slice(&[P, O, O, U]).reshape([1, 1, 2, 2]), Some(weights));
    let found = number(
        &segmentation_loss(&logits, &targets, &Counts::of(&targets).unwrap(), Terms::paper(1))
            .unwrap(),
    );
    let expected =
        2.0_f64.mul_add(std::f64::consts::LN_2, 0.5 * (1.0_f64 + 2.0_f64.exp()).ln()) / 2.5;
    assert!((found - expected).abs() < FLOAT32);
}

#[test]
fn dice_is_of_maps_with_enough_positive_pixels() {
    let mut marks = [O; 256];
    let logits = Tensor::full([1, 1, 16, 16], 0.0, (Kind::Float, tch::Device::Cpu));
    let of = |marks: &[u8], dice_weight| {
        let targets = labels(marks, [1, 1, 16, 16]);
        let counts = Counts::of(&targets).unwrap();
        number(
            &segmentation_loss(
                &logits,
                &targets,
                &counts,
                Terms { dice_weight, ..Terms::paper(1) },
            )
            .unwrap(),
        )
    };
    marks[..49].fill(P);
    assert!((of(&marks, 1.0) - of(&marks, 0.0)).abs() < FLOAT32);
    marks[..64].fill(P);
    // p is a half everywhere: 1 - 2 · 32 / (128 + 64 + 1).
    assert!((of(&marks, 1.0) - of(&marks, 0.0) - (1.0 - 64.0 / 193.0)).abs() < FLOAT32);
}

fn targets_of_two_queries(first: u8, second: u8) -> Targets {
    labels(&[first, O, second, O], [1, 2, 1, 2])
}

#[test]
fn alignment_is_with_the_queries_that_are_present() {
    let queries = Tensor::from_slice(&[1.0_f32, 0.0, 0.0, 1.0]).reshape([2, 2]);
    let aligned = Tensor::from_slice(&[1.0_f32, 0.0]).reshape([1, 2]);
    let align = |first, second| {
        let targets = targets_of_two_queries(first, second);
        number(
            &cosine_alignment(&aligned, &queries, &targets.labels, &Counts::of(&targets).unwrap())
                .unwrap(),
        )
    };
    assert!(align(P, O).abs() < FLOAT32);
    assert!((align(O, P) - 1.0).abs() < FLOAT32);
    assert!((align(P, P) - (1.0 - 0.5_f64.sqrt())).abs() < FLOAT32);
    assert!(align(U, O).abs() < FLOAT32, "no query present: nothing to align with");
}

#[test]
fn images_without_a_query_do_not_dilute_the_alignment_of_others() {
    let queries = Tensor::from_slice(&[0.0_f32, 1.0]).reshape([1, 2]);
    let aligned = Tensor::from_slice(&[1.0_f32, 0.0, 1.0, 0.0]).reshape([2, 2]);
    let targets = labels(&[P, O, U, U], [2, 1, 1, 2]);
    let alignment =
        cosine_alignment(&aligned, &queries, &targets.labels, &Counts::of(&targets).unwrap())
            .unwrap();
    assert!((number(&alignment) - 1.0).abs() < FLOAT32);
}

/// `aligned` has the cosines 0.6 and 0.8 with the two queries.
fn contrast(first: [u8; 2], second: [u8; 2]) -> f64 {
    let queries = Tensor::from_slice(&[1.0_f32, 0.0, 0.0, 1.0]).reshape([2, 2]);
    let aligned = Tensor::from_slice(&[0.6_f32, 0.8]).reshape([1, 2]);
    let targets = labels(&[first, second].concat(), [1, 2, 1, 2]);
    number(
        &contrastive_alignment(&aligned, &queries, &targets.labels, &Counts::of(&targets).unwrap())
            .unwrap(),
    )
}

/// Ten operations in f32, one of them a division by τ.
const CONTRAST: f64 = 1e-5;

#[test]
fn contrast_is_with_labelled_queries_that_are_absent() {
    // softmax(0.6 / 0.07, 0.8 / 0.07): the odds are e^(0.2 / 0.07) = e^2.857.
    let [near, far] = [(1.0 + (-0.2_f64 / 0.07).exp()).ln(), (1.0 + (0.2_f64 / 0.07).exp()).ln()];
    assert!((contrast([P, O], [O, O]) - far).abs() < CONTRAST);
    assert!((contrast([O, O], [P, O]) - near).abs() < CONTRAST);
    assert!((contrast([P, O], [P, O]) - f64::midpoint(near, far)).abs() < CONTRAST);
    assert!((contrast([P, O], [U, O]) - far).abs() < CONTRAST, "partly labelled");
}

#[test]
fn contrast_is_not_with_what_nobody_labelled_and_is_nothing_without_a_query_in_sight() {
    assert!(contrast([P, O], [U, U]).abs() < CONTRAST);
    assert!(contrast([O, O], [O, O]).abs() < CONTRAST);
    assert!(contrast([U, U], [U, U]).abs() < CONTRAST);
}

#[test]
fn parts_of_a_batch_add_up_to_the_batch_whatever_is_labelled_in_which() {
    tch::manual_seed(1);
    let random = |shape: &[i64]| Tensor::randn(shape, (Kind::Float, tch::Device::Cpu));
    let unit = |rows: Tensor| &rows / rows.norm_scalaropt_dim(2, [-1], true);
    let (logits, aligned, queries) =
        (random(&[4, 2, 2, 2]), unit(random(&[4, 3])), unit(random(&[2, 3])));
    let targets =
        labels(&[[P; 8], [U; 8], [P, O, O, O, O, U, U, U], [O; 8]].concat(), [4, 2, 2, 2]);
    let counts = Counts::of(&targets).unwrap();
    assert_eq!(
        counts,
        Counts {
            labelled: vec![12.0, 9.0],
            showing: 2.0,
            maps: 8.0,
            dice_maps: 1.0,
            weights: vec![1.0; 2]
        }
    );
    for alignment in [Alignment::Cosine, Alignment::Contrastive] {
        let terms = Terms {
            alignment,
            patch_grid_weight: 1.0,
            averaging: Averaging::Queries,
            ..Terms::paper(1)
        };
        let total = |from: i64, length: i64| {
            let part = |all: &Tensor| all.narrow(0, from, length);
            let (logits, aligned, targets) =
                (part(&logits), part(&aligned), targets.narrow(from, length).unwrap());
            number(
                &loss(&logits, &aligned, &queries, &targets, None, &counts, terms).unwrap().total,
            )
        };
        assert!((total(0, 1) + total(1, 3) - total(0, 4)).abs() < FLOAT32);
    }
}

/// One map of four patches of two by two places.
fn grid_of(logits: [f32; 16]) -> f64 {
    let logits = Tensor::from_slice(&logits).reshape([1, 1, 4, 4]);
    let counts = Counts::of(&labels(&[U; 16], [1, 1, 4, 4])).unwrap();
    number(&patch_grid(&logits, 2, &counts).unwrap())
}

#[test]
fn a_pattern_that_every_patch_repeats_is_the_grid_s_and_edges_are_not() {
    let dots = [1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0].repeat(2);
    // A quarter of the places is 1: variance 3/16.
    assert!((grid_of(dots.try_into().unwrap()) - 3.0 / 16.0).abs() < FLOAT32);
    let edge = [5.0, 5.0, -5.0, -5.0].repeat(4);
    assert!(grid_of(edge.try_into().unwrap()).abs() < FLOAT32, "an edge between patches");
    // The same dot, in one patch up and in another down.
    let mut chance = [0.0; 16];
    (chance[0], chance[2]) = (3.0, -3.0);
    assert!(grid_of(chance).abs() < FLOAT32);
}

#[test]
fn a_query_of_weight_three_counts_as_much_as_three() {
    let counts = |weights: &[f64]| Counts {
        labelled: vec![4.0, 2.0, 0.0],
        showing: 1.0,
        maps: 3.0,
        dice_maps: 1.0,
        weights: weights.to_vec(),
    };
    // Of 4 + 3 · 2 pixels each of the second query counts three.
    assert_eq!(counts(&[1.0, 3.0, 9.0]).factors(Averaging::Pixels), [0.1, 3.0 / 10.0, 9.0 / 10.0]);
    assert_eq!(counts(&[1.0, 3.0, 9.0]).factors(Averaging::Queries), [1.0 / 16.0, 3.0 / 8.0, 0.0]);
    assert_eq!(counts(&[1.0; 3]).factors(Averaging::Queries), [1.0 / 8.0, 1.0 / 4.0, 0.0]);
}
