//! From the bytes of a tile to what a stream expects. Inside the graph, so that no host can do it
//! differently.

use rszs_graph::{Builder, Value};

use crate::{StemConfig, VitConfig};

/// `tiles: [N, H, W, 3]` bytes → `[N, 3, H, W]` reals, shared by both streams.
pub(crate) fn channels_first(tiles: Value<'_>) -> Value<'_> {
    tiles.cast().transpose(&[0, 3, 1, 2])
}

/// `[N, 3, H, W]` in 0 to 255 → `[N, 3, S, S]`, resized to the stream's input and normalised with
/// its statistics.
pub(crate) fn stream_pixels<'g>(
    b: &'g Builder,
    pixels: Value<'g>,
    stream: &VitConfig,
) -> Value<'g> {
    let side = stream.input_px;
    let resized = if pixels.dim(2) == side.into() { pixels } else { pixels.resize(side, side) };
    normalise(b, resized, stream.pixel_mean, stream.pixel_std)
}

/// `[N, 3, H, W]` in 0 to 255, normalised with the stem's statistics.
pub(crate) fn stem_pixels<'g>(b: &'g Builder, pixels: Value<'g>, stem: &StemConfig) -> Value<'g> {
    normalise(b, pixels, stem.pixel_mean, stem.pixel_std)
}

fn normalise<'g>(
    b: &'g Builder,
    pixels: Value<'g>,
    mean: [f32; 3],
    deviation: [f32; 3],
) -> Value<'g> {
    let mean = mean.map(|mean| mean * 255.0);
    let gain = deviation.map(|deviation| 1.0 / (deviation * 255.0));
    (pixels - b.constant(&mean, [1, 3, 1, 1])) * b.constant(&gain, [1, 3, 1, 1])
}
