//! Every op, with the shapes that the network uses and the awkward ones beside them.

use rszs_graph::{Builder, DType, GraphError, Init, K, N, Scales, Value};

use crate::Case;

const IMAGES: usize = 2;
const QUERIES: usize = 3;

/// Every op at least once.
pub fn op_cases() -> Vec<Case> {
    [elementwise(), linear(), convolution(), norm(), layout(), quantized()].concat()
}

fn case(name: &str, body: impl for<'g> Fn(&'g Builder) -> Value<'g>) -> Case {
    let builder = Builder::new();
    let output = body(&builder).id();
    let graph: Result<_, GraphError> = builder.finish(&[("output", output)]);
    Case::generated(name, graph.unwrap_or_else(|error| panic!("{name}: {error}")), IMAGES, QUERIES)
}

fn real<'g>(b: &'g Builder, dims: &[usize]) -> Value<'g> {
    let shape: Vec<_> = std::iter::once(N).chain(dims.iter().map(|&dim| dim.into())).collect();
    b.input("x", DType::F32, shape)
}

fn queries(b: &Builder, width: usize) -> Value<'_> {
    b.input("queries", DType::F32, [K, width.into()])
}

fn random<'g, const RANK: usize>(b: &'g Builder, name: &str, shape: [usize; RANK]) -> Value<'g> {
    b.param(name, shape, Init::Normal { standard_deviation: 1.0 })
}

fn elementwise() -> Vec<Case> {
    vec![
        case("bytes become reals", |b| b.input("tiles", DType::U8, [N, 3.into(), 4.into()]).cast()),
        case("add broadcasts a vector", |b| real(b, &[3, 4]) + random(b, "y", [4])),
        case("sub broadcasts both ways", |b| real(b, &[3, 1]) - random(b, "y", [1, 4])),
        case("mul broadcasts images over queries", |b| {
            real(b, &[5]).reshape([N, 1.into(), 5.into()])
                * queries(b, 5).reshape([1.into(), K, 5.into()])
        }),
        case("div divides", |b| real(b, &[3, 4]) / random(b, "y", [3, 4]).sigmoid()),
        case("affine scales and shifts", |b| real(b, &[3, 4]).affine(-0.5, 2.0)),
        case("relu clips at zero", |b| real(b, &[3, 4]).relu()),
        case("relu6 ends at 6", |b| real(b, &[3, 40]).affine(6.0, 0.0).relu6()),
        case("gelu is exact", |b| real(b, &[3, 40]).affine(2.0, 0.0).gelu()),
        case("quick gelu is CLIP's", |b| real(b, &[3, 40]).affine(2.0, 0.0).quick_gelu()),
        case("sigmoid saturates without overflow", |b| {
            real(b, &[3, 40]).affine(60.0, 0.0).sigmoid()
        }),
        case("dropout is nothing outside training", |b| real(b, &[3, 4]).dropout(0.5)),
        case("drop path is nothing outside training", |b| real(b, &[3, 4]).drop_path(0.5)),
    ]
}

fn linear() -> Vec<Case> {
    vec![
        case("matmul with a weight", |b| real(b, &[3, 8]).matmul(random(b, "w", [8, 5]))),
        case("matmul batched over heads", |b| {
            let x = real(b, &[2, 5, 4]);
            x.matmul(x.transpose(&[0, 1, 3, 2]))
        }),
        case("matmul broadcasts queries over images", |b| {
            queries(b, 4).reshape([1.into(), K, 4.into()]).matmul(real(b, &[4, 6]))
        }),
        case("gather takes rows by number", |b| {
            random(b, "table", [7, 5]).gather(b.input("tokens", DType::I32, [K, 4.into()]))
        }),
    ]
}

fn convolution() -> Vec<Case> {
    vec![
        case("a patch convolution steps by its size", |b| {
            real(b, &[3, 8, 8]).conv2d(
                random(b, "w", [5, 3, 4, 4]),
                Some(random(b, "bias", [5])),
                4,
                0,
                1,
            )
        }),
        case("a 3x3 convolution keeps the size", |b| {
            real(b, &[4, 5, 7]).conv2d(random(b, "w", [6, 4, 3, 3]), None, 1, 1, 1)
        }),
        case("a depthwise convolution mixes no channels", |b| {
            real(b, &[4, 5, 7]).conv2d(random(b, "w", [4, 1, 3, 3]), None, 1, 1, 4)
        }),
        case("a strided grouped convolution with padding", |b| {
            real(b, &[4, 7, 9]).conv2d(
                random(b, "w", [6, 2, 3, 3]),
                Some(random(b, "bias", [6])),
                2,
                1,
                2,
            )
        }),
        case("convolution over folded queries", |b| {
            let maps = real(b, &[4, 30]).reshape([N, 1.into(), 4.into(), 30.into()])
                * queries(b, 30).reshape([1.into(), K, 1.into(), 30.into()]);
            let folded = maps.reshape([N * K, 4.into(), 5.into(), 6.into()]);
            folded.conv2d(random(b, "w", [1, 4, 3, 3]), None, 1, 1, 1).reshape([
                N,
                K,
                5.into(),
                6.into(),
            ])
        }),
        case("a transposed convolution doubles", |b| {
            real(b, &[4, 3, 5]).conv_transpose2d(
                random(b, "w", [4, 6, 2, 2]),
                Some(random(b, "bias", [6])),
                2,
            )
        }),
        case("a transposed convolution quadruples", |b| {
            real(b, &[4, 3, 5]).conv_transpose2d(random(b, "w", [4, 2, 4, 4]), None, 4)
        }),
        case("average pooling halves", |b| real(b, &[3, 6, 8]).avg_pool2d(2)),
        case("resize grows by two", |b| real(b, &[3, 4, 5]).resize(8, 10)),
        case("resize grows by a fraction", |b| real(b, &[3, 4, 5]).resize(7, 9)),
        case("resize shrinks without antialiasing", |b| real(b, &[3, 8, 8]).resize(7, 5)),
    ]
}

