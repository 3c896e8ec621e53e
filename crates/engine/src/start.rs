//! Choosing an engine and proving that it computes what the bundle says.

use rszs_bundle::{Bundle, Deviation, Golden, GoldenShape, Precision};

use super::error::{Skipped, precisions};
use super::onnxruntime::{OnnxRuntimeSession, Provider};
use super::session::Session;
use super::tensorrt::{self, Loaded, PlanRequest};
use super::{
    Engine, EngineKind, EngineOptions, LoadError, NoEngine, TileBatch, TileEngine, TileScores,
};

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
        if options.watch.is_interrupted() {
            return Err(NoEngine { skipped, is_interrupted: true });
        }
    }
    Err(NoEngine { skipped, is_interrupted: false })
}

/// Tries everything that `options` allow, best first, each attempt as it is asked for. Nothing has
/// been skipped before any of them.
pub fn attempts<'a>(
    bundle: &'a Bundle,
    options: &'a EngineOptions,
) -> impl Iterator<Item = Result<Started, Skipped>> + 'a {
    options.kinds().into_iter().flat_map(move |kind| attempts_of(kind, bundle, options))
}

/// For each engine that `options` allow, the first model file that passes, or why none does.
pub fn first_of_each<'a>(
    bundle: &'a Bundle,
    options: &'a EngineOptions,
) -> impl Iterator<Item = Result<Started, Skipped>> + 'a {
    options.kinds().into_iter().filter_map(move |kind| {
        let mut reasons = Vec::new();
        for attempt in attempts_of(kind, bundle, options) {
            match attempt {
                Ok(started) => return Some(Ok(started)),
                Err(one) => reasons.push(one),
            }
            if options.watch.is_interrupted() {
                break;
            }
        }
        let is_absent = reasons.iter().all(|one| one.is_absent);
        let reason =
            reasons.into_iter().map(|one| one.reason).reduce(|all, one| format!("{all}; {one}"))?;
        Some(Err(Skipped { kind, reason, is_absent }))
    })
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
        // A precision that was typed rules engines out; who did not ask for this one need not hear
        // of it.
        let is_absent = options.kind.is_none() && options.precision.is_some();
        Err(Skipped { kind, reason, is_absent })
    });
    let row_limit = bundle.manifest().engine.max_queries.map(|most| most as usize);
    let mut is_absent = false;
    let tried = models.map_while(move |(precision, model)| {
        if is_absent {
            return None;
        }
        let proven = prove_limited(kind, precision, model, bundle.golden(), options, row_limit);
        is_absent = proven.as_ref().is_err_and(LoadError::is_absent);
        Some(match proven {
            Ok((engine, deviation)) => {
                Ok(Started { engine, kind, precision, deviation, skipped: Vec::new() })
            }
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
    let precisions = kind
        .precisions()
        .iter()
        .filter(move |&&precision| wanted.is_none_or(|wanted| wanted == precision));
    precisions.filter_map(|&precision| Some((precision, bundle.model_bytes(precision)?)))
}

fn no_model(
    kind: EngineKind,
    typed: Option<Precision>,
    found: impl Iterator<Item = Precision>,
) -> LoadError {
    match typed {
        Some(typed) if !kind.precisions().contains(&typed) => LoadError::Precision {
            expected: precisions(kind.precisions().iter().copied()),
            found: format!("--precision {typed}"),
        },
        _ => {
            let expected = typed.map_or_else(
                || precisions(kind.precisions().iter().copied()),
                |typed| typed.to_string(),
            );
            LoadError::Precision { expected, found: format!("{} in the bundle", precisions(found)) }
        }
    }
}

/// Loads `model`, the bytes of an ONNX file of `precision`, into an engine and compares it with
/// `golden`.
pub fn prove(
    kind: EngineKind,
    precision: Precision,
    model: &[u8],
    golden: &Golden,
    options: &EngineOptions,
) -> Result<(Engine, Deviation), LoadError> {
    prove_limited(kind, precision, model, golden, options, None)
}

/// [`prove`], for a model that takes at most `row_limit` queries.
fn prove_limited(
    kind: EngineKind,
    precision: Precision,
    model: &[u8],
    golden: &Golden,
    options: &EngineOptions,
    row_limit: Option<usize>,
) -> Result<(Engine, Deviation), LoadError> {
    let session = match kind {
        EngineKind::TensorRt | EngineKind::TensorRtRtx => {
            let request = PlanRequest::new(precision, model, golden, options, row_limit);
            let loaded = tensorrt::load(kind, &request, options)?;
            return prove_plan(loaded, golden, precision, request.most_tiles);
        }
        EngineKind::Cuda => {
            let (threads, library) = (options.threads(), options.library.as_deref());
            Session::OnnxRuntime(OnnxRuntimeSession::load(
                model,
                threads,
                library,
                Provider::Cuda(precision),
            )?)
        }
        EngineKind::Cpu | EngineKind::Embedded => kind.load(model, options)?,
    };
    let mut engine = Engine { session };
    let deviation = self_test(&mut engine, golden, precision, golden.shape.images)?;
    Ok((engine, deviation))
}

/// Tests a plan, which is on trial until that is over.
fn prove_plan(
    loaded: Loaded,
    golden: &Golden,
    precision: Precision,
    most_tiles: usize,
) -> Result<(Engine, Deviation), LoadError> {
    let Loaded { session, trial: _trial } = loaded;
    let mut engine = Engine { session: Session::TensorRt(session) };
    match self_test(&mut engine, golden, precision, most_tiles) {
        Ok(deviation) => Ok((engine, deviation)),
        Err(LoadError::Golden(error)) => Err(LoadError::GoldenOfPlan(error)),
        Err(error) => Err(error),
    }
}

/// Runs the golden inputs, `most_tiles` images a call, and compares.
fn self_test(
    engine: &mut impl TileEngine,
    golden: &Golden,
    precision: Precision,
    most_tiles: usize,
) -> Result<Deviation, LoadError> {
    let GoldenShape { images, queries: rows, tile_px, .. } = golden.shape;
    let mut logits = vec![0.0; golden.logits.len()];
    let mut presence = vec![0.0; golden.presence.len()];
    let per_call = |len: usize| (len / images.max(1) * most_tiles).max(1);
    let calls = golden
        .tiles
        .chunks(per_call(golden.tiles.len()))
        .zip(logits.chunks_mut(per_call(golden.logits.len())))
        .zip(presence.chunks_mut(per_call(golden.presence.len())));
    for ((tiles, logits), presence) in calls {
        let (count, embeddings) = (presence.len() / rows.max(1), golden.queries.as_deref());
        let batch = TileBatch { tiles, count, tile_px, embeddings, rows };
        engine.run(batch, TileScores { logits, presence })?;
    }
    Ok(golden.compare(precision, &logits, &presence)?)
}
