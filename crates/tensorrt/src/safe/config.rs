//! How a plan is to be built.

use std::ffi::{CStr, CString};
use std::ops::ControlFlow;
use std::sync::Mutex;

use super::owned::Owned;
use super::{Builder, Error, Plan};
use crate::result;
use crate::sys::abi::Dimensions;
use crate::sys::progress::{ProgressObject, Report};

/// An input's name with its smallest, most frequent and largest shape.
pub type ProfileShapes<'a> = (&'a str, [&'a [i64]; 3]);

/// Switches of a build. Precision is not among them: it is in the ONNX file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuilderFlag {
    /// Multiply float32 with the mantissa of 10 bits of tensor cores. On unless switched off.
    Tf32,
    /// Let kernels use that two of four weights are zero.
    SparseWeights,
    /// Measure every kernel anew, whatever the timing cache knows.
    DisableTimingCache,
}

impl BuilderFlag {
    /// `nvinfer1::BuilderFlag`: these three have the same numbers in every family, most others do
    /// not.
    fn code(self) -> i32 {
        match self {
            Self::DisableTimingCache => 5,
            Self::Tf32 => 6,
            Self::SparseWeights => 7,
        }
    }
}

/// News of a build. Phases nest; a name is unique below its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildProgress<'a> {
    /// A phase of `steps` steps begins, inside `parent`.
    Start {
        /// Its name, as the library has it.
        phase: &'a str,
        /// The phase it is part of.
        parent: Option<&'a str>,
        /// How many steps it has.
        steps: u32,
    },
    /// A step is done.
    Step {
        /// Name of the phase.
        phase: &'a str,
        /// The step, from 0.
        step: u32,
    },
    /// A phase is over, perhaps before its last step.
    Finish {
        /// Name of the phase.
        phase: &'a str,
    },
}

/// A configuration of a builder.
#[derive(Debug)]
pub struct BuilderConfig<'b> {
    // The cache is the configuration's child and goes first; the monitor is called by it and goes
    // last.
    timing_cache: Option<Owned<'b>>,
    object: Owned<'b>,
    progress: Option<Box<ProgressObject>>,
    builder: &'b Builder<'b>,
}

impl<'b> BuilderConfig<'b> {
    /// With the library's defaults.
    pub fn new(builder: &'b Builder<'b>) -> Result<Self, Error> {
        // SAFETY: the builder is alive and stays on this thread.
        let handle = builder
            .library()
            .call(|| unsafe { result::builder::create_config(builder.object().handle()) })?;
        Ok(Self { timing_cache: None, object: Owned::object(handle), progress: None, builder })
    }

    /// Switches a flag.
    pub fn set_flag(&mut self, flag: BuilderFlag, is_set: bool) {
        // SAFETY: the configuration is alive and borrowed by us alone.
        unsafe { result::config::set_flag(self.object.handle(), flag.code(), is_set) }
    }

    /// GPU memory that one layer may use for scratch. The default is all there is.
    pub fn set_workspace_limit_bytes(&mut self, bytes: usize) {
        // SAFETY: the configuration is alive and borrowed by us alone.
        unsafe { result::config::set_workspace_limit(self.object.handle(), bytes) }
    }

    /// How long to look for fast kernels: 0 the shortest, 5 the longest (as is everything above), 3
    /// the default.
    pub fn set_optimization_level(&mut self, level: u8) {
        // SAFETY: the configuration is alive and borrowed by us alone.
        unsafe { result::config::set_optimization_level(self.object.handle(), i32::from(level)) }
    }

    /// Has the log tell at the end of a build which kernels became of the layers.
    pub fn describe_layers(&mut self) {
        // SAFETY: the configuration is alive and borrowed by us alone.
        unsafe { result::config::set_detailed_verbosity(self.object.handle()) }
    }