fn quantized() -> Vec<Case> {
    let channels = |values: &[f32], axis| Scales::Channels { axis, values: values.into() };
    let coarse = Scales::Tensor(0.03);
    vec![
        case("quantize and dequantize round and clip", |b| {
            real(b, &[3, 40]).affine(4.0, 0.0).quantize(coarse.clone()).dequantize(coarse.clone())
        }),
        case("a weight is quantized by its outputs", |b| {
            let scales = channels(&[0.01, 0.02, 0.03, 0.04, 0.05], 1);
            let weight = random(b, "w", [8, 5]).quantize(scales.clone()).dequantize(scales);
            real(b, &[3, 8]).quantize(coarse.clone()).dequantize(coarse.clone()).matmul(weight)
        }),
        case("a convolution is quantized on both sides", |b| {
            let scales = channels(&[0.02, 0.04], 0);
            let weight = random(b, "w", [2, 3, 3, 3]).quantize(scales.clone()).dequantize(scales);
            let x = real(b, &[3, 6, 6]).quantize(coarse.clone()).dequantize(coarse.clone());
            // An odd multiple of 0.2371 / 2 is no multiple of 0.03 · 0.02: no sum lies between two
            // steps of the result.
            let result = Scales::Tensor(0.2371);
            x.conv2d(weight, None, 1, 1, 1).quantize(result.clone()).dequantize(result)
        }),
    ]
}

fn norm() -> Vec<Case> {
    vec![
        case("layer norm over the last axis", |b| {
            real(b, &[3, 16]).affine(3.0, 5.0).layer_norm(
                random(b, "gain", [16]),
                random(b, "bias", [16]),
                1e-5,
            )
        }),
        case("group norm over maps", |b| {
            real(b, &[8, 3, 5]).affine(3.0, 5.0).group_norm(
                random(b, "gain", [8]),
                random(b, "bias", [8]),
                4,
                1e-5,
            )
        }),
        case("group norm of one group", |b| {
            real(b, &[4, 3, 5]).group_norm(random(b, "gain", [4]), random(b, "bias", [4]), 1, 1e-5)
        }),
        case("l2 normalisation gives length one", |b| real(b, &[3, 16]).l2_normalize()),
        case("l2 normalisation of zero is zero", |b| {
            real(b, &[3, 16]).affine(0.0, 0.0).l2_normalize()
        }),
        case("softmax sums to one", |b| real(b, &[3, 40]).affine(20.0, 0.0).softmax()),
        case("mean over the image", |b| real(b, &[4, 3, 5]).mean(&[2, 3])),
        case("mean over one axis", |b| real(b, &[4, 3, 5]).mean(&[1])),
    ]
}

fn layout() -> Vec<Case> {
    vec![
        case("reshape splits heads", |b| {
            real(b, &[5, 8]).reshape([N, 5.into(), 2.into(), 4.into()])
        }),
        case("transpose permutes four axes", |b| real(b, &[3, 4, 5]).transpose(&[0, 3, 1, 2])),
        case("concat joins three", |b| {
            let x = real(b, &[3, 4]);
            b.concat(&[x, x.relu(), x.slice(1, 0, 1)], 1)
        }),
        case("slice takes the middle", |b| real(b, &[6, 4]).slice(1, 2, 5)),
        case("expand repeats a parameter for every image", |b| {
            real(b, &[2, 4]) + random(b, "token", [1, 1, 4]).expand([N, 2.into(), 4.into()])
        }),
        case("expand repeats over images and queries", |b| {
            let per_query = queries(b, 4).reshape([1.into(), K, 4.into()]).expand([N, K, 4.into()]);
            per_query * real(b, &[4]).reshape([N, 1.into(), 4.into()])
        }),
        case("a constant is what it says", |b| {
            real(b, &[2, 2]) + b.constant(&[1.0, -2.0, 0.5, 4.0], [2, 2])
        }),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The number of variants of `Op`. A new op changes it, and needs a case.
    const OPS: usize = 34;

    #[test]
    fn every_op_has_a_case() {
        let cases = op_cases();
        let ops: BTreeSet<&str> = cases
            .iter()
            .flat_map(|case| case.graph.nodes().iter().map(|node| node.op.name()))
            .collect();
        assert_eq!(ops.len(), OPS, "{ops:?}");
    }

    #[test]
    fn no_two_cases_share_a_name() {
        let cases = op_cases();
        assert_eq!(cases.iter().map(|case| &case.name).collect::<BTreeSet<_>>().len(), cases.len());
    }
}
