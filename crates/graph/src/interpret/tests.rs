//! Every op on numbers small enough to check by hand.

use std::collections::BTreeMap;

use super::*;
use crate::{Builder, Init, K, N, Value};

const INIT: Init = Init::Constant(0.0);

/// Builds a graph over real inputs, feeds them and returns the one output.
fn run(
    inputs: &[(&[usize], &[f32])],
    body: impl for<'g> Fn(&'g Builder, &[Value<'g>]) -> Value<'g>,
) -> Tensor {
    let builder = Builder::new();
    let mut feeds = BTreeMap::new();
    let mut values = Vec::new();
    for (index, &(shape, elements)) in inputs.iter().enumerate() {
        let name = format!("x{index}");
        let dims: Vec<crate::Dim> = shape.iter().map(|&length| length.into()).collect();
        values.push(builder.input(&name, DType::F32, dims));
        feeds.insert(name, Tensor::new(shape, elements.to_vec()));
    }
    let y = body(&builder, &values);
    let graph = builder.finish(&[("y", y.id())]).unwrap();
    interpret(&graph, &feeds, &BTreeMap::new()).unwrap().remove(0).1
}

fn counting(length: usize) -> Vec<f32> {
    (0..length).map(|value| value as f32).collect()
}

fn assert_close(found: &Tensor, shape: &[usize], expected: &[f32]) {
    let expected = Tensor::new(shape, expected.to_vec());
    assert!(found.distance(&expected) <= 1e-6, "expected {expected:?}, found {found:?}");
}

#[test]
fn arithmetic_repeats_axes_of_length_one() {
    let inputs: [(&[usize], &[f32]); 2] = [(&[2, 1], &[6.0, 12.0]), (&[3], &[1.0, 2.0, 3.0])];
    let with =
        |op: for<'g> fn(Value<'g>, Value<'g>) -> Value<'g>| run(&inputs, |_, x| op(x[0], x[1]));
    assert_close(&with(|a, b| a + b), &[2, 3], &[7.0, 8.0, 9.0, 13.0, 14.0, 15.0]);
    assert_close(&with(|a, b| a - b), &[2, 3], &[5.0, 4.0, 3.0, 11.0, 10.0, 9.0]);
    assert_close(&with(|a, b| a * b), &[2, 3], &[6.0, 12.0, 18.0, 12.0, 24.0, 36.0]);
    assert_close(&with(|a, b| a / b), &[2, 3], &[6.0, 3.0, 2.0, 12.0, 6.0, 4.0]);
}

#[test]
fn affine_multiplies_then_adds() {
    assert_close(&run(&[(&[2], &[1.0, -2.0])], |_, x| x[0].affine(3.0, 0.5)), &[2], &[3.5, -5.5]);
}

#[test]
fn activations_have_their_textbook_values() {
    let points: (&[usize], &[f32]) = (&[3], &[-1.0, 0.0, 1.0]);
    assert_close(&run(&[points], |_, x| x[0].relu()), &[3], &[0.0, 0.0, 1.0]);
    assert_close(&run(&[points], |_, x| x[0].sigmoid()), &[3], &[0.268_941_43, 0.5, 0.731_058_6]);
    // Φ(1) = 0.8413447; sigmoid(1.702) = 0.8457957.
    assert_close(&run(&[points], |_, x| x[0].gelu()), &[3], &[-0.158_655_26, 0.0, 0.841_344_8]);
    assert_close(
        &run(&[points], |_, x| x[0].quick_gelu()),
        &[3],
        &[-0.154_204_2, 0.0, 0.845_795_8],
    );
}

#[test]
fn matmul_broadcasts_its_batch() {
    let left: (&[usize], &[f32]) = (&[2, 1, 2], &[1.0, 2.0, 3.0, 4.0]);
    let right: (&[usize], &[f32]) = (&[2, 3], &[1.0, 0.0, 1.0, 0.0, 1.0, 1.0]);
    let product = run(&[left, right], |_, x| x[0].matmul(x[1]));
    assert_close(&product, &[2, 1, 3], &[1.0, 2.0, 3.0, 3.0, 4.0, 7.0]);
    let swapped =
        run(&[right, left], |_, x| x[0].transpose(&[1, 0]).matmul(x[1].transpose(&[0, 2, 1])));
    assert_close(&swapped, &[2, 3, 1], &[1.0, 2.0, 3.0, 3.0, 4.0, 7.0]);
}

#[test]
fn conv2d_pads_with_zeros_and_adds_its_bias() {
    let image: (&[usize], &[f32]) = (&[1, 1, 3, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
    let box_sum: (&[usize], &[f32]) = (&[1, 1, 3, 3], &[1.0; 9]);
    let bias: (&[usize], &[f32]) = (&[1], &[0.5]);
    let same = run(&[image, box_sum, bias], |_, x| x[0].conv2d(x[1], Some(x[2]), 1, 1, 1));
    assert_close(&same, &[1, 1, 3, 3], &[12.5, 21.5, 16.5, 27.5, 45.5, 33.5, 24.5, 39.5, 28.5]);
    let strided = run(&[image, box_sum], |_, x| x[0].conv2d(x[1], None, 2, 1, 1));
    assert_close(&strided, &[1, 1, 2, 2], &[12.0, 16.0, 24.0, 28.0]);
}

#[test]
fn conv2d_correlates_and_does_not_flip_its_kernel() {
    let image: (&[usize], &[f32]) = (&[1, 1, 2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let kernel: (&[usize], &[f32]) = (&[1, 1, 1, 2], &[1.0, 10.0]);
    let found = run(&[image, kernel], |_, x| x[0].conv2d(x[1], None, 1, 0, 1));
    assert_close(&found, &[1, 1, 2, 2], &[21.0, 32.0, 54.0, 65.0]);
}

#[test]
fn conv2d_groups_keep_their_channels_apart() {
    let image: (&[usize], &[f32]) = (&[2, 2, 1, 1], &[1.0, 2.0, 3.0, 4.0]);
    let depthwise: (&[usize], &[f32]) = (&[4, 1, 1, 1], &[1.0, 2.0, 10.0, 20.0]);
    let found = run(&[image, depthwise], |_, x| x[0].conv2d(x[1], None, 1, 0, 2));
    assert_close(&found, &[2, 4, 1, 1], &[1.0, 2.0, 20.0, 40.0, 3.0, 6.0, 40.0, 80.0]);
    let full: (&[usize], &[f32]) = (&[1, 2, 1, 1], &[1.0, 10.0]);
    let found = run(&[image, full], |_, x| x[0].conv2d(x[1], None, 1, 0, 1));
    assert_close(&found, &[2, 1, 1, 1], &[21.0, 43.0]);
}

#[test]
fn conv_transpose2d_paints_a_block_for_every_pixel() {
    let image: (&[usize], &[f32]) = (&[1, 2, 1, 2], &[1.0, 2.0, 10.0, 20.0]);
    let weight: (&[usize], &[f32]) = (&[2, 1, 2, 2], &[1.0, 2.0, 3.0, 4.0, 1.0, 1.0, 1.0, 1.0]);
    let bias: (&[usize], &[f32]) = (&[1], &[0.5]);
    let found = run(&[image, weight, bias], |_, x| x[0].conv_transpose2d(x[1], Some(x[2]), 2));
    assert_close(&found, &[1, 1, 2, 4], &[11.5, 12.5, 22.5, 24.5, 13.5, 14.5, 26.5, 28.5]);
}

#[test]
fn avg_pool2d_takes_block_means() {
    let found = run(&[(&[1, 1, 2, 4], &counting(8))], |_, x| x[0].avg_pool2d(2));
    assert_close(&found, &[1, 1, 1, 2], &[2.5, 4.5]);
}

#[test]
fn resize_interpolates_between_pixel_centres() {
    let up = run(&[(&[1, 1, 1, 2], &[0.0, 4.0])], |_, x| x[0].resize(2, 4));
    assert_close(&up, &[1, 1, 2, 4], &[0.0, 1.0, 3.0, 4.0, 0.0, 1.0, 3.0, 4.0]);
    let down = run(&[(&[1, 1, 2, 4], &counting(8))], |_, x| x[0].resize(1, 2));
    assert_close(&down, &[1, 1, 1, 2], &[2.5, 4.5]);
}

#[test]
fn mean_keeps_its_axes_with_length_one() {
    let found = run(&[(&[2, 2, 2], &counting(8))], |_, x| x[0].mean(&[0, 2]));
    assert_close(&found, &[1, 2, 1], &[2.5, 4.5]);
}

#[test]
fn layer_norm_standardizes_rows_then_scales() {
    let inputs: [(&[usize], &[f32]); 3] =
        [(&[2, 2], &[1.0, 3.0, 10.0, 50.0]), (&[2], &[2.0, 3.0]), (&[2], &[0.5, 0.0])];
    let found = run(&inputs, |_, x| x[0].layer_norm(x[1], x[2], 0.0));
    assert_close(&found, &[2, 2], &[-1.5, 3.0, -1.5, 3.0]);
    // Variance 1, epsilon 3: divided by 2.
    let found = run(&inputs, |_, x| x[0].slice(0, 0, 1).layer_norm(x[1], x[2], 3.0));
    assert_close(&found, &[1, 2], &[-0.5, 1.5]);
}

#[test]
fn group_norm_standardizes_each_group_of_each_image() {
    let inputs: [(&[usize], &[f32]); 3] = [
        (&[1, 4, 1, 1], &[1.0, 3.0, 10.0, 50.0]),
        (&[4], &[1.0, 2.0, 3.0, 4.0]),
        (&[4], &[0.0, 0.0, 0.0, 0.5]),
    ];
    let found = run(&inputs, |_, x| x[0].group_norm(x[1], x[2], 2, 0.0));
    assert_close(&found, &[1, 4, 1, 1], &[-1.0, 2.0, -3.0, 4.5]);
}

#[test]
fn l2_normalize_leaves_zero_at_zero() {
    let found = run(&[(&[2, 2], &[3.0, 4.0, 0.0, 0.0])], |_, x| x[0].l2_normalize());
    assert_close(&found, &[2, 2], &[0.6, 0.8, 0.0, 0.0]);
}

#[test]
fn softmax_survives_large_scores() {
    let found = run(&[(&[2, 2], &[1000.0, 1000.0, 0.0, 3.0_f32.ln()])], |_, x| x[0].softmax());
    assert_close(&found, &[2, 2], &[0.5, 0.5, 0.25, 0.75]);
}

#[test]
fn layouts_move_elements_where_they_belong() {
    let x: (&[usize], &[f32]) = (&[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_close(&run(&[x], |_, x| x[0].reshape([3, 2])), &[3, 2], &counting(6));
    assert_close(
        &run(&[x], |_, x| x[0].transpose(&[1, 0])),
        &[3, 2],
        &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0],
    );
    assert_close(&run(&[x], |_, x| x[0].slice(1, 1, 3)), &[2, 2], &[1.0, 2.0, 4.0, 5.0]);
    let joined = run(&[x, (&[2, 1], &[8.0, 9.0])], |builder, x| builder.concat(&[x[0], x[1]], 1));
    assert_close(&joined, &[2, 4], &[0.0, 1.0, 2.0, 8.0, 3.0, 4.0, 5.0, 9.0]);
    let repeated = run(&[(&[2, 1], &[1.0, 2.0])], |_, x| x[0].expand([2, 2, 2]));
    assert_close(&repeated, &[2, 2, 2], &[1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0]);
}

#[test]
fn a_transpose_of_three_axes_reads_axis_permutation_i_at_place_i() {
    let found = run(&[(&[1, 2, 3], &counting(6))], |_, x| x[0].transpose(&[2, 0, 1]));
    assert_close(&found, &[3, 1, 2], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
}

#[test]
fn dropout_and_drop_path_do_nothing() {
    let found = run(&[(&[2], &[1.0, 2.0])], |_, x| x[0].dropout(0.5).drop_path(0.5));
    assert_close(&found, &[2], &[1.0, 2.0]);
}

#[test]
fn a_constant_is_its_numbers() {
    assert_close(
        &run(&[], |builder, _| builder.constant(&[1.0, 2.0], [2, 1])),
        &[2, 1],
        &[1.0, 2.0],
    );
}

/// Bytes, token numbers, a parameter and both symbols in one graph.
fn gathering() -> Graph {
    let builder = Builder::new();
    let tiles = builder.input("tiles", DType::U8, [N, 2.into()]);
    let tokens = builder.input("tokens", DType::I32, [K, 1.into()]);
    let table = builder.param("table", [3, 2], INIT);
    let y = table.gather(tokens) * tiles.cast().reshape([N, 1.into(), 1.into(), 2.into()]);
    builder.finish(&[("y", y.id())]).unwrap()
}

fn feeds(tiles: Tensor, tokens: Tensor) -> BTreeMap<String, Tensor> {
    [("tiles".to_owned(), tiles), ("tokens".to_owned(), tokens)].into()
}

fn table() -> BTreeMap<String, Tensor> {
    [("table".to_owned(), Tensor::new([3, 2], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]))].into()
}

#[test]
fn the_symbols_are_read_off_the_feeds() {
    let fed = feeds(Tensor::new([1, 2], vec![1.0, 10.0]), Tensor::new([2, 1], vec![2.0, 0.0]));
    let outputs = interpret(&gathering(), &fed, &table()).unwrap();
    assert_eq!(outputs[0].0, "y");
    assert_close(&outputs[0].1, &[1, 2, 1, 2], &[4.0, 50.0, 0.0, 10.0]);
}

#[test]
fn every_node_is_shown_once_with_its_value() {
    let fed = feeds(Tensor::zeros([4, 2]), Tensor::zeros([3, 1]));
    let graph = gathering();
    let mut seen = Vec::new();
    interpret_with(&graph, &fed, &table(), |node, value| {
        seen.push((node.name.clone(), value.shape.clone()));
    })
    .unwrap();
    let expected: Vec<_> =
        graph.nodes().iter().map(|node| (node.name.clone(), node.shape.at(4, 3))).collect();
    assert_eq!(seen, expected);
}

/// One node holds whole numbers, its sums too.
struct Whole(NodeId);

impl Rounding for Whole {
    fn value(&self, node: NodeId, value: &Tensor) -> Option<Tensor> {
        (node == self.0).then(|| {
            Tensor::new(value.shape.clone(), value.values.iter().map(|x| x.floor()).collect())
        })
    }

    fn sum(&self, node: NodeId) -> Option<fn(f32) -> f32> {
        (node == self.0).then_some(f32::floor)
    }
}

#[test]
fn rounding_reaches_what_a_node_reads_and_what_it_makes_and_no_other_node() {
    let builder = Builder::new();
    let x = builder.input("x", DType::F32, [1]);
    let coarse = builder.scoped("coarse", || x.affine(1.5, 0.0));
    let fine = builder.scoped("fine", || x.affine(1.5, 0.0));
    let graph = builder.finish(&[("coarse", coarse.id()), ("fine", fine.id())]).unwrap();
    let whole = Whole(coarse.id());
    let fed = [("x".to_owned(), Tensor::new([1], vec![1.75]))].into();
    let outputs = interpret_rounded(&graph, &fed, &BTreeMap::new(), &whole, |_, _| ()).unwrap();
    // 1.75 is read as 1, and 1.5 is kept as 1.
    assert_eq!(
        [&outputs[0].1, &outputs[1].1],
        [&Tensor::new([1], vec![1.0]), &Tensor::new([1], vec![2.625])]
    );
}

#[test]
fn sums_are_rounded_after_every_16_terms_of_every_product() {
    let terms = |shape: &[usize]| Tensor::filled(shape.to_vec(), 0.781_25);
    let ones = |shape: &[usize]| Tensor::filled(shape.to_vec(), 1.0);
    let steps = linear::Steps { stride: 1, padding: 0, groups: 1 };
    let (floor, one) = (Some(f32::floor as fn(f32) -> f32), [1, 1, 1, 1]);
    // 16 terms of 25/32 make 12.5, or 12.75 on a bias: both become 12; two more are not rounded.
    let bias = Tensor::filled([1], 0.25);
    let matmul = linear::matmul(&terms(&[1, 18]), &ones(&[18, 1]), &[1, 1], floor);
    let channels = [1, 18, 1, 1];
    let deep = linear::conv2d(&terms(&channels), &ones(&channels), Some(&bias), &one, steps, floor);
    let wide = [1, 1, 1, 18];
    let wide = linear::conv2d(&terms(&wide), &ones(&wide), Some(&bias), &one, steps, floor);
    let weight = ones(&[18, 1, 1, 1]);
    let transposed =
        linear::conv_transpose2d(&terms(&channels), &weight, Some(&bias), &one, 1, floor);
    assert_eq!([matmul, deep, wide, transposed], [[13.5625]; 4]);
}

#[test]
fn what_cannot_be_evaluated_is_named() {
    let one = || Tensor::zeros([1, 1]);
    let tiles = || Tensor::zeros([1, 2]);
    let error =
        |fed, parameters| interpret(&gathering(), &fed, &parameters).unwrap_err().to_string();
    assert_eq!(
        error(feeds(tiles(), one()), BTreeMap::new()),
        "table: expected a parameter of shape [3, 2], found none (a checkpoint of another config?)"
    );
    let mut missing = feeds(tiles(), one());
    missing.remove("tokens");
    assert_eq!(
        error(missing, table()),
        "tokens: expected an input of shape [K, 1], found none; feed it"
    );
    let mut unknown = feeds(tiles(), one());
    unknown.insert("queries".to_owned(), one());
    assert_eq!(
        error(unknown, table()),
        "queries: not an input of this graph; the inputs are tiles, tokens"
    );
    assert_eq!(
        error(feeds(Tensor::zeros([1, 3]), one()), table()),
        "tiles: expected [N, 2] = [1, 2], found [1, 3] with 3 values"
    );
    assert_eq!(
        error(feeds(Tensor::filled([1, 2], 256.0), one()), table()),
        "tiles: expected whole numbers from 0 to 255, found 256"
    );
    assert_eq!(
        error(feeds(tiles(), Tensor::filled([1, 1], 3.0)), table()),
        "gather: expected row numbers below 3, found 3"
    );
}
