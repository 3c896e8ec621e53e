//! A bundle as the field runs it: verified, in an engine that passed the self-test.

use std::num::NonZero;

use rszs_bundle::{Bundle, VerifyOptions};
use rszs_edge::arguments::EngineChoice;
use rszs_edge::engine::{self, EngineKind, EngineOptions, Started};
use rszs_edge::interrupt::Interrupt;
use rszs_hot::{TileGrid, TileLayout};

use crate::arguments::MeasureArguments;
use crate::error::Error;
use crate::pipeline::Pipeline;

/// A bundle, its engine, and the path of a frame through both.
#[derive(Debug)]
pub struct Deployed {
    /// With every model file, so that it can be written again.
    pub bundle: Bundle,
    /// The engine, proven on the golden set.
    pub started: Started,
    /// Threads it computes with.
    pub threads: usize,
    /// The frame path.
    pub pipeline: Pipeline,
    /// Whether somebody asked us to stop.
    pub interrupt: Interrupt,
}

/// Opens the bundle with every model file.
pub fn open_bundle(arguments: &MeasureArguments) -> Result<Bundle, Error> {
    Ok(Bundle::open(&arguments.bundle, &VerifyOptions::default())?)
}

impl Deployed {
    /// Starts the engine of `bundle` as `arguments` ask.
    pub fn start(bundle: Bundle, arguments: &MeasureArguments) -> Result<Self, Error> {
        let interrupt = Interrupt::on_signals().map_err(Error::Signals)?;
        let options = engine_options(arguments)?;
        let layout = layout(&bundle)?;
        let started = engine::start(&bundle, &options)?;
        let pipeline = Pipeline::new(layout, usize::from(arguments.batch));
        Ok(Self { bundle, started, threads: options.threads(), pipeline, interrupt })
    }
}

fn engine_options(arguments: &MeasureArguments) -> Result<EngineOptions, Error> {
    let kind = match arguments.engine {
        EngineChoice::Auto => None,
        EngineChoice::Onnxruntime => Some(EngineKind::OnnxRuntime),
        EngineChoice::Embedded if arguments.onnxruntime.is_some() => {
            return Err(Error::Usage(
                "--onnxruntime: expected another engine than --engine embedded; remove one of them",
            ));
        }
        EngineChoice::Embedded => Some(EngineKind::Embedded),
    };
    let threads = arguments.threads.and_then(|threads| NonZero::new(usize::from(threads)));
    Ok(EngineOptions { kind, threads, library: arguments.onnxruntime.clone() })
}

fn layout(bundle: &Bundle) -> Result<TileLayout, Error> {
    let contract = bundle.manifest().engine;
    let layout = TileLayout::of_engine(contract.tile_px, contract.overlap_px);
    let refused = |source| Error::Layout { bundle: bundle.path().to_owned(), source };
    TileGrid::new(contract.tile_px, contract.tile_px, layout).map_err(refused)?;
    Ok(layout)
}
