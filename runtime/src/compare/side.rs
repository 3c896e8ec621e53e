//! One of the two that are compared.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use rszs_bundle::Bundle;
use rszs_hot::Decision;

use crate::cli::engine_arguments::{EngineArguments, EngineChoice, PrecisionChoice};
use crate::device::{DeviceSegmenter, frame_path};
use crate::error::Error;
use crate::frame::ground::GroundSample;
use crate::frame::layout::layout;
use crate::plan::open_bundle;
use crate::queries::text::TextTower;
use crate::queries::{QuerySet, TypedQuery};
use crate::segment::{FrameSegmenter, Keep, SegmentError, SegmentTimes, Segmentation, Segmenter};
use crate::source::Frame;
use rszs_engine::{self as engine, BuildWatch, EngineOptions, SharedTensorRt, Started};

/// `[BUNDLE][@ENGINE[:PRECISION]]`: a bundle's folder, an engine, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SideName {
    /// As typed.
    pub typed: String,
    /// Folder of the bundle; nothing: the default bundle.
    pub bundle: Option<PathBuf>,
    /// What computes.
    pub engine: EngineChoice,
    /// Which model file it runs; nothing: that of `--precision`.
    pub precision: Option<PrecisionChoice>,
}

/// No bundle and no engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected BUNDLE, @ENGINE or BUNDLE@ENGINE with an engine of {engines}, and perhaps a colon \
     and a precision of {precisions}, found {found:?}"
)]
pub struct SideNameError {
    engines: String,
    precisions: String,
    found: String,
}

/// A bundle in an engine, ready for frames.
#[derive(Debug)]
pub struct Side {
    /// The bundle.
    pub bundle: Bundle,
    /// The engine, proven on the golden set.
    pub started: Started,
    /// What it looks for.
    pub queries: QuerySet,
    /// What it found in the last frame.
    pub segmentation: Segmentation,
    segmenter: Segmenter,
    /// Where the engine computes on a device: what a run would use.
    on_device: Option<DeviceSegmenter<SharedTensorRt>>,
}

impl FromStr for SideName {
    type Err = SideNameError;

    fn from_str(typed: &str) -> Result<Self, SideNameError> {
        // A folder of that very name wins over an engine.
        let (bundle, engine) = if Path::new(typed).is_dir() {
            (typed, None)
        } else {
            typed.rsplit_once('@').map_or((typed, None), |(bundle, engine)| (bundle, Some(engine)))
        };
        let error = || SideNameError {
            engines: known::<EngineChoice>(),
            precisions: known::<PrecisionChoice>(),
            found: typed.to_owned(),
        };
        let (engine, precision) =
            match engine.map(|engine| engine.split_once(':').unwrap_or((engine, ""))) {
                None => (EngineChoice::Auto, None),
                Some((engine, precision)) => {
                    let engine = EngineChoice::from_str(engine, false).map_err(|_| error())?;
                    let precision = (!precision.is_empty())
                        .then(|| PrecisionChoice::from_str(precision, false));
                    (engine, precision.transpose().map_err(|_| error())?)
                }
            };
        if typed.is_empty() {
            return Err(error());
        }
        let bundle = (!bundle.is_empty()).then(|| PathBuf::from(bundle));
        Ok(Self { typed: typed.to_owned(), bundle, engine, precision })
    }
}

/// The words of a choice, with commas between.
fn known<T: ValueEnum>() -> String {
    let values: Vec<_> =
        T::value_variants().iter().filter_map(ValueEnum::to_possible_value).collect();
    values.iter().map(PossibleValue::get_name).collect::<Vec<_>>().join(", ")
}

