//! From the bytes of an ONNX file to a plan.

use std::ops::ControlFlow;

use rszs_bundle::{OnnxSummary, Precision};
use rszs_tensorrt::{BuildProgress, Builder, BuilderConfig, BuilderFlag, Library, Network};

use super::{PlanRequest, TensorRtError};
use crate::{BuildNews, BuildWatch};

/// What a build gives.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Built {
    pub(super) plan: Vec<u8>,
    /// Timings of kernels, for the next build.
    pub(super) timings: Option<Vec<u8>>,
}

/// Builds a plan with `library` for the device that is current. `timings` are those of an earlier
/// build, or nothing.
pub(super) fn build(
    library: &Library,
    request: &PlanRequest<'_>,
    timings: &[u8],
    watch: &BuildWatch,
) -> Result<Built, TensorRtError> {
    // The bundle was verified, and this looks once more: NVIDIA's parser follows the names of files
    // that hold weights.
    OnnxSummary::of(request.model)?;
    let builder = Builder::new(library)?;
    let network = Network::parse(&builder, request.model)?;
    let mut config = BuilderConfig::new(&builder)?;
    // The golden set's tolerance of fp32 leaves no room for products with the mantissa of 10 bits
    // of TF32.
    config.set_flag(BuilderFlag::Tf32, request.precision != Precision::Fp32);
    request.with_profile(|shapes| config.add_profile(shapes))?;
    if config.set_timing_cache(timings).is_err() {
        // A library that does not like them measures again.
        config.set_timing_cache(&[])?;
    }
    config.set_progress_monitor(outermost_phases(watch.clone()));
    let plan = match network.build(&config) {
        Ok(plan) => plan.bytes().to_vec(),
        Err(_) if watch.is_interrupted() => return Err(TensorRtError::Interrupted),
        Err(error) => return Err(error.into()),
    };
    Ok(Built { plan, timings: config.timing_cache()? })
}

/// Tells the `watch` of phases without a parent, and of their steps; stops the build when it asks
/// for that.
fn outermost_phases(
    watch: BuildWatch,
) -> impl FnMut(BuildProgress<'_>) -> ControlFlow<()> + Send + 'static {
    let mut outermost = String::new();
    move |progress| {
        match progress {
            BuildProgress::Start { phase, parent: None, steps } => {
                phase.clone_into(&mut outermost);
                watch.tell(&BuildNews::Phase { name: phase, steps });
            }
            BuildProgress::Step { phase, step } if phase == outermost => {
                watch.tell(&BuildNews::Step { done: step + 1 });
            }
            BuildProgress::Start { .. }
            | BuildProgress::Step { .. }
            | BuildProgress::Finish { .. } => {}
        }
        if watch.is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
