//! Dual-Stream Feature Extractor (DSFE): both streams' tokens, projected and fused.
//!
//! Paper, section 3.2: 1×1 projections to `D_fusion`, concatenation, convolution. Kernel and norm
//! are left open there: 3×3, group normalisation, `ReLU` (`GSNet` fuses with convolutions over a
//! neighbourhood, too).

use rszs_graph::{Builder, Value};

use crate::Config;
use crate::layers::{conv_block, linear, tokens_to_map};

/// Maps at the token grid, each `[N, D_fusion, G, G]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fused<'g> {
    /// F'_VLM: the projected vision-language stream.
    pub(crate) vlm: Value<'g>,
    /// F'_RSI: the projected remote-sensing stream.
    pub(crate) rsi: Value<'g>,
    /// `F_DSFE`: both, fused.
    pub(crate) both: Value<'g>,
}

/// `vlm: [N, T, D]`, `rsi: [N, T, C]`, T the same grid.
pub(crate) fn dsfe<'g>(
    b: &'g Builder,
    vlm: Value<'g>,
    rsi: Value<'g>,
    config: &Config,
) -> Fused<'g> {
    b.scoped("dsfe", || {
        let vlm = tokens_to_map(linear(b, "vlm", vlm, config.fusion_width));
        let rsi = tokens_to_map(linear(b, "rsi", rsi, config.fusion_width));
        let both = conv_block(b, "fuse", b.concat(&[vlm, rsi], 1), config.fusion_width, config);
        Fused { vlm, rsi, both }
    })
}
