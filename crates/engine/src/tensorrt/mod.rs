//! TensorRT and TensorRT-RTX: a plan is built on this machine from the bundle's ONNX file, kept in
//! the engine cache, and run.
//!
//! Nothing of NVIDIA's is loaded before the CUDA driver has shown a device: on a machine without
//! one this costs one failed look-up.

mod buffers;
mod build;
mod builder;
mod error;
mod library;
mod request;
mod session;
mod shared;

use std::fs;
use std::time::Instant;

use rszs_bundle::Sha256;
use rszs_cuda::Device;
use rszs_tensorrt::{Library, Logger};

pub use builder::serve_builds;
pub use error::TensorRtError;
pub(super) use library::library_name;
pub(super) use request::PlanRequest;
pub use session::TensorRtSession;
pub use shared::SharedTensorRt;

use super::cache::{CacheFault, CacheKey, CacheLock, EngineCache, Surroundings, Trial};
use super::{BuildNews, EngineKind, EngineOptions, ORDINAL};

/// What the kernel's NVIDIA driver says of itself; nothing where there is none.
fn kernel_driver() -> Option<String> {
    let text = fs::read_to_string("/proc/driver/nvidia/version").ok()?;
    text.lines().next().map(|line| line.trim().to_owned())
}

/// A session whose plan is on trial until the caller has seen that it runs.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) session: SharedTensorRt,
    /// To be dropped then.
    pub(super) trial: Option<Trial>,
}

/// Loads a session for `request`: from the cache if it holds a plan for this machine, else from a
/// plan that is built now.
pub(super) fn load(
    kind: EngineKind,
    request: &PlanRequest<'_>,
    options: &EngineOptions,
) -> Result<Loaded, TensorRtError> {
    let device = Device::open(ORDINAL).map_err(|device| match library::look_for(kind) {
        Ok(_) => TensorRtError::Device(device),
        // Who installs one of them should not have to come back for the other.
        Err(library) => TensorRtError::DeviceAndLibrary { device, library: Box::new(library) },
    })?;
    // Errors carry what the library wrote; the rest of it is of no use to an operator.
    let library = library::library(kind, Logger::silent())?;
    // TensorRT works with the device that is current.
    device.make_current()?;
    let source = PlanSource::new(kind, library, &device, request, options);
    let load = |plan: &[u8]| -> Result<Loaded, TensorRtError> {
        let trial = source.try_out();
        let session = TensorRtSession::new(library, device.clone(), plan, request)?;
        Ok(Loaded { session: SharedTensorRt::new(session), trial })
    };
    source.refuse_deadly()?;
    let kept = if options.build_again { Ok(None) } else { source.read() };
    let mut why = match kept {
        Ok(Some(plan)) => match load(&plan) {
            Err(error) if error.is_refused_plan() => error.to_string(),
            loaded => return loaded,
        },
        Ok(None) if options.build_again => "another one was asked for".to_owned(),
        Ok(None) => "there is none for it yet".to_owned(),
        Err(fault) => fault.to_string(),
    };
    let lock = source.lock()?;
    if lock.as_ref().is_some_and(|lock| lock.has_waited) && !options.build_again {
        match source.read() {
            Ok(Some(plan)) => return load(&plan),
            Ok(None) => {}
            Err(fault) => why = fault.to_string(),
        }
    }
    let plan = source.build(&why)?;
    // Before it is tried: one that ends the program is known by its file, and not built at every
    // start.
    source.keep(&plan);
    load(&plan)
}

/// Where the plan of one request comes from.
struct PlanSource<'a> {
    kind: EngineKind,
    library: &'static Library,
    request: &'a PlanRequest<'a>,
    options: &'a EngineOptions,
    what: String,
    cache: Result<EngineCache, CacheFault>,
    plan: CacheKey,
    timings: CacheKey,
}

impl<'a> PlanSource<'a> {
    fn new(
        kind: EngineKind,
        library: &'static Library,
        device: &Device,
        request: &'a PlanRequest<'a>,
        options: &'a EngineOptions,
    ) -> Self {
        let description = device.description();
        let (name, kernel_driver) = (library::name_of(library), kernel_driver());
        let surroundings = Surroundings {
            library: &name,
            device: &description.name,
            device_uuid: description.uuid,
            compute_capability: description.compute_capability,
            driver: description.driver_version,
            kernel_driver: kernel_driver.as_deref(),
        };
        let model = Sha256::of(request.model);
        Self {
            kind,
            library,
            request,
            options,
            what: format!(
                "{name} on {}, {}, {}",
                description.name,
                request.precision,
                request.shapes()
            ),
            cache: EngineCache::open(options.engine_cache.as_deref()),
            plan: CacheKey::of_plan(&surroundings, model, request.precision, &request.shapes()),
            timings: CacheKey::of_timings(&surroundings),
        }
    }

    fn read(&self) -> Result<Option<Vec<u8>>, CacheFault> {
        match &self.cache {
            Ok(cache) => cache.read(&self.plan),
            // Told when it is built.
            Err(_) => Ok(None),
        }
    }

    /// The lock, if there is a cache and it can be locked: a build without one is only slower.
    fn lock(&self) -> Result<Option<CacheLock>, TensorRtError> {
        let Ok(cache) = &self.cache else { return Ok(None) };
        match cache.lock(&self.options.watch) {
            Ok(Some(lock)) => Ok(Some(lock)),
            Ok(None) => Err(TensorRtError::Interrupted),
            Err(fault) => {
                self.warn(&fault);
                Ok(None)
            }
        }
    }

    fn build(&self, why: &str) -> Result<Vec<u8>, TensorRtError> {
        let watch = &self.options.watch;
        if let Err(fault) = &self.cache {
            self.warn(fault);
        }
        watch.tell(&BuildNews::Started { what: &self.what, why });
        let start = Instant::now();
        // Timings that cannot be used are measured again; there is nothing to tell.
        let kept = self.cache.as_ref().ok().filter(|_| !self.options.build_again);
        let timings = kept.and_then(|cache| cache.read(&self.timings).ok()?).unwrap_or_default();
        let built = builder::build(self.kind, self.library, self.request, &timings, watch)
            .inspect_err(|_| watch.tell(&BuildNews::Failed))?;
        watch.tell(&BuildNews::Finished {
            bytes: built.plan.len(),
            seconds: start.elapsed().as_secs_f64(),
        });
        if let (Ok(cache), Some(timings)) = (&self.cache, &built.timings) {
            self.warn_of(cache.write(&self.timings, timings));
        }
        Ok(built.plan)
    }

    fn keep(&self, plan: &[u8]) {
        if let Ok(cache) = &self.cache {
            self.warn_of(cache.write(&self.plan, plan));
        }
    }

    /// Marks in the cache, if there is one, that a plan is tried.
    fn try_out(&self) -> Option<Trial> {
        self.cache.as_ref().ok()?.try_out(&self.plan)
    }

    fn refuse_deadly(&self) -> Result<(), TensorRtError> {
        let Ok(cache) = &self.cache else { return Ok(()) };
        if self.options.build_again {
            cache.forget_deaths(&self.plan);
        }
        cache
            .deadly(&self.plan)
            .map_or(Ok(()), |(plan, deaths)| Err(TensorRtError::Deadly { plan, deaths }))
    }

    fn warn_of(&self, written: Result<(), CacheFault>) {
        if let Err(fault) = written {
            self.warn(&fault);
        }
    }

    fn warn(&self, fault: &CacheFault) {
        self.options.watch.warn(&fault.to_string());
    }
}
