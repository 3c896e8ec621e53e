//! Images through the engine; and, where its device is lost on the way, through another one.
//!
//! A device that has failed (an error of a kernel, a cable, a driver that is replaced) answers
//! every call of the process with an error from then on, whichever library asks. So what takes over
//! computes on the processor. It starts with the image at which the loss was seen: none is left
//! out, and what was written before stays.

use std::path::PathBuf;

use rszs_cuda::Device;
use rszs_hot::TileLayout;

use crate::device::frame_path;
use crate::pipeline::{self, ImageError, Job, Outcome, Settings};
use crate::plan::{Plan, open_bundle};
use crate::queries::QuerySet;
use crate::sink::{DoneList, SinkError};
use crate::source::Input;
use rszs_engine::Interrupt;
use rszs_engine::{self as engine, EngineOptions, Started};

/// What is told while images are segmented.
#[derive(Debug)]
pub enum RunNews<'a> {
    /// An image is done, or failed.
    Outcome(&'a Outcome, &'a QuerySet),
    /// The device was lost; another engine, now the plan's, takes over. The first of the engines
    /// that it skipped is the one that was lost.
    EngineChanged(&'a Plan),
}

/// Why a pipeline stopped before its end.
enum Stop {
    Sink(SinkError),
    /// The image at which it was seen that the device is lost.
    DeviceLost(Box<Outcome>),
}

impl From<SinkError> for Stop {
    fn from(error: SinkError) -> Self {
        Self::Sink(error)
    }
}

impl Plan {
    /// Segments the images of `jobs`, writes their results, and hands each outcome to `observe`,
    /// with the queries it is about.
    pub fn run(
        &mut self,
        jobs: Vec<Job>,
        interrupt: &Interrupt,
        mut observe: impl FnMut(RunNews<'_>) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        let mut done = 0;
        let paths: Vec<Option<PathBuf>> = jobs.iter().map(path_of).collect();
        while done < jobs.len() {
            let (group, layout) = self.next_group(&jobs[done..]);
            let behind = done + group.len();
            // Held from before the first image: a device that is lost cannot be opened any more.
            let device = engine::device_of(self.started.kind);
            let stopped =
                self.run_engine(group, layout, interrupt, |outcome, queries, done_list| {
                    if is_lost(device.as_ref(), &outcome) {
                        return Err(Stop::DeviceLost(Box::new(outcome)));
                    }
                    if let (Ok(result), Some(path), Some(list)) =
                        (&outcome.result, &paths[done], done_list)
                    {
                        let added = list.add(path, &result.written.files);
                        added.map_err(|source| SinkError::File { path: path.clone(), source })?;
                    }
                    observe(RunNews::Outcome(&outcome, queries))?;
                    done += 1;
                    Ok(())
                });
            let lost = match stopped {
                Ok(()) if done < behind => return Ok(()),
                Ok(()) => continue,
                Err(Stop::Sink(error)) => return Err(error),
                Err(Stop::DeviceLost(lost)) => lost,
            };
            self.started.engine.leak();
            match self.take_over(&lost) {
                Ok(()) => observe(RunNews::EngineChanged(self))?,
                Err(_) if interrupt.is_raised() => return Ok(()),
                Err(reason) => return self.refuse(&jobs[done..], &lost, &reason, observe),
            }
        }
        Ok(())
    }

    /// The first of `jobs` that the network sees equally small, and the tiles over them.
    fn next_group(&self, jobs: &[Job]) -> (Vec<Job>, TileLayout) {
        let reductions = || jobs.iter().map(|job| self.reduction(&job.location));
        let reduction = reductions().next().unwrap_or(1);
        let count = reductions().take_while(|&other| other == reduction).count();
        (jobs[..count].to_vec(), self.layout.reduced(reduction))
    }

    /// Segments with the engine that is started.
    fn run_engine(
        &mut self,
        jobs: Vec<Job>,
        layout: TileLayout,
        interrupt: &Interrupt,
        mut observe: impl FnMut(Outcome, &QuerySet, Option<&mut DoneList>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let queries = &self.queries;
        let settings = Settings {
            layout,
            batch: self.batch,
            queries,
            keep: self.keep,
            details: self.details,
            reading: self.reading,
            interrupt,
        };
        let done_list = &mut self.done;
        let observe = |outcome| observe(outcome, queries, done_list.as_mut());
        let path = frame_path(
            &self.started.engine,
            layout,
            self.batch,
            queries,
            self.keep,
            &self.options.watch,
        );
        if let Some(mut path) = path {
            return pipeline::run_frames(jobs, &settings, &mut path, &mut self.sink, observe);
        }
        pipeline::run(jobs, &settings, &mut self.started.engine, &mut self.sink, observe)
    }

    /// Starts the best engine on the processor, if the options allow one, in the place of the
    /// engine that was lost. Says why it did not.
    fn take_over(&mut self, lost: &Outcome) -> Result<(), String> {
        let reason = lost.result.as_ref().err().map(ToString::to_string).unwrap_or_default();
        let lost =
            engine::Skipped { kind: self.started.kind, reason: reason.clone(), is_absent: false };
        let kinds = self.options.kinds().into_iter().filter(|kind| !kind.is_gpu());
        let mut reasons = vec![reason];
        for kind in kinds {
            match self.start(EngineOptions { kind: Some(kind), ..self.options.clone() }) {
                Ok(mut started) => {
                    started.skipped.insert(0, lost);
                    self.started = started;
                    return Ok(());
                }
                Err(why) => reasons.push(why),
            }
        }
        Err(reasons.join("; "))
    }

    /// Starts an engine with the bundle's files, which are read once more.
    fn start(&self, options: EngineOptions) -> Result<Started, String> {
        let bundle =
            open_bundle(Some(self.bundle.path()), &options).map_err(|error| error.to_string())?;
        if bundle.hash() != self.bundle.hash() {
            let path = bundle.path().display();
            return Err(format!("{path}: the bundle changed during the run; restart"));
        }
        engine::start(&bundle, &options).map_err(|error| error.to_string())
    }

    /// Hands out the image at which the device was lost, and those behind it, as failed.
    fn refuse(
        &self,
        jobs: &[Job],
        lost: &Outcome,
        reason: &str,
        mut observe: impl FnMut(RunNews<'_>) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        observe(RunNews::Outcome(lost, &self.queries))?;
        for Job { image, input, .. } in jobs.iter().skip(1).cloned() {
            let error = match input {
                Err(source) => source.into(),
                Ok(_) => ImageError::DeviceLost { image: image.clone(), reason: reason.to_owned() },
            };
            observe(RunNews::Outcome(&Outcome { image, result: Err(error) }, &self.queries))?;
        }
        Ok(())
    }
}

/// The file of an image, if it is one.
fn path_of(job: &Job) -> Option<PathBuf> {
    match &job.input {
        Ok(Input::File(path)) => Some(path.clone()),
        _ => None,
    }
}

/// Whether an image failed because `device` does nothing any more.
fn is_lost(device: Option<&Device>, outcome: &Outcome) -> bool {
    let has_failed = matches!(outcome.result, Err(ImageError::Segment { .. }));
    has_failed && device.is_some_and(|device| device.check().is_err())
}
