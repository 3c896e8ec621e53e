//! Category-Adaptive Refinement Head (CARH): one map of logits for each query.
//!
//! Paper, section 3.4. `A_k`, "the attention of category k", cannot come from a softmax over one
//! query; it is `sigmoid(s · ⟨W_q E(t_k), W_k F(p)⟩ / √d + b)` per attention head, averaged. The
//! value path is what `FiLM` needs: F pooled by the query's softmax over the image gives each
//! query a gain and a bias per channel (arXiv:1709.07871).
//!
//! What makes a further query nearly free: the first projection Z = W F is a 1×1 convolution, which
//! commutes with the per-pixel scalar `A_k` (W (`A_k` F) = `A_k` (W F)), so it and its norm are
//! computed once. The norm comes before `A_k` on purpose: after it, it would scale the faint answer
//! of an absent category up to that of a present one. No op mixes queries: any subset gives the
//! same maps.

use rszs_graph::{Builder, Dim, Init, K, N, Value};

use crate::layers::{depthwise, group_norm, linear, map_to_tokens, tokens_to_map};
use crate::{Config, HeadConfig};

/// `f: [N, C, H, W]` at stride 4, `queries: [K, D]` → logits `[N, K, H, W]`.
pub(crate) fn carh<'g>(
    b: &'g Builder,
    f: Value<'g>,
    queries: Value<'g>,
    config: &Config,
) -> Value<'g> {
    let &HeadConfig { channels, initial_logit, .. } = &config.head;
    let (height, width) = (f.dim(2), f.dim(3));
    let pixels = height * width;
    // A group of one channel would lose its mean, and with it whether the category is there at all.
    let groups = config.norm_groups.min(channels / 2).max(1);
    b.scoped("carh", || {
        let tokens = map_to_tokens(f);
        let scores = pixel_scores(b, tokens, queries, &config.head);
        let attention = gate(b, scores, &config.head).reshape([N, K, 1.into(), pixels]);
        let context = pooled_context(b, tokens, scores, &config.head);

        let z =
            group_norm(b, "norm", tokens_to_map(linear(b, "project", tokens, channels)), groups);
        let modulated = z.reshape([N, 1.into(), channels.into(), pixels]) * attention;
        let maps = modulated.reshape([N * K, channels.into(), height, width]);
        let spread = depthwise(b, "spread", maps);

        let per_map: [Dim; 4] = [N * K, channels.into(), 1.into(), 1.into()];
        let gain = linear(b, "film_gain", context, channels).affine(1.0, 1.0).reshape(per_map);
        let shift = linear(b, "film_shift", context, channels).reshape(per_map);
        let refined = (spread * gain + shift).relu();

        let direct = scores.mean(&[1]).reshape([N, K, height, width]);
        let direct_gain = b.param("direct_gain", [1], Init::Constant(1.0));
        classify(b, refined, channels, initial_logit).reshape([N, K, height, width])
            + direct * direct_gain
    })
}

/// What takes the head's place in the ablation without it: scaled cosines. Same shapes.
pub(crate) fn without_carh<'g>(
    b: &'g Builder,
    f: Value<'g>,
    queries: Value<'g>,
    config: &Config,
) -> Value<'g> {
    b.scoped("carh", || {
        let features = linear(b, "project", map_to_tokens(f), config.joint_width).l2_normalize();
        let texts = queries.reshape([1.into(), K, config.joint_width.into()]);
        let cosines =
            texts.matmul(features.transpose(&[0, 2, 1])).reshape([N, K, f.dim(2), f.dim(3)]);
        let scale = b.param("scale", [1], Init::Constant(10.0));
        cosines * scale + b.param("bias", [1], Init::Constant(config.head.initial_logit))
    })
}

/// `⟨W_q E(t_k), W_k F(p)⟩ / √d` per head: `[N, heads, K, P]`.
fn pixel_scores<'g>(
    b: &'g Builder,
    tokens: Value<'g>,
    queries: Value<'g>,
    head: &HeadConfig,
) -> Value<'g> {
    let &HeadConfig { heads, head_width, .. } = head;
    // Rows of the joint space have length 1: an element of E(t_k) is about 1/√D, so W_q starts
    // larger by √D.
    let joint_width = queries.dim(1).as_fixed().unwrap_or_default();
    let q = b.scoped("q", || {
        let weight = b.param(
            "weight",
            [joint_width, heads * head_width],
            Init::Normal { standard_deviation: 1.0 },
        );
        queries.matmul(weight) + b.param("bias", [heads * head_width], Init::Constant(0.0))
    });
    let q = (q * (head_width as f32).powf(-0.5)).reshape([
        1.into(),
        K,
        heads.into(),
        head_width.into(),
    ]);
    let k = linear(b, "k", tokens, heads * head_width);
    let k = k.reshape([N, tokens.dim(1), heads.into(), head_width.into()]);
    q.transpose(&[0, 2, 1, 3]).matmul(k.transpose(&[0, 2, 3, 1]))
}

/// `A_k`: `[N, heads, K, P]` scores → `[N, 1, K, P]` in 0 to 1.
fn gate<'g>(b: &'g Builder, scores: Value<'g>, head: &HeadConfig) -> Value<'g> {
    let per_head = [1, head.heads, 1, 1];
    let gain = b.param("gate_gain", per_head, Init::Constant(1.0));
    let bias = b.param("gate_bias", per_head, Init::Constant(0.0));
    (scores * gain + bias).sigmoid().mean(&[1])
}

/// The value path: F pooled by each query's softmax over the image, `[N, K, heads · head_width]`.
fn pooled_context<'g>(
    b: &'g Builder,
    tokens: Value<'g>,
    scores: Value<'g>,
    head: &HeadConfig,
) -> Value<'g> {
    let &HeadConfig { heads, head_width, .. } = head;
    let v = linear(b, "v", tokens, heads * head_width);
    let v = v.reshape([N, tokens.dim(1), heads.into(), head_width.into()]).transpose(&[0, 2, 1, 3]);
    let pooled = scores.softmax().matmul(v);
    pooled.transpose(&[0, 2, 1, 3]).reshape([N, K, (heads * head_width).into()])
}

fn classify<'g>(b: &'g Builder, maps: Value<'g>, channels: usize, initial_logit: f32) -> Value<'g> {
    b.scoped("classify", || {
        let weight = b.param("weight", [1, channels, 3, 3], Init::FanIn { fan_in: channels * 9 });
        maps.conv2d(weight, Some(b.param("bias", [1], Init::Constant(initial_logit))), 1, 1, 1)
    })
}
