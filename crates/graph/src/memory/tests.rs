use super::*;
use crate::{Builder, Init, N, Value};

const INIT: Init = Init::Constant(0.0);
const IMAGES: usize = 3;

fn graph(body: impl FnOnce(&Builder) -> NodeId) -> Graph {
    let builder = Builder::new();
    let output = body(&builder);
    builder.finish(&[("y", output)]).unwrap()
}

fn rows(builder: &Builder) -> Value<'_> {
    builder.input("x", DType::F32, [N, 4.into()])
}

fn memory(graph: &Graph, factor_bytes: u64, trains: &dyn Fn(&str) -> bool) -> TrainingMemory {
    measure(graph, factor_bytes, trains, None)
}

fn measure(
    graph: &Graph,
    factor_bytes: u64,
    trains: &dyn Fn(&str) -> bool,
    recomputed: Option<BlockOf>,
) -> TrainingMemory {
    let none = graph_without_parameters();
    let parameters = Parameters::of(graph, &none, trains);
    let training = Training { images: IMAGES, queries: 1, factor_bytes, trains, recomputed };
    TrainingMemory::of(graph, &parameters, &training)
}

fn graph_without_parameters() -> Graph {
    graph(|b| rows(b).id())
}

fn layer() -> Graph {
    graph(|b| rows(b).matmul(b.param("weight", [4, 2], INIT)).relu().id())
}

/// Bytes: x 48, the product 24, its `ReLU` 24, the weight 32.
#[test]
fn one_layer_is_counted_by_hand() {
    let memory = memory(&layer(), 4, &|_| true);
    assert_eq!(
        (memory.weight_bytes, memory.gradient_bytes, memory.moment_bytes, memory.average_bytes),
        (32, 32, 64, 32)
    );
    // The weight's gradient reads x; the ReLU's reads its result.
    assert_eq!(memory.kept_bytes, 48 + 24);
    // Backward through the ReLU: both of these, the gradient of its result and that of its input.
    assert_eq!(memory.peak_bytes, 48 + 24 + 24 + 24);
    assert_eq!(memory.total_bytes(), 160 + 120);
}

#[test]
fn a_narrow_factor_is_kept_as_a_copy_and_the_wide_one_goes() {
    let memory = memory(&layer(), 2, &|_| true);
    // The copy of x, and the ReLU's result, which is as narrow as the product.
    assert_eq!(memory.kept_bytes, 24 + 12);
    // Forward through the product: x, its copy, the result.
    assert_eq!(memory.peak_bytes, 48 + 24 + 12);
}

/// `matmul` gives 16 bits; the norm reads and keeps float32, of which its result is, too.
#[test]
fn a_norm_keeps_a_wide_copy_of_a_narrow_product() {
    let normed = graph(|b| {
        let product = rows(b).matmul(b.param("weight", [4, 2], INIT));
        product.layer_norm(b.param("gain", [2], INIT), b.param("bias", [2], INIT), 1e-5).id()
    });
    let (x, statistics, result) = (48, 3 * 2 * 4, 24);
    assert_eq!(memory(&normed, 4, &|_| true).kept_bytes, x + 24 + statistics + result);
    assert_eq!(memory(&normed, 2, &|_| true).kept_bytes, x / 2 + 24 + statistics + result);
}

#[test]
fn what_is_frozen_keeps_nothing_but_its_result() {
    let memory = memory(&layer(), 4, &|_| false);
    assert_eq!((memory.gradient_bytes, memory.moment_bytes), (0, 0));
    assert_eq!(memory.kept_bytes, 24);
    assert_eq!(memory.peak_bytes, 48 + 24);
}

