//! Layers that several parts share. A layer is a function: it opens a scope, makes its parameters,
//! returns a value.

use rszs_graph::{Builder, Init, N, Value};

use crate::Config;

const VIT_MLP_RATIO: usize = 4;

/// The non-linearity of a transformer's MLP. CLIP and DINO differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    Gelu,
    QuickGelu,
}

/// Sizes and constants of one transformer block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockShape {
    pub(crate) width: usize,
    pub(crate) heads: usize,
    pub(crate) layers: usize,
    pub(crate) epsilon: f32,
    pub(crate) activation: Activation,
    pub(crate) drop_path: f32,
}

/// `x · weight + bias` over the last axis; weight `[inputs, outputs]`.
#[track_caller]
pub(crate) fn linear<'g>(b: &'g Builder, name: &str, x: Value<'g>, outputs: usize) -> Value<'g> {
    let inputs = last(x);
    linear_from(b, name, x, outputs, Init::FanIn { fan_in: inputs })
}

#[track_caller]
fn linear_from<'g>(
    b: &'g Builder,
    name: &str,
    x: Value<'g>,
    outputs: usize,
    init: Init,
) -> Value<'g> {
    b.scoped(name, || {
        let weight = b.param("weight", [last(x), outputs], init);
        let bias = b.param("bias", [outputs], Init::Constant(0.0));
        x.matmul(weight) + bias
    })
}

/// Layer normalisation over the last axis with gain `weight` and bias.
#[track_caller]
pub(crate) fn layer_norm<'g>(b: &'g Builder, name: &str, x: Value<'g>, epsilon: f32) -> Value<'g> {
    b.scoped(name, || {
        let (weight, bias) = gain_and_bias(b, last(x));
        x.layer_norm(weight, bias, epsilon)
    })
}

/// 3×3 convolution, in two parts where `config.separable`, group normalisation, `ReLU`. No
/// statistics over a batch anywhere: batches are two a GPU.
#[track_caller]
pub(crate) fn conv_block<'g>(
    b: &'g Builder,
    name: &str,
    x: Value<'g>,
    outputs: usize,
    config: &Config,
) -> Value<'g> {
    b.scoped(name, || {
        let inputs = x.dim(1).as_fixed().unwrap_or_default();
        let map = if config.separable {
            pointwise(b, depthwise(b, "depthwise", x), outputs)
        } else {
            let weight =
                b.param("weight", [outputs, inputs, 3, 3], Init::FanIn { fan_in: inputs * 9 });
            x.conv2d(weight, None, 1, 1, 1)
        };
        group_norm(b, "norm", map, config.norm_groups).relu()
    })
}

/// One 3×3 filter a channel, without bias.
#[track_caller]
pub(crate) fn depthwise<'g>(b: &'g Builder, name: &str, maps: Value<'g>) -> Value<'g> {
    let channels = maps.dim(1).as_fixed().unwrap_or_default();
    b.scoped(name, || {
        let weight = b.param("weight", [channels, 1, 3, 3], Init::FanIn { fan_in: 9 });
        maps.conv2d(weight, None, 1, 1, channels)
    })
}

/// 1×1 convolution without bias.
#[track_caller]
fn pointwise<'g>(b: &'g Builder, map: Value<'g>, outputs: usize) -> Value<'g> {
    let inputs = map.dim(1).as_fixed().unwrap_or_default();
    let weight = b.param("weight", [outputs, inputs, 1, 1], Init::FanIn { fan_in: inputs });
    map.conv2d(weight, None, 1, 0, 1)
}

/// Group normalisation of `[N, C, H, W]`.
#[track_caller]
pub(crate) fn group_norm<'g>(b: &'g Builder, name: &str, x: Value<'g>, groups: usize) -> Value<'g> {
    b.scoped(name, || {
        let (weight, bias) = gain_and_bias(b, x.dim(1).as_fixed().unwrap_or_default());
        x.group_norm(weight, bias, groups, 1e-5)
    })
}

/// Learned upsampling by `factor`: every input pixel writes its own `factor × factor` block.
#[track_caller]
pub(crate) fn upsample<'g>(
    b: &'g Builder,
    name: &str,
    x: Value<'g>,
    outputs: usize,
    factor: usize,
) -> Value<'g> {
    b.scoped(name, || {
        let inputs = x.dim(1).as_fixed().unwrap_or_default();
        let weight =
            b.param("weight", [inputs, outputs, factor, factor], Init::FanIn { fan_in: inputs });
        let bias = b.param("bias", [outputs], Init::Constant(0.0));
        x.conv_transpose2d(weight, Some(bias), factor)
    })
}

/// A pre-norm transformer block: `x + attention(norm(x))`, then `x + mlp(norm(x))`.
/// `mask` is added to the scores, `[1, 1, T, T]`.
#[track_caller]
pub(crate) fn block<'g>(
    b: &'g Builder,
    x: Value<'g>,
    mask: Option<Value<'g>>,
    shape: &BlockShape,
) -> Value<'g> {
    let normed = layer_norm(b, "norm1", x, shape.epsilon);
    let attended = attention(b, "attn", normed, normed, mask, shape.heads, shape.layers);
    let x = x + drop_path(attended, shape.drop_path);
    x + drop_path(mlp(b, layer_norm(b, "norm2", x, shape.epsilon), shape), shape.drop_path)
}

