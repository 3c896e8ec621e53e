//! A bundle as the field runs it: verified, in an engine that passed the self-test.

pub mod pipeline;

use rszs_bundle::{Bundle, VerifyOptions};
use rszs_edge::frame::layout::layout;
use rszs_edge::interrupt;
use rszs_engine::Interrupt;
use rszs_engine::{self as engine, Started};

use crate::arguments::MeasureArguments;
use crate::deployed::pipeline::Pipeline;
use crate::error::Error;

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
        let interrupt = interrupt::on_signals().map_err(Error::Signals)?;
        let options = arguments.engine.options()?;
        let layout = layout(&bundle, None)?;
        let started = engine::start(&bundle, &options)?;
        let pipeline = Pipeline::new(layout, usize::from(arguments.engine.batch));
        Ok(Self { bundle, started, threads: options.threads(), pipeline, interrupt })
    }
}
