//! The folder of a run, and what a person sees of it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::TrainError;

/// A run's folder: `metrics.jsonl`, checkpoints, pictures.
#[derive(Debug)]
pub struct Run {
    folder: PathBuf,
    metrics: File,
}

impl Run {
    /// Opens or makes the folder. Metrics are appended.
    pub fn open(folder: &Path) -> Result<Self, TrainError> {
        fs::create_dir_all(folder).map_err(TrainError::file(folder))?;
        let path = folder.join("metrics.jsonl");
        let metrics = OpenOptions::new().create(true).append(true).open(&path).map_err(TrainError::file(path))?;
        Ok(Self { folder: folder.to_owned(), metrics })
    }

    /// A file of the run.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Appends one JSON line to the metrics.
    pub fn record(&mut self, record: &impl Serialize) -> Result<(), TrainError> {
        let write = |file: &mut File| -> io::Result<()> {
            let mut line = serde_json::to_string(record)?;
            line.push('\n');
            file.write_all(line.as_bytes())
        };
        write(&mut self.metrics).map_err(TrainError::file(self.folder.join("metrics.jsonl")))
    }
}

/// Steps done, speed and time left. A bar on a terminal; otherwise a line a minute. On stderr.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    images_per_step: usize,
    window: (Instant, u64),
    last_line: Instant,
    step: u64,
    steps: u64,
}

impl Progress {
    /// Without a terminal, this often.
    const LINE_EVERY: Duration = Duration::from_mins(1);

    /// Starts the clock at `step` of `steps`.
    pub fn start(step: u64, steps: u64, images_per_step: usize) -> Self {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} left {eta} {msg}");
        let bar = ProgressBar::new(steps).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_position(step);
        bar.reset_eta();
        let now = Instant::now();
        Self { bar, images_per_step, window: (now, step), last_line: now, step, steps }
    }

    /// Counts one step.
    pub fn advance(&mut self) {
        self.step += 1;
        self.bar.inc(1);
    }

    /// Images a second since the last call, or since the start.
    pub fn take_images_per_s(&mut self) -> f64 {
        let (since, step) = self.window;
        let now = Instant::now();
        self.window = (now, self.step);
        ((self.step - step) as f64 * self.images_per_step as f64) / (now - since).as_secs_f64().max(1e-9)
    }

    /// Shows `message`; `images_per_s` gives the time left.
    pub fn show(&mut self, message: &str, images_per_s: f64) {
        let message = format!("{images_per_s:.1} images/s {message}");
        if self.bar.is_hidden() {
            if self.last_line.elapsed() >= Self::LINE_EVERY || self.step == self.steps {
                self.last_line = Instant::now();
                let left_s = (self.steps - self.step) as f64 * self.images_per_step as f64 / images_per_s.max(1e-9);
                let left = Duration::from_secs(left_s as u64);
                tell(&format!("step {}/{} {message}, left {left:?}", self.step, self.steps));
            }
        } else {
            self.bar.set_message(message);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// One line for a person, on stderr. A closed stderr is no reason to stop.
pub fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// A result, on stdout.
pub fn report(text: &str) -> Result<(), TrainError> {
    writeln!(io::stdout(), "{text}").map_err(TrainError::file("stdout"))
}
