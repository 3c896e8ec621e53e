//! Dense training: crops with masks and words in, weights out.

mod not_finite;
mod records;
mod session;
mod settings;
mod start;
mod texts;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rszs_data::Prefetch;

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

/// Trains in `run`, from its last state if there is one.
pub fn train(config: &RunConfig, options: &TrainOptions, run: &mut Run) -> Result<(), TrainError> {
    let mut session = Session::start(config, options, run)?;
    let settings = session.settings.clone();
    let steps = settings.schedule.steps;
    let mut batches =
        Prefetch::start(&session.sampler, session.optimizer.steps(), config.data().workers, config.data().ahead);
    let mut progress = Progress::start(session.optimizer.steps(), steps, settings.step_images());
    let mut curves = EventFile::create(&run.path("tensorboard"), session.optimizer.steps())?;
    let mut losses = LossWindow::default();
    let mut last_save = Instant::now();
    while session.optimizer.steps() < steps {
        let batch = batches.next_batch()?;
        losses.add(&session.learn(&batch, run)?);
        progress.advance();
        let step = session.optimizer.steps();
        if step % settings.log_every_steps == 0 || step == steps {
            let record = losses.take(step, progress.take_images_per_s(), peak_resident_bytes());
            run.record(&record)?;
            curves.scalars(step, record.curves())?;
            progress
                .show(&format!("loss {:.4} align {:.3}", record.segmentation, record.alignment), record.images_per_s);
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
