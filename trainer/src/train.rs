//! Dense training: crops with masks and words in, weights out.

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

use crate::device_memory::DeviceMemory;
use crate::parallel::Communicator;
use crate::run::Run;
use crate::tensorboard::EventFile;
use crate::{Progress, RunConfig, TrainError, peak_resident_bytes};
use records::LossWindow;
use session::Session;
pub use settings::{SourceSettings, TrainSettings};

/// Weights that are used: averaged, of all towers.
pub const WEIGHTS: &str = "weights.safetensors";
/// Folder of the last states, each with all that a run needs to go on.
pub const STATES: &str = "states";
/// The tokenizer of the text tower.
pub const TOKENIZER: &str = "tokenizer.json";

/// What a run starts from and leaves out; given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainOptions {
    /// Checkpoint to start from, with `tokenizer.json` beside it. It must hold the text tower; of the image parts it may
    /// hold any, and the others start random.
    pub from: PathBuf,
    /// Words whose labels are dropped everywhere, so that the model never sees them.
    pub exclude_queries: Vec<String>,
}

/// Trains in `run` on `device`, from its last state if there is one.
pub fn train(config: &RunConfig, options: &TrainOptions, run: &mut Run, device: Device) -> Result<(), TrainError> {
    train_together(config, options, run, device, Communicator::Single)
}

/// What all ranks of a run must agree on, for [`Communicator::from_environment`].
pub fn job(config: &RunConfig, options: &TrainOptions) -> Result<String, TrainError> {
    Ok(format!("{options:?}\n{}", config.resolved()?))
}

/// Trains in `run`, on a device of its own, with all processes of `communicator`, each of which calls this; the first alone writes there.
pub fn train_together(
    config: &RunConfig,
    options: &TrainOptions,
    run: &mut Run,
    device: Device,
    communicator: Communicator,
) -> Result<(), TrainError> {
    let mut session = Session::start(config, options, run, device, communicator)?;
    let settings = session.settings.clone();
    let steps = settings.schedule.steps;
    let mut batches =
        Prefetch::start(&session.sampler, session.optimizer.steps(), config.data().workers, config.data().ahead);
    if !session.communicator.leads() {
        return follow(&mut session, &mut batches, run);
    }
    let step_images = settings.step_images() * session.communicator.size();
    let mut progress = Progress::start(session.optimizer.steps(), steps, step_images);
    let mut curves = EventFile::create(&run.path("tensorboard"), session.optimizer.steps())?;
    let mut losses = LossWindow::default();
    let mut memory = DeviceMemory::of(device)?;
    let mut last_save = Instant::now();
    while session.optimizer.steps() < steps {
        let batch = batches.next_batch()?;
        losses.add(&session.learn(&batch, run)?);
        progress.advance();
        let step = session.optimizer.steps();
        if step % settings.log_every_steps == 0 || step == steps {
            let speed = progress.take_images_per_s();
            let device_memory = memory.look()?;
            let record = losses.take(step, speed, peak_resident_bytes(), device_memory, session.loss_scale());
            run.record(&record)?;
            curves.scalars(step, record.curves())?;
            let losses = format!("loss {:.4} align {:.3}", record.segmentation, record.alignment);
            progress.show(&losses, record.images_per_s, device_memory);
        }
        if settings.evaluate_every_steps > 0 && step % settings.evaluate_every_steps == 0 && step < steps {
            session.evaluate(config, run, &mut curves)?;
            progress.take_images_per_s();
        }
        if last_save.elapsed() >= Duration::from_secs(settings.save_every_s) || step == steps {
            session.save(run)?;
            last_save = Instant::now();
        }
    }
    Ok(())
}

/// The steps of a rank that writes nothing.
fn follow(session: &mut Session, batches: &mut Prefetch, run: &Run) -> Result<(), TrainError> {
    while session.optimizer.steps() < session.settings.schedule.steps {
        session.learn(&batches.next_batch()?, run)?;
    }
    Ok(())
}