/// The block's MLP, `width → 4·width → width`.
#[track_caller]
pub(crate) fn mlp<'g>(b: &'g Builder, x: Value<'g>, shape: &BlockShape) -> Value<'g> {
    b.scoped("mlp", || {
        let hidden = linear(b, "fc1", x, VIT_MLP_RATIO * shape.width);
        let hidden = match shape.activation {
            Activation::Gelu => hidden.gelu(),
            Activation::QuickGelu => hidden.quick_gelu(),
        };
        linear_from(
            b,
            "fc2",
            hidden,
            shape.width,
            residual_init(VIT_MLP_RATIO * shape.width, shape.layers),
        )
    })
}

/// Multi-head attention, `queries: [N, T, C]`, `context: [N, S, C']` → `[N, T, C]`. The scale is
/// folded into q, shapes are static: engines recognise and fuse this form.
#[track_caller]
pub(crate) fn attention<'g>(
    b: &'g Builder,
    name: &str,
    queries: Value<'g>,
    context: Value<'g>,
    mask: Option<Value<'g>>,
    heads: usize,
    layers: usize,
) -> Value<'g> {
    let width = last(queries);
    let head_width = width / heads;
    let split = |x: Value<'g>, axes: [usize; 4]| {
        x.reshape([x.dim(0), x.dim(1), heads.into(), head_width.into()]).transpose(&axes)
    };
    b.scoped(name, || {
        let scale = (head_width as f32).powf(-0.5);
        let q = split(linear(b, "q", queries, width) * scale, [0, 2, 1, 3]);
        let k = split(linear(b, "k", context, width), [0, 2, 3, 1]);
        let v = split(linear(b, "v", context, width), [0, 2, 1, 3]);
        let scores = q.matmul(k);
        let weights = mask.map_or(scores, |mask| scores + mask).softmax();
        let joined = weights.matmul(v).transpose(&[0, 2, 1, 3]);
        let joined = joined.reshape([queries.dim(0), queries.dim(1), width.into()]);
        linear_from(b, "out", joined, width, residual_init(width, layers))
    })
}

/// The value path alone, as CAT-Seg reads dense features out of CLIP's last block: no mixing of
/// tokens. Same parameter names as [`attention`]; q and k do not exist.
#[track_caller]
pub(crate) fn value_path<'g>(b: &'g Builder, name: &str, x: Value<'g>, layers: usize) -> Value<'g> {
    let width = last(x);
    b.scoped(name, || {
        linear_from(b, "out", linear(b, "v", x, width), width, residual_init(width, layers))
    })
}

/// What a stream's tokens are projected from.
#[derive(Debug, Clone, Copy)]
pub enum TokenSource<'g> {
    /// Square pieces of normalised pixels `[N, 3, S, S]`, as in published towers.
    Patches {
        /// The pixels.
        pixels: Value<'g>,
        /// Side of a piece.
        patch_px: usize,
    },
    /// Every place of a map `[N, C, G, G]`, as of a stem.
    Map(Value<'g>),
}

/// Tokens `[N, 1 + T, C]`, the class token in front and positions added.
#[track_caller]
pub(crate) fn embed_patches<'g>(
    b: &'g Builder,
    source: TokenSource<'g>,
    width: usize,
    with_bias: bool,
) -> Value<'g> {
    let (map, kernel) = match source {
        TokenSource::Patches { pixels, patch_px } => (pixels, patch_px),
        TokenSource::Map(map) => (map, 1),
    };
    let channels = map.dim(1).as_fixed().unwrap_or_default();
    let tokens = (map.dim(2).as_fixed().unwrap_or_default() / kernel).pow(2);
    let patches = b.scoped("patch", || {
        let fan_in = channels * kernel * kernel;
        let weight = b.param("weight", [width, channels, kernel, kernel], Init::FanIn { fan_in });
        let bias = with_bias.then(|| b.param("bias", [width], Init::Constant(0.0)));
        map.conv2d(weight, bias, kernel, 0, 1)
    });
    let patches = patches.reshape([N, width.into(), tokens.into()]).transpose(&[0, 2, 1]);
    let small = Init::Normal { standard_deviation: 0.02 };
    let class_token =
        b.param("class_token", [1, 1, width], small).expand([N, 1.into(), width.into()]);
    b.concat(&[class_token, patches], 1) + b.param("positions", [1 + tokens, width], small)
}

/// `[N, T, C]` tokens of a square grid as a map `[N, C, side, side]`.
#[track_caller]
pub(crate) fn tokens_to_map(tokens: Value<'_>) -> Value<'_> {
    let count = tokens.dim(1).as_fixed().unwrap_or_default();
    let side = count.isqrt();
    tokens.transpose(&[0, 2, 1]).reshape([tokens.dim(0), tokens.dim(2), side.into(), side.into()])
}

/// The reverse of [`tokens_to_map`].
#[track_caller]
pub(crate) fn map_to_tokens(map: Value<'_>) -> Value<'_> {
    map.reshape([map.dim(0), map.dim(1), map.dim(2) * map.dim(3)]).transpose(&[0, 2, 1])
}

fn drop_path(x: Value<'_>, probability: f32) -> Value<'_> {
    if probability > 0.0 { x.drop_path(probability) } else { x }
}

/// A layer that writes into a residual stream of `2 · layers` branches starts smaller by their
/// square root (GPT-2, CLIP).
fn residual_init(fan_in: usize, layers: usize) -> Init {
    Init::Normal { standard_deviation: ((fan_in * 2 * layers) as f32).powf(-0.5) }
}

fn gain_and_bias(b: &Builder, width: usize) -> (Value<'_>, Value<'_>) {
    (b.param("weight", [width], Init::Constant(1.0)), b.param("bias", [width], Init::Constant(0.0)))
}

fn last(x: Value<'_>) -> usize {
    x.shape().0.last().and_then(|dim| dim.as_fixed()).unwrap_or_default()
}