/// Two layers `x → h → y`; which of the two weights learn decides what is kept.
#[test]
fn a_frozen_layer_passes_a_gradient_on_without_keeping_its_input() {
    let two = graph(|b| {
        let first = b.param("first", [4, 4], INIT);
        let second = b.param("second", [4, 4], INIT);
        rows(b).matmul(first).matmul(second).id()
    });
    let (x, h, y) = (48, 48, 48);
    let kept = |trains: &dyn Fn(&str) -> bool| memory(&two, 4, trains).kept_bytes;
    assert_eq!(kept(&|_| true), x + h + y);
    assert_eq!(kept(&|name| name == "first"), x + y);
    assert_eq!(kept(&|name| name == "second"), h + y);
}

/// A product brings the rows of a transposed factor together, and keeps what it made; a sum does
/// not.
#[test]
fn a_transposed_factor_is_kept_once_more_by_every_product_that_reads_it() {
    let turned = |products: usize| {
        graph(|b| {
            let x = rows(b).relu().reshape([N, 2.into(), 2.into()]).transpose(&[0, 2, 1]);
            let weights =
                (0..products).map(|index| b.param(&format!("weight{index}"), [2, 2], INIT));
            let sum = weights.map(|weight| x.matmul(weight)).reduce(|sum, product| sum + product);
            sum.unwrap().id()
        })
    };
    let kept = |products| memory(&turned(products), 4, &|_| true).kept_bytes;
    assert_eq!(kept(1), 48 + 48);
    assert_eq!(kept(3), 3 * 48 + 48);
}

/// `sum += x` twenty times over: nothing is kept, and gradients do not pile up.
#[test]
fn sums_keep_nothing() {
    let sums = graph(|b| {
        let shift = b.param("shift", [4], INIT);
        (0..20).fold(rows(b), |x, _| x + shift).id()
    });
    let memory = memory(&sums, 4, &|_| true);
    assert_eq!(memory.kept_bytes, 48);
    assert!(memory.peak_bytes <= 4 * 48, "{}", memory.peak_bytes);
}

fn blocks(count: usize) -> Graph {
    graph(|b| {
        let mut x = rows(b);
        for index in 0..count {
            x = b.scoped(format!("blocks.{index}"), || {
                let weight = b.param("weight", [4, 4], INIT);
                x + x.matmul(weight).sigmoid().relu()
            });
        }
        x.id()
    })
}

fn of_block(name: &str) -> Option<&str> {
    let number = name.strip_prefix("blocks.")?.find('.')?;
    Some(&name[.."blocks.".len() + number])
}

#[test]
fn a_block_that_is_computed_again_keeps_its_input_alone() {
    for count in [1, 2, 7] {
        let plain = memory(&blocks(count), 4, &|_| true);
        let again = measure(&blocks(count), 4, &|_| true, Some(of_block));
        let count = count as u64;
        assert_eq!(
            plain.kept_bytes,
            count * 3 * 48 + 48,
            "input, sigmoid, relu of each block, and the output"
        );
        assert_eq!(again.kept_bytes, count * 48 + 48);
        assert!(again.peak_bytes <= plain.peak_bytes);
        // One block at a time is there again: its sigmoid and its relu.
        assert!(again.peak_bytes >= again.kept_bytes + 2 * 48);
    }
}

/// Each side of a product or quotient is kept for the gradient of the other, and only for that.
#[test]
fn a_product_keeps_the_partner_of_what_needs_a_gradient() {
    let of = |body: fn(Value<'_>, Value<'_>) -> NodeId| {
        graph(|b| body(rows(b).relu(), b.param("w", [4], INIT) + ones(b)))
    };
    let output = 48;
    // x and w are values of 48 and 16 bytes; only w needs a gradient.
    let kept = |body| memory(&of(body), 4, &|_| true).kept_bytes;
    assert_eq!(kept(|x, w| (x * w).id()), output + 48);
    assert_eq!(
        kept(|x, w| (w / x).id()),
        output + 48,
        "the gradient of the upper side reads the lower"
    );
    assert_eq!(kept(|x, w| (x / w).id()), output + 48 + 16, "that of the lower side reads both");
    assert_eq!(kept(|x, w| (x - w).id()), output);
}

fn ones(builder: &Builder) -> Value<'_> {
    builder.constant(&[1.0; 4], [4])
}
