//! CLIP's two towers.
//!
//! Source: arXiv:2103.00020 and openai/CLIP `clip/model.py`: pre-norm blocks, QuickGELU, epsilon
//! 1e-5, a norm before the first block, patches without bias, projections without bias. Dense
//! features: CAT-Seg's value path (cvlab-kaist/CAT-Seg, the variant that `GSNet` trains with).

use rszs_graph::{Builder, Init, K, N, Value};

use crate::layers::{
    Activation, BlockShape, TokenSource, block, embed_patches, layer_norm, mlp, value_path,
};
use crate::{TextConfig, VitConfig};

const EPSILON: f32 = 1e-5;

/// Added to a score to forbid it. `exp` of it is 0 in f32 and in f16, and it is finite in both.
const FORBIDDEN: f32 = -1e4;

/// What the vision-language stream gives the rest of the network.
#[derive(Debug, Clone, Copy)]
pub struct Dense<'g> {
    /// Features of every patch in the joint space, `[N, T, D]`, not normalised.
    pub features: Value<'g>,
    /// Outputs of the two tapped blocks without the class token, `[N, T, C]`: coarse, fine.
    pub taps: [Value<'g>; 2],
}

/// One vector an image, as CLIP was trained: `[N, D]`, not normalised.
pub fn pooled_tower<'g>(
    b: &'g Builder,
    source: TokenSource<'g>,
    config: &VitConfig,
    joint_width: usize,
) -> Value<'g> {
    let x = (0..config.layers)
        .fold(embed(b, source, config), |x, layer| image_block(b, x, layer, config));
    let class_token = x.slice(1, 0, 1).reshape([N, config.width.into()]);
    project(b, layer_norm(b, "norm_after", class_token, EPSILON), joint_width)
}

/// One vector a patch. The last block passes each patch's value path through, adds the **class
/// token's** residual to every patch (not the patch's own), then goes on as usual.
pub fn dense_tower<'g>(
    b: &'g Builder,
    source: TokenSource<'g>,
    config: &VitConfig,
    taps: [usize; 2],
    joint_width: usize,
) -> Dense<'g> {
    let last = config.layers - 1;
    let mut x = embed(b, source, config);
    let mut tapped = [x; 2];
    for layer in 0..last {
        x = image_block(b, x, layer, config);
        for (tap, value) in taps.iter().zip(&mut tapped) {
            if *tap == layer {
                *value = x;
            }
        }
    }
    let shape = image_block_shape(config, last);
    let patches = b.scoped(format!("blocks.{last}"), || {
        let values =
            value_path(b, "attn", patch_tokens(layer_norm(b, "norm1", x, EPSILON)), config.layers);
        let y = values + x.slice(1, 0, 1);
        y + mlp(b, layer_norm(b, "norm2", y, EPSILON), &shape)
    });
    Dense {
        features: project(b, layer_norm(b, "norm_after", patches, EPSILON), joint_width),
        taps: tapped.map(patch_tokens),
    }
}

/// One vector a prompt. `tokens: [K, context]` ids, `end: [K, context]` one-hot place of the
/// end-of-text token → `[K, D]`, not normalised. Attention is causal, so what follows the end does
/// not matter.
pub fn text_tower<'g>(
    b: &'g Builder,
    tokens: Value<'g>,
    end: Value<'g>,
    config: &TextConfig,
    joint_width: usize,
) -> Value<'g> {
    let &TextConfig { vocabulary, context, width, layers, heads } = config;
    let table = b.param("tokens", [vocabulary, width], Init::Normal { standard_deviation: 0.02 });
    let positions =
        b.param("positions", [context, width], Init::Normal { standard_deviation: 0.01 });
    let mask = causal_mask(b, context);
    let shape = BlockShape {
        width,
        heads,
        layers,
        epsilon: EPSILON,
        activation: Activation::QuickGelu,
        drop_path: 0.0,
    };
    let mut x = table.gather(tokens) + positions;
    for layer in 0..layers {
        x = b.scoped(format!("blocks.{layer}"), || block(b, x, Some(mask), &shape));
    }
    let x = layer_norm(b, "norm_after", x, EPSILON);
    let at_end = end.reshape([K, 1.into(), context.into()]).matmul(x);
    project(b, at_end.reshape([K, width.into()]), joint_width)
}

fn embed<'g>(b: &'g Builder, source: TokenSource<'g>, config: &VitConfig) -> Value<'g> {
    layer_norm(b, "norm_before", embed_patches(b, source, config.width, false), EPSILON)
}

fn image_block<'g>(b: &'g Builder, x: Value<'g>, layer: usize, config: &VitConfig) -> Value<'g> {
    b.scoped(format!("blocks.{layer}"), || block(b, x, None, &image_block_shape(config, layer)))
}

fn image_block_shape(config: &VitConfig, layer: usize) -> BlockShape {
    BlockShape {
        width: config.width,
        heads: config.heads,
        layers: config.layers,
        epsilon: EPSILON,
        activation: Activation::QuickGelu,
        drop_path: config.drop_path_at(layer),
    }
}

fn project<'g>(b: &'g Builder, x: Value<'g>, joint_width: usize) -> Value<'g> {
    let width = x.shape().0.last().and_then(|dim| dim.as_fixed()).unwrap_or_default();
    x.matmul(b.param("projection", [width, joint_width], Init::FanIn { fan_in: width }))
}

fn patch_tokens(x: Value<'_>) -> Value<'_> {
    let tokens = x.dim(1).as_fixed().unwrap_or_default();
    x.slice(1, 1, tokens)
}

fn causal_mask(b: &Builder, context: usize) -> Value<'_> {
    let forbidden = |row: usize, column: usize| if column > row { FORBIDDEN } else { 0.0 };
    let mask: Vec<f32> =
        (0..context * context).map(|cell| forbidden(cell / context, cell % context)).collect();
    b.constant(&mask, [1, 1, context, context])
}
