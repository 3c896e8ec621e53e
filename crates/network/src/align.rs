//! Alignment of a whole tile with words: what `L_align` trains, and the presence score of each
//! query.
//!
//! Paper, section 3.5: the globally average-pooled F against `E(t_k)`. The same cosine, kept at
//! inference, tells which queries are in a tile at all: the cheapest false-positive filter on tiled
//! imagery (SegEarth-OV3 gates with such a score).

use rszs_graph::{Builder, K, N, Value};

use crate::Config;
use crate::layers::linear;

/// A tile's place in the joint space and its cosine with every query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alignment<'g> {
    /// W · GAP(F), L2-normalised: `[N, D]`.
    pub(crate) aligned: Value<'g>,
    /// Cosine with each query: `[N, K]`, in [-1, 1].
    pub(crate) presence: Value<'g>,
}

/// `f: [N, C, H, W]`, `queries: [K, D]`.
pub(crate) fn align<'g>(
    b: &'g Builder,
    f: Value<'g>,
    queries: Value<'g>,
    config: &Config,
) -> Alignment<'g> {
    let width = config.joint_width;
    let pooled = f.mean(&[2, 3]).reshape([N, config.decoder_width.into()]);
    let aligned = b.scoped("align", || linear(b, "project", pooled, width).l2_normalize());
    // A product and a sum per query rather than a matrix product: the order of summation cannot
    // depend on K.
    let products =
        aligned.reshape([N, 1.into(), width.into()]) * queries.reshape([1.into(), K, width.into()]);
    let presence = b.scoped("align", || products.mean(&[2]).reshape([N, K]) * width as f32);
    Alignment { aligned, presence }
}