impl Side {
    /// Opens the bundle and starts the engine of `name`; a precision that it does not have,
    /// threads, batch and library are those of `engine`. The `watch` hears of an engine that is
    /// built.
    pub fn open(
        name: &SideName,
        engine: &EngineArguments,
        queries: &[TypedQuery],
        ground: Option<GroundSample>,
        watch: BuildWatch,
    ) -> Result<Self, Error> {
        let library = engine.onnxruntime.clone().filter(|_| name.engine.takes_library());
        let precision = name.precision.unwrap_or(engine.precision);
        let arguments = EngineArguments {
            engine: name.engine,
            precision,
            onnxruntime: library,
            ..engine.clone()
        };
        let rows = NonZero::new(queries.len());
        let options = EngineOptions { rows, watch: watch.clone(), ..arguments.options()? };
        let mut bundle = open_bundle(name.bundle.as_deref(), &options)?;
        let (layout, batch) = (layout(&bundle, ground)?, usize::from(arguments.batch));
        let segmenter = Segmenter::new(layout, batch);
        let started = engine::start(&bundle, &options)?;
        let tower = || TextTower::load(&bundle, started.kind, &options);
        let queries = QuerySet::resolve(queries, Decision::Multilabel, (&bundle).into(), tower)?;
        bundle.take_model_bytes(started.precision);
        let on_device =
            frame_path(&started.engine, layout, batch, &queries, Keep::default(), &watch);
        Ok(Self {
            bundle,
            started,
            queries,
            segmentation: Segmentation::default(),
            segmenter,
            on_device,
        })
    }

    /// Segments one frame. [`Difference::add`](super::Difference::add) needs [`Keep::EVERYTHING`].
    pub fn segment(&mut self, frame: &Frame, keep: Keep) -> Result<SegmentTimes, SegmentError> {
        if let Some(path) = &mut self.on_device {
            path.set_keep(keep);
            path.submit(frame)?;
            return path.collect(&mut self.segmentation);
        }
        self.segmenter.segment(
            frame,
            &self.queries,
            &mut self.started.engine,
            keep,
            &mut self.segmentation,
        )
    }

    /// `nano 9 in cpu 1.31.1 (…), fp32`.
    pub fn description(&self) -> String {
        let manifest = self.bundle.manifest();
        let Started { kind, precision, .. } = &self.started;
        format!(
            "{} {} in {} {}, {precision}",
            manifest.name,
            manifest.counter,
            kind.name(),
            kind.library()
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    fn parsed(typed: &str) -> Result<(Option<PathBuf>, EngineChoice), SideNameError> {
        typed.parse().map(|SideName { bundle, engine, .. }| (bundle, engine))
    }

    #[test]
    fn a_bundle_an_engine_or_both() {
        assert_eq!(parsed("new/nano"), Ok((Some("new/nano".into()), EngineChoice::Auto)));
        assert_eq!(parsed("@embedded"), Ok((None, EngineChoice::Embedded)));
        assert_eq!(
            parsed("a@b/nano@tensorrt-rtx"),
            Ok((Some("a@b/nano".into()), EngineChoice::TensorrtRtx))
        );
    }

    #[test]
    fn an_engine_may_have_a_precision_of_its_own() {
        let side: SideName = "new/nano@cuda:int8-fp16".parse().unwrap();
        assert_eq!(
            (side.engine, side.precision),
            (EngineChoice::Cuda, Some(PrecisionChoice::Int8Fp16))
        );
        assert_eq!("@cpu".parse::<SideName>().unwrap().precision, None);
        let error = "@cpu:fp8".parse::<SideName>().unwrap_err().to_string();
        assert!(
            error.contains("a precision of auto, fp32, fp16, int8, int8-fp16")
                && error.contains("fp8"),
            "{error}"
        );
    }

    #[test]
    fn an_unknown_engine_lists_the_known_ones() {
        let error = parsed("nano@tensorflow").unwrap_err().to_string();
        assert!(
            error.contains("auto, tensorrt, tensorrt-rtx, cuda, cpu, embedded")
                && error.contains("nano@tensorflow"),
            "{error}"
        );
        assert!(parsed("").is_err());
    }
}
