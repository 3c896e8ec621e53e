//! How an engine is to be started.

use std::num::NonZero;
use std::path::PathBuf;
use std::thread::available_parallelism;

use rszs_bundle::Precision;
use rszs_cuda::Device;

use super::{BuildWatch, EngineKind};

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
    /// Most tiles of one call; nothing: 1. Engines that are built for sizes are built for up to so
    /// many.
    pub batch: Option<NonZero<usize>>,
    /// Most rows of queries of one call; nothing: as many as
    /// [`LEAST_LARGEST_ROWS`](Self::LEAST_LARGEST_ROWS).
    pub rows: Option<NonZero<usize>>,
    /// Folder of built engines; nothing: the user's cache.
    pub engine_cache: Option<PathBuf>,
    /// Build anew what is kept already.
    pub build_again: bool,
    /// Follows a build and may stop it.
    pub watch: BuildWatch,
}

impl EngineOptions {
    /// Engines that are built for sizes take so many rows of queries at least, in steps of as many:
    /// most runs then share one.
    pub const LEAST_LARGEST_ROWS: usize = 64;

    /// Threads to compute with.
    pub fn threads(&self) -> usize {
        self.threads.or_else(|| available_parallelism().ok()).map_or(1, NonZero::get)
    }

    /// The engines that may be tried, best first.
    pub fn kinds(&self) -> Vec<EngineKind> {
        let is_allowed = |kind: EngineKind| match self.kind {
            Some(wanted) => kind == wanted,
            // A library that was named must be used or refused aloud.
            None => self.library.is_none() || kind.is_onnxruntime(),
        };
        EngineKind::ALL.into_iter().filter(|&kind| is_allowed(kind)).collect()
    }

    /// Precisions of model files that may be run here, each once. Where no CUDA device is and
    /// nobody asked for one, a GPU's need not be held in memory.
    pub fn precisions_here(&self) -> Vec<Precision> {
        let kinds = self.kinds();
        let is_asked_for = self.kind.is_some() || self.precision.is_some();
        let has_device = || Device::count().is_ok_and(|count| count > 0);
        let with_gpu = kinds.iter().any(|kind| kind.is_gpu()) && (is_asked_for || has_device());
        let usable = kinds.into_iter().filter(|kind| with_gpu || !kind.is_gpu());
        let mut precisions: Vec<Precision> =
            usable.flat_map(EngineKind::precisions).copied().collect();
        precisions.sort();
        precisions.dedup();
        precisions
    }

    /// K of the largest call that an engine is built for. `limit` is the model's own.
    pub(super) fn largest_rows(&self, limit: Option<usize>) -> usize {
        let rows = self.rows.map_or(1, NonZero::get).next_multiple_of(Self::LEAST_LARGEST_ROWS);
        rows.min(limit.unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_in_steps_up_to_what_the_model_takes() {
        let largest = |rows, limit| {
            EngineOptions { rows: NonZero::new(rows), ..EngineOptions::default() }
                .largest_rows(limit)
        };
        assert_eq!([largest(0, None), largest(64, None), largest(65, None)], [64, 64, 128]);
        assert_eq!(largest(65, Some(100)), 100);
    }

    #[test]
    fn half_precision_is_held_where_a_gpu_may_run_it() {
        let of = |kind, precision| {
            EngineOptions { kind, precision, ..EngineOptions::default() }.precisions_here()
        };
        assert!(of(Some(EngineKind::TensorRt), None).contains(&Precision::Fp16));
        assert!(of(None, Some(Precision::Fp16)).contains(&Precision::Fp16));
        assert_eq!(of(Some(EngineKind::Cpu), None), [Precision::Fp32, Precision::Int8]);
    }

    #[test]
    fn a_library_that_was_named_leaves_the_engines_that_use_it() {
        let options =
            EngineOptions { library: Some("libonnxruntime.so".into()), ..EngineOptions::default() };
        assert_eq!(options.kinds(), [EngineKind::Cuda, EngineKind::Cpu]);
        let options =
            EngineOptions { kind: Some(EngineKind::Embedded), ..EngineOptions::default() };
        assert_eq!(options.kinds(), [EngineKind::Embedded]);
    }
}
