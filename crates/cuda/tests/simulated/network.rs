//! A network of a few lines, on the host for the oracle and on the simulator's streams for the
//! frame path.

use half::f16;
use rszs_cuda::Stream;
use rszs_cuda::frame::{DeviceEngine, EngineShape, EngineTensors, LogitType};
use rszs_cuda_simulator::Simulator;

/// Logits `[K, T4, T4]` and presences `[K]` of one tile `[T, T, 3]` and embeddings `[K, D]`.
pub(crate) type Score =
    fn(tile: &[u8], tile_px: usize, embeddings: &[f32], logits: &mut [f32], presence: &mut [f32]);

/// Every logit of a query is its embedding, D being 1.
pub(crate) fn level(
    _: &[u8],
    tile_px: usize,
    embeddings: &[f32],
    logits: &mut [f32],
    presence: &mut [f32],
) {
    let planes = logits.chunks_exact_mut((tile_px / 4).pow(2));
    planes.zip(embeddings).for_each(|(plane, value)| plane.fill(*value));
    presence.fill(0.5);
}

/// A logit looks at its 4×4 pixels and at where it is in its tile, so that tiles disagree where
/// they overlap.
pub(crate) fn waves(
    tile: &[u8],
    tile_px: usize,
    embeddings: &[f32],
    logits: &mut [f32],
    presence: &mut [f32],
) {
    let side = tile_px / 4;
    let width = embeddings.len() / presence.len();
    for (query, presence) in presence.iter_mut().enumerate() {
        let embedding = &embeddings[query * width..][..width];
        let mut sum = 0.0;
        for (place, logit) in logits[query * side * side..][..side * side].iter_mut().enumerate() {
            let (x, y) = (place % side, place / side);
            let colour = |part: usize| {
                f32::from(tile[((4 * y + 1) * tile_px + 4 * x + 2) * 3 + part]) / 16.0 - 8.0
            };
            let tilt = (x as f32 - y as f32) / side as f32;
            *logit = embedding
                .iter()
                .enumerate()
                .map(|(part, weight)| colour(part) * weight)
                .sum::<f32>()
                + tilt;
            sum += *logit;
        }
        *presence = (sum / (side * side) as f32 / 8.0).clamp(-1.0, 1.0);
    }
}

/// What a 16-bit engine makes of a logit.
pub(crate) fn rounded(logit: f32, logits: LogitType) -> f32 {
    match logits {
        LogitType::F32 => logit,
        LogitType::F16 => f16::from_f32(logit).to_f32(),
    }
}

/// The network for the oracle: what a tile gives, its logits rounded as an engine of `kind` rounds
/// them.
pub(crate) fn on_host(
    score: Score,
    embeddings: &[f32],
    kind: LogitType,
) -> impl FnMut(usize, &[u8], &mut [f32], &mut [f32]) {
    move |_, pixels, logits, presence| {
        score(pixels, (pixels.len() / 3).isqrt(), embeddings, logits, presence);
        for logit in logits {
            *logit = rounded(*logit, kind);
        }
    }
}

/// The network on a stream.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) simulator: &'static Simulator,
    pub(crate) score: Score,
    pub(crate) logits: LogitType,
    pub(crate) is_capturable: bool,
}

impl DeviceEngine for Network {
    fn logits(&self) -> LogitType {
        self.logits
    }

    fn is_capturable(&self) -> bool {
        self.is_capturable
    }

    #[expect(unsafe_code, reason = "an engine works on addresses")]
    unsafe fn enqueue(
        &mut self,
        stream: &Stream,
        tensors: &EngineTensors,
        shape: &EngineShape,
        count: usize,
    ) -> Result<(), String> {
        let (tensors, shape, kind, score) = (*tensors, *shape, self.logits, self.score);
        self.simulator.ask(stream.handle(), move || run(&tensors, &shape, kind, score, count));
        Ok(())
    }
}

#[expect(unsafe_code, reason = "the simulator's device memory is named by addresses")]
fn run(tensors: &EngineTensors, shape: &EngineShape, kind: LogitType, score: Score, count: usize) {
    let EngineShape { tile_px, rows, width, .. } = *shape;
    let (tile_len, plane) = (tile_px * tile_px * 3, tile_px / 4 * (tile_px / 4));
    // SAFETY: the frame path has made room for a batch at these addresses, and the simulator's
    // device memory is the host's.
    let (tiles, embeddings, presence) = unsafe {
        (
            std::slice::from_raw_parts(tensors.tiles as *const u8, count * tile_len),
            std::slice::from_raw_parts(tensors.queries as *const f32, rows * width),
            std::slice::from_raw_parts_mut(tensors.presence as *mut f32, count * rows),
        )
    };
    let mut logits = vec![0.0; count * rows * plane];
    let outputs = logits.chunks_exact_mut(rows * plane).zip(presence.chunks_exact_mut(rows));
    for (tile, (logits, presence)) in tiles.chunks_exact(tile_len).zip(outputs) {
        score(tile, tile_px, embeddings, logits, presence);
    }
    // SAFETY: as above, for logits of this kind.
    unsafe {
        match kind {
            LogitType::F32 => {
                std::slice::from_raw_parts_mut(tensors.logits as *mut f32, logits.len())
                    .copy_from_slice(&logits);
            }
            LogitType::F16 => {
                let out = std::slice::from_raw_parts_mut(tensors.logits as *mut f16, logits.len());
                out.iter_mut().zip(&logits).for_each(|(out, logit)| *out = f16::from_f32(*logit));
            }
        }
    }
}
