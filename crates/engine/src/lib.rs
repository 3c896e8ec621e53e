//! What computes the network: one enum, one match, chosen at start-up.
//!
//! An engine is used only after it gave the bundle's golden outputs on this machine ([`start`]).
//! Nothing else knows which engine runs. The runtime serves through it, and the exporter, the
//! calibrator and the tests prove files on it: on the very library that serves.
//!
//! | module | what it is |
//! |---|---|
//! | `kind`, `options`, `start` | which engines there are, what is asked of them, self-test |
//! | `session`, `values` | one loaded model: named inputs in, named outputs out |
//! | `onnxruntime`, `library`, `placement` | ONNX Runtime, where it lies, what it puts where |
//! | `embedded` | the engine inside the program |
//! | `tensorrt`, `cache`, `watch` | plans: built by a child process, kept, waited for |
//! | `interrupt` | a flag that asks work to stop |

mod cache;
mod embedded;
mod error;
mod interrupt;
mod kind;
mod library;
mod onnxruntime;
mod onnxruntime_version;
mod options;
mod placement;
mod session;
mod start;
mod tensorrt;
mod values;
mod watch;

use rszs_cuda::Device;

pub use embedded::EmbeddedSession;
pub use error::{EngineError, LoadError, NoEngine, Skipped};
pub use interrupt::Interrupt;
pub use kind::EngineKind;
pub use library::Refusal;
pub use onnxruntime::{LEAST_CUDA_RELEASE, OnnxRuntimeSession, Provider};
pub use options::EngineOptions;
pub use session::Session;
pub use start::{Started, attempts, first_of_each, prove, start};
pub use tensorrt::{SharedTensorRt, TensorRtError, TensorRtSession, serve_builds};
pub use values::{NamedInput, NamedOutput, Values};
pub use watch::{BuildNews, BuildWatch};

/// The one device that is used.
const ORDINAL: u32 = 0;

/// Tiles and queries of one call.
#[derive(Debug, Clone, Copy)]
pub struct TileBatch<'a> {
    /// `[N, tile_px, tile_px, 3]`.
    pub tiles: &'a [u8],
    /// N.
    pub count: usize,
    /// H and W.
    pub tile_px: usize,
    /// `[K, D]`; nothing for a folded model.
    pub embeddings: Option<&'a [f32]>,
    /// K.
    pub rows: usize,
}

/// Where the results of one call go.
#[derive(Debug)]
pub struct TileScores<'a> {
    /// `[N, K, tile_px / 4, tile_px / 4]`.
    pub logits: &'a mut [f32],
    /// `[N, K]`, cosines in [-1, 1].
    pub presence: &'a mut [f32],
}

/// What turns tiles into logits. The open seam of the frame path: tests drive it with an engine of
/// their own.
pub trait TileEngine {
    /// Runs one batch. The outputs have exactly the lengths that the batch asks for.
    fn run(&mut self, batch: TileBatch<'_>, scores: TileScores<'_>) -> Result<(), EngineError>;
}

/// The device that engines of `kind` compute on; nothing for those on the processor.
pub fn device_of(kind: EngineKind) -> Option<Device> {
    kind.is_gpu().then(|| Device::open(ORDINAL).ok()).flatten()
}

/// The bundle's model in an engine that passed the self-test.
#[derive(Debug)]
pub struct Engine {
    session: Session,
}

impl Engine {
    /// Itself on the addresses of a device, where it computes on one.
    pub fn on_device(&self) -> Option<SharedTensorRt> {
        match &self.session {
            Session::TensorRt(session) => Some(session.clone()),
            Session::OnnxRuntime(_) | Session::Embedded(_) => None,
        }
    }

    /// Keeps what the library holds until the process ends: destructors would call into a device
    /// that answers with errors, and what they free is gone with it.
    pub fn leak(&self) {
        match &self.session {
            Session::TensorRt(session) => std::mem::forget(session.clone()),
            Session::OnnxRuntime(session) => session.leak(),
            Session::Embedded(_) => {}
        }
    }
}

impl TileEngine for Engine {
    fn run(&mut self, batch: TileBatch<'_>, scores: TileScores<'_>) -> Result<(), EngineError> {
        const STRIDE: usize = rszs_hot::LOGIT_STRIDE_PX as usize;
        let TileBatch { tiles, count, tile_px, embeddings, rows } = batch;
        let (tiles_shape, tile_logits) = ([count, tile_px, tile_px, 3], tile_px / STRIDE);
        let embeddings = embeddings.unwrap_or_default();
        let queries_shape = [rows, embeddings.len() / rows.max(1)];
        let inputs = [
            NamedInput { name: "tiles", shape: &tiles_shape, values: Values::U8(tiles) },
            NamedInput { name: "queries", shape: &queries_shape, values: Values::F32(embeddings) },
        ];
        let mut outputs = [
            NamedOutput {
                name: "logits",
                shape: &[count, rows, tile_logits, tile_logits],
                values: scores.logits,
            },
            NamedOutput { name: "presence", shape: &[count, rows], values: scores.presence },
        ];
        let used = if batch.embeddings.is_some() { &inputs[..] } else { &inputs[..1] };
        self.session.run(used, &mut outputs)
    }
}