    /// Adds an optimization profile: the range of shapes for inputs with open sizes, every one of
    /// them. Returns its number.
    pub fn add_profile(&mut self, shapes: &[ProfileShapes<'_>]) -> Result<u32, Error> {
        let library = self.builder.library();
        // SAFETY: the builder is alive, owns the profile, and stays on this thread.
        let profile = library
            .call(|| unsafe { result::builder::create_profile(self.builder.object().handle()) })?;
        for (name, bounds) in shapes {
            let input = c_name(name)?;
            for (selector, shape) in (0..).zip(bounds) {
                let dimensions = dimensions(name, shape)?;
                // SAFETY: the profile is alive with its builder.
                library.call(|| unsafe {
                    result::config::set_profile_dimensions(profile, &input, selector, &dimensions)
                })?;
            }
        }
        // SAFETY: configuration and profile are of one builder and alive.
        library.call(|| unsafe { result::config::add_profile(self.object.handle(), profile) })
    }

    /// Takes kernel timings of an earlier build over; empty bytes start a collection. Without this
    /// a build measures every kernel and forgets what it measured.
    ///
    /// TensorRT refuses a cache of another GPU, says NVIDIA; TensorRT-RTX took seven bytes of
    /// garbage for an empty cache without a word. Keep a cache with the version and the GPU it
    /// comes from.
    pub fn set_timing_cache(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let library = self.builder.library();
        // SAFETY: the configuration is alive and borrowed by us alone.
        let cache = library
            .call(|| unsafe { result::config::create_timing_cache(self.object.handle(), bytes) })?;
        let cache = Owned::object(cache);
        // SAFETY: both are alive; the cache is kept until the configuration has got another or is
        // dropped.
        library.call(|| unsafe {
            result::config::set_timing_cache(self.object.handle(), cache.handle())
        })?;
        self.timing_cache = Some(cache);
        Ok(())
    }

    /// The timings, those of builds since included, to be kept for the next time. Nothing if no
    /// cache was set.
    pub fn timing_cache(&self) -> Result<Option<Vec<u8>>, Error> {
        let library = self.builder.library();
        let Some(cache) = &self.timing_cache else { return Ok(None) };
        // SAFETY: the cache is alive and no build is under way, because builds borrow the
        // configuration on this thread.
        let memory =
            library.call(|| unsafe { result::config::serialize_timing_cache(cache.handle()) })?;
        Ok(Some(Plan::new(library, Owned::object(memory))?.bytes().to_vec()))
    }

    /// Calls `monitor` while a build goes on, from threads of the library, one call at a time.
    /// `Break` after a step, or a panic, stops the build, which then is an error. It must not call
    /// the library.
    pub fn set_progress_monitor(
        &mut self,
        monitor: impl FnMut(BuildProgress<'_>) -> ControlFlow<()> + Send + 'static,
    ) {
        let monitor = Mutex::new(monitor);
        let object = Box::new(ProgressObject::new(Box::new(move |report| {
            // After a panic in the monitor the lock stays poisoned: stop.
            monitor.lock().is_ok_and(|mut monitor| tell(&mut *monitor, report).is_continue())
        })));
        // SAFETY: the object is kept until the configuration has got another or is dropped.
        unsafe { result::config::set_progress_monitor(self.object.handle(), object.as_ptr()) }
        self.progress = Some(object);
    }

    pub(super) fn builder(&self) -> &'b Builder<'b> {
        self.builder
    }

    pub(super) fn object(&self) -> &Owned<'b> {
        &self.object
    }
}

fn tell(
    monitor: &mut impl FnMut(BuildProgress<'_>) -> ControlFlow<()>,
    report: Report<'_>,
) -> ControlFlow<()> {
    match report {
        Report::Start { phase, parent, steps } => {
            let (phase, parent) = (phase.to_string_lossy(), parent.map(CStr::to_string_lossy));
            monitor(BuildProgress::Start {
                phase: &phase,
                parent: parent.as_deref(),
                steps: steps.unsigned_abs(),
            })
        }
        Report::Step { phase, step } => monitor(BuildProgress::Step {
            phase: &phase.to_string_lossy(),
            step: step.unsigned_abs(),
        }),
        Report::Finish { phase } => {
            monitor(BuildProgress::Finish { phase: &phase.to_string_lossy() })
        }
    }
}

/// A tensor's name for the library.
pub(super) fn c_name(name: &str) -> Result<CString, Error> {
    CString::new(name).map_err(|_| Error::Name { name: name.to_owned() })
}

/// A tensor's shape for the library.
pub(super) fn dimensions(name: &str, shape: &[i64]) -> Result<Dimensions, Error> {
    Dimensions::new(shape).ok_or_else(|| Error::Rank { name: name.to_owned(), found: shape.len() })
}
