//! Multi-Scale Contextual Alignment Module (MS-CAM): the vision-language stream asks, the
//! remote-sensing stream answers, at three scales, and the answers are added up from coarse to
//! fine.
//!
//! Paper, section 3.3. Left open there and settled here: the scales are strides 32, 16 and 8 of the
//! tile; features of a scale are the *projected* streams with `F_DSFE` of that scale as shared
//! context (which covers both readings of "or their projections from `F_DSFE`"); attention at
//! stride 8 sees keys pooled 2×2 (full attention there would cost more than a stream); aggregation
//! is that of a feature pyramid, refined by taps of the vision-language stream (`GSNet`'s decoder
//! takes the same taps), and ends at stride 4: a full-resolution map of this width would cost 268
//! MB an image.

use rszs_graph::{Builder, Value};

use crate::Config;
use crate::dsfe::Fused;
use crate::layers::{
    attention, conv_block, layer_norm, linear, map_to_tokens, tokens_to_map, upsample,
};
use crate::stem::StemMaps;

const EPSILON: f32 = 1e-5;

/// What refines the two finest scales.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Taps<'g> {
    /// Tokens `[N, T, C]` of two blocks of the vision-language stream, coarse and fine.
    Tokens([Value<'g>; 2]),
    /// Maps of a stem.
    Maps(StemMaps<'g>),
}

impl<'g> Taps<'g> {
    /// `[N, channels, 2G, 2G]`.
    fn stride_8(self, b: &'g Builder, channels: usize) -> Value<'g> {
        match self {
            Self::Tokens([coarse, _]) => upsample(b, "tap_8", tokens_to_map(coarse), channels, 2),
            Self::Maps(maps) => mix_channels(b, "tap_8", maps.stride_8, channels),
        }
    }

    /// `[N, channels, 4G, 4G]`.
    fn stride_4(self, b: &'g Builder, channels: usize) -> Value<'g> {
        match self {
            Self::Tokens([_, fine]) => upsample(b, "tap_4", tokens_to_map(fine), channels, 4),
            Self::Maps(maps) => mix_channels(b, "tap_4", maps.stride_4, channels),
        }
    }

    /// `F_DSFE` at stride 8: learned from tokens; by interpolation beside a stem, whose maps bring
    /// the detail.
    fn finer_context(
        self,
        b: &'g Builder,
        both: Value<'g>,
        channels: usize,
        side: usize,
    ) -> Value<'g> {
        match self {
            Self::Tokens(_) => upsample(b, "finer_context", both, channels, 2),
            Self::Maps(_) => both.resize(side, side),
        }
    }
}

/// F: `[N, C_decoder, 4G, 4G]`, stride 4.
pub(crate) fn ms_cam<'g>(
    b: &'g Builder,
    fused: &Fused<'g>,
    taps: Taps<'g>,
    config: &Config,
) -> Value<'g> {
    let grid = config.vlm.grid();
    let (width, decoder) = (config.fusion_width, config.decoder_width);
    b.scoped("ms_cam", || {
        let half = fused.map(|map| map.avg_pool2d(2));
        let double = Fused {
            vlm: fused.vlm.resize(2 * grid, 2 * grid),
            rsi: fused.rsi.resize(2 * grid, 2 * grid),
            both: taps.finer_context(b, fused.both, width, 2 * grid),
        };
        let stride_32 = cross_attend(b, "stride_32", &half, 1, config);
        let stride_16 = cross_attend(b, "stride_16", fused, 1, config);
        let stride_8 = cross_attend(b, "stride_8", &double, 2, config);

        let x = stride_16 + stride_32.resize(grid, grid);
        let x = conv_block(b, "join_16", x, width, config);
        let x = stride_8 + x.resize(2 * grid, 2 * grid) + taps.stride_8(b, width);
        let x = conv_block(b, "join_8", x, width, config);
        let narrow = mix_channels(b, "narrow", x, decoder);
        let x = narrow.resize(4 * grid, 4 * grid) + taps.stride_4(b, decoder);
        conv_block(b, "join_4", x, decoder, config)
    })
}

/// What takes the module's place in the ablation without it: `F_DSFE`, upsampled.
pub(crate) fn without_ms_cam<'g>(b: &'g Builder, fused: &Fused<'g>, config: &Config) -> Value<'g> {
    let side = 4 * config.vlm.grid();
    b.scoped("ms_cam", || {
        let x = mix_channels(b, "narrow", fused.both, config.decoder_width).resize(side, side);
        conv_block(b, "join_4", x, config.decoder_width, config)
    })
}

/// `V + attention(Q = norm(V), K = V = norm(R))` with V and R the two streams in the context of
/// `F_DSFE`.
fn cross_attend<'g>(
    b: &'g Builder,
    name: &str,
    scale: &Fused<'g>,
    key_pool: usize,
    config: &Config,
) -> Value<'g> {
    b.scoped(name, || {
        let asking = scale.vlm + scale.both;
        let answering = scale.rsi + scale.both;
        let answering = if key_pool > 1 { answering.avg_pool2d(key_pool) } else { answering };
        let queries = layer_norm(b, "norm_vlm", map_to_tokens(asking), EPSILON);
        let keys = layer_norm(b, "norm_rsi", map_to_tokens(answering), EPSILON);
        asking + tokens_to_map(attention(b, "attn", queries, keys, None, config.fusion_heads, 1))
    })
}

/// 1×1 convolution.
fn mix_channels<'g>(b: &'g Builder, name: &str, map: Value<'g>, channels: usize) -> Value<'g> {
    tokens_to_map(linear(b, name, map_to_tokens(map), channels))
}

impl<'g> Fused<'g> {
    fn map(&self, change: impl Fn(Value<'g>) -> Value<'g>) -> Self {
        Self { vlm: change(self.vlm), rsi: change(self.rsi), both: change(self.both) }
    }
}
