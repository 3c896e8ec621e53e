//! Multi-scale cross-attention module: the vision-language stream asks, the remote-sensing stream answers, at three
//! scales, and the answers are added up from coarse to fine.
//!
//! Paper, section 3.4. Left open there and settled here: the scales are strides 32, 16 and 8 of the tile; features of a
//! scale are the *projected* streams with `F_DSFE` of that scale as shared context (which covers both readings of "or
//! their projections from `F_DSFE`"); attention at stride 8 sees keys pooled 2×2 (full attention there would cost more than
//! a stream); aggregation is that of a feature pyramid, refined by taps of the vision-language stream (`GSNet`'s decoder
//! takes the same taps), and ends at stride 4: a full-resolution map of this width would cost 268 MB an image.

use rszs_graph::{Builder, Value};

use crate::Config;
use crate::dsfe::Fused;
use crate::layers::{attention, conv_block, layer_norm, linear, map_to_tokens, tokens_to_map, upsample};

const EPSILON: f32 = 1e-5;

/// `taps: [N, T, C]` coarse and fine → F: `[N, C_decoder, 4G, 4G]`, stride 4.
pub(crate) fn ms_cam<'g>(b: &'g Builder, fused: &Fused<'g>, taps: [Value<'g>; 2], config: &Config) -> Value<'g> {
    let grid = config.vlm.grid();
    let (width, decoder, groups) = (config.fusion_width, config.decoder_width, config.norm_groups);
    b.scoped("ms_cam", || {
        let half = fused.map(|map| map.avg_pool2d(2));
        let double = Fused {
            vlm: fused.vlm.resize(2 * grid, 2 * grid),
            rsi: fused.rsi.resize(2 * grid, 2 * grid),
            both: upsample(b, "finer_context", fused.both, width, 2),
        };
        let stride_32 = cross_attend(b, "stride_32", &half, 1, config);
        let stride_16 = cross_attend(b, "stride_16", fused, 1, config);
        let stride_8 = cross_attend(b, "stride_8", &double, 2, config);

        let [coarse_tap, fine_tap] = taps.map(tokens_to_map);
        let x = stride_16 + stride_32.resize(grid, grid);
        let x = conv_block(b, "join_16", x, width, groups);
        let x = stride_8 + x.resize(2 * grid, 2 * grid) + upsample(b, "tap_8", coarse_tap, width, 2);
        let x = conv_block(b, "join_8", x, width, groups);
        let x = narrow(b, x, decoder).resize(4 * grid, 4 * grid) + upsample(b, "tap_4", fine_tap, decoder, 4);
        conv_block(b, "join_4", x, decoder, groups)
    })
}

/// What takes the module's place in the ablation without it: `F_DSFE`, upsampled.
pub(crate) fn without_ms_cam<'g>(b: &'g Builder, fused: &Fused<'g>, config: &Config) -> Value<'g> {
    let side = 4 * config.vlm.grid();
    b.scoped("ms_cam", || {
        let x = narrow(b, fused.both, config.decoder_width).resize(side, side);
        conv_block(b, "join_4", x, config.decoder_width, config.norm_groups)
    })
}

/// `V + attention(Q = norm(V), K = V = norm(R))` with V and R the two streams in the context of `F_DSFE`.
fn cross_attend<'g>(b: &'g Builder, name: &str, scale: &Fused<'g>, key_pool: usize, config: &Config) -> Value<'g> {
    b.scoped(name, || {
        let asking = scale.vlm + scale.both;
        let answering = scale.rsi + scale.both;
        let answering = if key_pool > 1 { answering.avg_pool2d(key_pool) } else { answering };
        let queries = layer_norm(b, "norm_vlm", map_to_tokens(asking), EPSILON);
        let keys = layer_norm(b, "norm_rsi", map_to_tokens(answering), EPSILON);
        asking + tokens_to_map(attention(b, "attn", queries, keys, None, config.fusion_heads, 1))
    })
}

/// 1×1 convolution to fewer channels, before the map grows.
fn narrow<'g>(b: &'g Builder, map: Value<'g>, channels: usize) -> Value<'g> {
    tokens_to_map(linear(b, "narrow", map_to_tokens(map), channels))
}

impl<'g> Fused<'g> {
    fn map(&self, change: impl Fn(Value<'g>) -> Value<'g>) -> Self {
        Self { vlm: change(self.vlm), rsi: change(self.rsi), both: change(self.both) }
    }
}
