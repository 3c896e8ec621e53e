//! Dense training: crops with masks and words in, weights out.

mod best;
mod not_finite;
mod pass;
mod records;
mod session;
mod settings;
mod start;
mod texts;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rszs_data::Prefetch;
use tch::Device;

use crate::device::device_memory::DeviceMemory;
use crate::parallel::Communicator;
use crate::run::tensorboard::EventFile;
use crate::run::{Run, tell};
use crate::{Ending, Progress, RunConfig, Stop, TrainError, peak_resident_bytes};
use best::Best;
pub use best::{BEST, BestScore, BestSettings};
use records::{LossWindow, StepNumbers};
use session::Session;
pub use settings::{SourceSettings, TrainSettings};

/// Weights that are used: averaged, of all towers.
pub const WEIGHTS: &str = "weights.safetensors";
/// Folder of the last states, each with all that a run needs to go on.
pub const STATES: &str = "states";

/// What a run starts from and leaves out; given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainOptions {
    /// Checkpoint to start from, with `tokenizer.json` beside it. It must hold the text tower; of
    /// the image parts it may hold any, and the others start random.
    pub from: PathBuf,
    /// Words whose labels are dropped everywhere, so that the model never sees them.
    pub exclude_queries: Vec<String>,
}

/// Trains in `run` on `device`, from its last state if there is one.
pub fn train(
    config: &RunConfig,
    options: &TrainOptions,
    run: &mut Run,
    device: Device,
) -> Result<(), TrainError> {
    train_together(config, options, run, device, Communicator::Single, &Stop::never()).map(drop)
}

/// What all ranks of a run must agree on, for [`Communicator::from_environment`].
pub fn job(config: &RunConfig, options: &TrainOptions) -> Result<String, TrainError> {
    Ok(format!("{options:?}\n{}", config.resolved()?))
}

/// Trains in `run`, on a device of its own, with all processes of `communicator`, each of which
/// calls this; the first alone writes there. A rank that is asked to stop stops all, after the
/// step, once the first has saved it.
pub fn train_together(
    config: &RunConfig,
    options: &TrainOptions,
    run: &mut Run,
    device: Device,
    communicator: Communicator,
    stop: &Stop,
) -> Result<Ending, TrainError> {
    let mut session = Session::start(config, options, run, device, communicator)?;
    let mut batches = Prefetch::start(
        &session.sampler,
        session.optimizer.steps(),
        config.data().workers,
        config.data().ahead,
    );
    let ending = if session.communicator.leads() {
        let memory = DeviceMemory::of(device)?;
        lead(config, &mut session, &mut batches, memory, run, stop)?
    } else {
        follow(&mut session, &mut batches, run, stop)?
    };
    // Where the launcher ends all ranks with the first, none may end before the last state is
    // written.
    session.communicator.wait_for_all()?;
    Ok(ending)
}

/// The steps of the rank that writes.
fn lead(
    config: &RunConfig,
    session: &mut Session,
    batches: &mut Prefetch,
    mut memory: DeviceMemory,
    run: &mut Run,
    stop: &Stop,
) -> Result<Ending, TrainError> {
    let settings = session.settings.clone();
    let steps = settings.schedule.steps;
    let step_images = settings.step_images() * session.communicator.size();
    let mut progress = Progress::start(session.optimizer.steps(), steps, step_images);
    let mut curves = EventFile::create(&run.path("tensorboard"), session.optimizer.steps())?;
    let mut losses = LossWindow::default();
    let mut last_save = Instant::now();
    let mut best = Best::open(run, settings.best.score, session.optimizer.steps())?;
    let mut is_over = session.communicator.any(best.is_over(settings.best.patience))?;
    while session.optimizer.steps() < steps && !is_over {
        let (numbers, is_asked) = take_step(session, batches, run, stop)?;
        losses.add(&numbers);
        progress.advance();
        let step = session.optimizer.steps();
        if step.is_multiple_of(settings.log_every_steps) || step == steps {
            let speed = progress.take_images_per_s();
            let device_memory = memory.look()?;
            let record = losses.take(
                step,
                speed,
                peak_resident_bytes(),
                device_memory,
                session.loss_scale(),
            );
            run.record(&record)?;
            curves.scalars(step, record.curves())?;
            let waiting_percent =
                100.0 * record.data_wait_s * record.images_per_s / step_images as f64;
            let message = format!(
                "loss {:.4} align {:.3} waiting for data {waiting_percent:.0} %",
                record.segmentation, record.alignment
            );
            progress.show(&message, record.images_per_s, device_memory);
        }
        if settings.evaluates_after(step) && !is_asked {
            let scores = session.evaluate(config, run, &mut curves)?;
            if let Some(score) = settings.best.score.of(&scores) {
                if best.add(step, score) {
                    session.save_best(run)?;
                }
                best.write(run)?;
            }
            is_over = session.communicator.any(best.is_over(settings.best.patience))?;
            if is_over && step < steps {
                let patience = settings.best.patience;
                tell(&format!(
                    "step {step}: {}, none better in {patience} evaluations since: the run ends",
                    best.line()
                ));
            }
            progress.take_images_per_s();
        }
        let is_due = last_save.elapsed() >= Duration::from_secs(settings.save_every_s);
        if is_due || step == steps || is_asked || is_over {
            session.save(run)?;
            last_save = Instant::now();
        }
        if is_asked && step < steps {
            tell(&format!(
                "step {step}: stopped by a signal, its state is saved: the same command goes on \
                 from it"
            ));
            return Ok(Ending::Stopped);
        }
    }
    Ok(Ending::Done)
}

/// The steps of a rank that writes nothing.
fn follow(
    session: &mut Session,
    batches: &mut Prefetch,
    run: &Run,
    stop: &Stop,
) -> Result<Ending, TrainError> {
    let steps = session.settings.schedule.steps;
    let mut is_over = session.communicator.any(false)?;
    while session.optimizer.steps() < steps && !is_over {
        let (_, is_asked) = take_step(session, batches, run, stop)?;
        if session.settings.evaluates_after(session.optimizer.steps()) && !is_asked {
            // The first rank evaluates, and says whether that was the last time.
            is_over = session.communicator.any(false)?;
        }
        if is_asked && session.optimizer.steps() < steps {
            return Ok(Ending::Stopped);
        }
    }
    Ok(Ending::Done)
}

/// The numbers of the next step, and whether any rank was asked to stop.
fn take_step(
    session: &mut Session,
    batches: &mut Prefetch,
    run: &Run,
    stop: &Stop,
) -> Result<(StepNumbers, bool), TrainError> {
    let asked_for_batch = Instant::now();
    let batch = batches.next_batch()?;
    let data_wait_s = asked_for_batch.elapsed().as_secs_f64();
    let mut numbers = session.learn(&batch, run)?;
    let of_ranks =
        session.communicator.gather([data_wait_s, f64::from(u8::from(stop.is_asked()))])?;
    // All wait for the one that waits longest.
    numbers.data_wait_s = of_ranks.iter().map(|&[wait_s, _]| wait_s).fold(0.0, f64::max);
    Ok((numbers, of_ranks.iter().any(|&[_, asked]| asked > 0.0)))
}
