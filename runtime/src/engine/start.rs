//! Choosing an engine and proving that it computes what the bundle says.

use std::num::NonZero;
use std::path::PathBuf;
use std::thread::available_parallelism;

use rszs_bundle::{Bundle, Deviation, Precision};

use super::embedded::EmbeddedSession;
use super::error::precisions;
use super::onnxruntime::OnnxRuntimeSession;
use super::session::Session;
use super::{Engine, LoadError, NoEngine, TileBatch, TileEngine, TileScores};

/// Precisions of the model files that engines on a CPU run well, the preferred one first. Half precision is slower there and has
/// been silently wrong; it is for accelerators.
const CPU_PRECISIONS: [Precision; 2] = [Precision::Fp32, Precision::Int8];

/// The engines, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// ONNX Runtime from a library file.
    OnnxRuntime,
    /// The engine inside this program.
    Embedded,
}

impl EngineKind {
    /// Every engine in the order in which they are tried.
    pub const ALL: [Self; 2] = [Self::OnnxRuntime, Self::Embedded];

    /// As it stands in options and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::OnnxRuntime => "onnxruntime",
            Self::Embedded => "embedded",
        }
    }

    /// Version and place of the library behind it, once it is loaded.
    pub fn library(self) -> String {
        match self {
            Self::OnnxRuntime => OnnxRuntimeSession::library(),
            Self::Embedded => EmbeddedSession::library(),
        }
    }

    /// Loads the bytes of an ONNX file.
    pub fn load(self, model: &[u8], options: &EngineOptions) -> Result<Session, LoadError> {
        let threads = options.threads();
        match self {
            Self::OnnxRuntime => {
                OnnxRuntimeSession::load(model, threads, options.library.as_deref()).map(Session::OnnxRuntime)
            }
            Self::Embedded => EmbeddedSession::load(model.to_vec(), threads).map(Session::Embedded),
        }
    }
}

/// How an engine is to be started.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// Only this one; nothing: the best that passes.
    pub kind: Option<EngineKind>,
    /// Threads; nothing: one per core.
    pub threads: Option<NonZero<usize>>,
    /// Library file of ONNX Runtime; nothing: searched.
    pub library: Option<PathBuf>,
}

impl EngineOptions {
    /// Threads to compute with.
    pub fn threads(&self) -> usize {
        self.threads.or_else(|| available_parallelism().ok()).map_or(1, NonZero::get)
    }

    fn kinds(&self) -> &[EngineKind] {
        match self.kind {
            // A library that was named must be used or refused aloud.
            Some(EngineKind::OnnxRuntime) => &EngineKind::ALL[..1],
            Some(EngineKind::Embedded) => &EngineKind::ALL[1..],
            None if self.library.is_some() => &EngineKind::ALL[..1],
            None => &EngineKind::ALL,
        }
    }
}

/// An engine that was tried and refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Which.
    pub kind: EngineKind,
    /// Why.
    pub reason: String,
    /// It is not on this machine, which is nothing to worry about.
    pub is_absent: bool,
}

/// An engine that passed.
#[derive(Debug)]
pub struct Started {
    /// Ready for tiles.
    pub engine: Engine,
    /// Which.
    pub kind: EngineKind,
    /// Precision of the model it runs.
    pub precision: Precision,
    /// How far it was off in the self-test.
    pub deviation: Deviation,
    /// What was tried before it.
    pub skipped: Vec<Skipped>,
}

/// Starts the first engine that loads the bundle's model and gives its golden outputs.
pub fn start(bundle: &Bundle, options: &EngineOptions) -> Result<Started, NoEngine> {
    let mut skipped = Vec::new();
    for &kind in options.kinds() {
        match try_kind(kind, bundle, options) {
            Ok(started) => return Ok(Started { skipped, ..started }),
            Err(one) => skipped.push(one),
        }
    }
    Err(NoEngine { skipped })
}

/// Tries every engine that `options` allow, also after one has passed: what each has to say of itself.
pub fn try_all(bundle: &Bundle, options: &EngineOptions) -> Vec<Result<Started, Skipped>> {
    options.kinds().iter().map(|&kind| try_kind(kind, bundle, options)).collect()
}

fn try_kind(kind: EngineKind, bundle: &Bundle, options: &EngineOptions) -> Result<Started, Skipped> {
    let skipped = |error: LoadError| Skipped {
        kind,
        reason: error.to_string(),
        is_absent: matches!(error, LoadError::NoLibrary(_)),
    };
    let (engine, precision, deviation) = load_and_test(kind, bundle, options).map_err(skipped)?;
    Ok(Started { engine, kind, precision, deviation, skipped: Vec::new() })
}

fn load_and_test(
    kind: EngineKind,
    bundle: &Bundle,
    options: &EngineOptions,
) -> Result<(Engine, Precision, Deviation), LoadError> {
    let held = CPU_PRECISIONS.iter().find_map(|&precision| Some((precision, bundle.model_bytes(precision)?)));
    let (precision, model) = held.ok_or_else(|| LoadError::Precision {
        expected: "fp32 or int8",
        found: precisions(bundle.manifest().precisions()),
    })?;
    let mut engine = Engine { session: kind.load(model, options)? };
    let deviation = self_test(&mut engine, bundle, precision)?;
    Ok((engine, precision, deviation))
}

/// Runs the golden inputs and compares.
fn self_test(engine: &mut impl TileEngine, bundle: &Bundle, precision: Precision) -> Result<Deviation, LoadError> {
    let golden = bundle.golden();
    let mut logits = vec![0.0; golden.logits.len()];
    let mut presence = vec![0.0; golden.presence.len()];
    let batch = TileBatch {
        tiles: &golden.tiles,
        count: golden.shape.images,
        tile_px: golden.shape.tile_px,
        embeddings: golden.queries.as_deref(),
        rows: golden.shape.queries,
    };
    engine.run(batch, TileScores { logits: &mut logits, presence: &mut presence })?;
    Ok(golden.compare(precision, &logits, &presence)?)
}
