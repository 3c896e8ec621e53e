//! The remote-sensing stream: DINO's vision transformer.
//!
//! Source: arXiv:2104.14294 and facebookresearch/dino `vision_transformer.py`: pre-norm blocks,
//! exact GELU, epsilon 1e-6, patches with bias, no norm before the first block, one after the last.

use rszs_graph::{Builder, Value};

use crate::VitConfig;
use crate::layers::{Activation, BlockShape, TokenSource, block, embed_patches, layer_norm};

const EPSILON: f32 = 1e-6;

/// Every token after the final norm, the class token first: `[N, 1 + T, C]`.
pub fn tower<'g>(b: &'g Builder, source: TokenSource<'g>, config: &VitConfig) -> Value<'g> {
    let mut x = embed_patches(b, source, config.width, true);
    for layer in 0..config.layers {
        let shape = BlockShape {
            width: config.width,
            heads: config.heads,
            layers: config.layers,
            epsilon: EPSILON,
            activation: Activation::Gelu,
            drop_path: config.drop_path_at(layer),
        };
        x = b.scoped(format!("blocks.{layer}"), || block(b, x, None, &shape));
    }
    layer_norm(b, "norm_after", x, EPSILON)
}
