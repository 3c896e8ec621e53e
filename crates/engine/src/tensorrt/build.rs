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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use rszs_bundle::{Bundle, VerifyOptions};
    use rszs_tensorrt::{Family, Logger};

    use super::*;
    use crate::EngineOptions;
    use crate::Interrupt;

    /// TensorRT-RTX where `cargo xtask tensorrt` has put it.
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    fn rtx(component: &str) -> Option<Library> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../third_party")
            .join(component)
            .join("lib");
        if !folder.is_dir() {
            eprintln!(
                "skipped: this needs {} (`cargo xtask tensorrt` fetches it)",
                folder.display()
            );
            return None;
        }
        Some(Library::find(Family::TensorRtRtx, Some(&folder), Logger::silent()).unwrap())
    }

    #[test]
    fn the_shipped_bundle_becomes_a_plan_with_the_profile_of_a_run() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bundles/nano");
        let bundle = Bundle::open(&path, &VerifyOptions::default()).unwrap();
        let model = bundle.model_bytes(Precision::Fp32).unwrap();
        let options =
            EngineOptions { batch: std::num::NonZero::new(8), ..EngineOptions::default() };
        let request = PlanRequest::new(Precision::Fp32, model, bundle.golden(), &options, None);
        let Some(library) = rtx("tensorrt-rtx-1.7") else { return };
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hear = Arc::clone(&heard);
        let watch = BuildWatch::new(
            move |news| hear.lock().unwrap().push(format!("{news:?}")),
            Interrupt::new(),
        );
        let built = build(&library, &request, &[], &watch).unwrap();
        assert!(built.plan.len() > model.len() / 2, "{} bytes", built.plan.len());
        assert!(
            heard.lock().unwrap().iter().any(|news| news.starts_with("Phase")),
            "no phase was told"
        );
        // What one build has measured is taken by the next.
        let again =
            build(&library, &request, &built.timings.unwrap(), &BuildWatch::default()).unwrap();
        assert_eq!(again.plan.len(), built.plan.len());
    }

    #[test]
    fn weights_in_another_file_never_reach_the_parser() {
        let Some(library) = rtx("tensorrt-rtx-1.7") else { return };
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bundles/nano");
        let bundle = Bundle::open(&path, &VerifyOptions::default()).unwrap();
        // A graph with one tensor of four numbers that lie in a file.
        let tensor = [&[8, 4, 16, 1, 66, 1, b'w', 112, 1][..]].concat();
        let graph = [&[42, tensor.len() as u8][..], &tensor].concat();
        let model = [&[58, graph.len() as u8][..], &graph, &[66, 2, 16, 20]].concat();
        let request = PlanRequest::new(
            Precision::Fp32,
            &model,
            bundle.golden(),
            &EngineOptions::default(),
            None,
        );
        let error = build(&library, &request, &[], &BuildWatch::default()).unwrap_err();
        assert!(matches!(error, TensorRtError::Onnx(_)), "{error}");
        assert!(error.to_string().contains("data outside the file"), "{error}");
    }
}
