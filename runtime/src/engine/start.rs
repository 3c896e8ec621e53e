//! Choosing an engine and proving that it computes what the bundle says.

use std::num::NonZero;
use std::path::PathBuf;
use std::thread::available_parallelism;

use rszs_bundle::{Bundle, Deviation, Golden, Precision};

use super::embedded::EmbeddedSession;
use super::error::precisions;
use super::onnxruntime::OnnxRuntimeSession;
use super::session::Session;
use super::{Engine, LoadError, NoEngine, TileBatch, TileEngine, TileScores};

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

    /// Precisions of the model files that it runs well, the preferred one first. A bundle offers INT8 only if it was measured to be
    /// faster and nearly as good. Half precision is slower on a CPU; it is for accelerators. The embedded engine has no fast
    /// products of 8-bit numbers.
    fn precisions(self) -> &'static [Precision] {
        match self {
            Self::OnnxRuntime => &[Precision::Int8, Precision::Fp32],
            Self::Embedded => &[Precision::Fp32],
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
    /// Only model files of this precision; nothing: the best that the bundle offers the engine.
    pub precision: Option<Precision>,
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

/// Starts the first engine that loads a model of the bundle and gives its golden outputs.
pub fn start(bundle: &Bundle, options: &EngineOptions) -> Result<Started, NoEngine> {
    let mut skipped = Vec::new();
    for attempt in attempts(bundle, options) {
        match attempt {
            Ok(started) => return Ok(Started { skipped, ..started }),
            Err(one) => skipped.push(one),
        }
    }
    Err(NoEngine { skipped })
}

/// Tries everything that `options` allow, best first, each attempt as it is asked for. Nothing has been skipped before any of them.
pub fn attempts<'a>(
    bundle: &'a Bundle,
    options: &'a EngineOptions,
) -> impl Iterator<Item = Result<Started, Skipped>> + 'a {
    options.kinds().iter().flat_map(move |&kind| attempts_of(kind, bundle, options))
}

/// Every model file that `kind` may run; only the first one where it is not on this machine.
fn attempts_of<'a>(
    kind: EngineKind,
    bundle: &'a Bundle,
    options: &'a EngineOptions,
) -> impl Iterator<Item = Result<Started, Skipped>> + 'a {
    let mut models = models(kind, bundle, options).peekable();
    let nothing = models.peek().is_none().then(|| {
        let reason = no_model(kind, options.precision, bundle.manifest().precisions()).to_string();
        Err(Skipped { kind, reason, is_absent: false })
    });
    let mut is_absent = false;
    let tried = models.map_while(move |(precision, model)| {
        if is_absent {
            return None;
        }
        let proven = prove(kind, precision, model, bundle.golden(), options);
        is_absent = matches!(proven, Err(LoadError::NoLibrary(_)));
        Some(match proven {
            Ok((engine, deviation)) => Ok(Started { engine, kind, precision, deviation, skipped: Vec::new() }),
            Err(error) if is_absent => Err(Skipped { kind, reason: error.to_string(), is_absent }),
            Err(error) => Err(Skipped { kind, reason: format!("{precision}: {error}"), is_absent }),
        })
    });
    nothing.into_iter().chain(tried)
}

/// The model files of `bundle` that `kind` may run, in the order in which they are to be tried.
fn models<'a>(
    kind: EngineKind,
    bundle: &'a Bundle,
    options: &EngineOptions,
) -> impl Iterator<Item = (Precision, &'a [u8])> + use<'a> {
    let wanted = options.precision;
    let precisions =
        kind.precisions().iter().filter(move |&&precision| wanted.is_none_or(|wanted| wanted == precision));
    precisions.filter_map(|&precision| Some((precision, bundle.model_bytes(precision)?)))
}

fn no_model(kind: EngineKind, typed: Option<Precision>, found: impl Iterator<Item = Precision>) -> LoadError {
    match typed {
        Some(typed) if !kind.precisions().contains(&typed) => LoadError::Precision {
            expected: precisions(kind.precisions().iter().copied()),
            found: format!("--precision {typed}"),
        },
        _ => {
            let expected =
                typed.map_or_else(|| precisions(kind.precisions().iter().copied()), |typed| typed.to_string());
            LoadError::Precision { expected, found: format!("{} in the bundle", precisions(found)) }
        }
    }
}

/// Loads `model`, the bytes of an ONNX file of `precision`, into an engine and compares it with `golden`.
pub fn prove(
    kind: EngineKind,
    precision: Precision,
    model: &[u8],
    golden: &Golden,
    options: &EngineOptions,
) -> Result<(Engine, Deviation), LoadError> {
    let mut engine = Engine { session: kind.load(model, options)? };
    let deviation = self_test(&mut engine, golden, precision)?;
    Ok((engine, deviation))
}

/// Runs the golden inputs and compares.
fn self_test(engine: &mut impl TileEngine, golden: &Golden, precision: Precision) -> Result<Deviation, LoadError> {
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
