//! The folder of a run, and where its lines and results go.

pub(crate) mod data_digest;
pub(crate) mod progress;
pub(crate) mod states;
pub(crate) mod stop;
pub(crate) mod tensorboard;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::TrainError;

const METRICS: &str = "metrics.jsonl";

/// A run's folder: `metrics.jsonl`, checkpoints, images.
#[derive(Debug)]
pub struct Run {
    folder: PathBuf,
    metrics: File,
    /// Held while this process trains; the system takes it back when the process ends, however it
    /// ends.
    lock: Option<File>,
}

impl Run {
    /// Opens or makes the folder. Metrics are appended.
    pub fn open(folder: &Path) -> Result<Self, TrainError> {
        make_folder(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            metrics: append_to(&folder.join(METRICS))?,
            lock: None,
        })
    }

    /// Makes this process the only one that trains here, and removes what a killed one left
    /// half-written.
    pub fn lock(&mut self) -> Result<(), TrainError> {
        let path = self.path("lock");
        let lock = append_to(&path)?;
        match lock.try_lock() {
            Ok(()) => self.lock = Some(lock),
            Err(TryLockError::WouldBlock) => {
                return Err(TrainError::Locked { folder: self.folder.clone() });
            }
            Err(TryLockError::Error(source)) => return Err(TrainError::File { path, source }),
        }
        rszs_durable::remove_leftovers(&self.folder, &[""]);
        Ok(())
    }

    /// A file of the run.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Appends one JSON line to the metrics.
    pub fn record(&mut self, record: &impl Serialize) -> Result<(), TrainError> {
        let mut line = serde_json::to_string(record)?;
        line.push('\n');
        let unwritable = |source| TrainError::Write { path: self.folder.join(METRICS), source };
        self.metrics.write_all(line.as_bytes()).map_err(unwritable)
    }

    /// Brings the metrics to the disk: a checkpoint must not be ahead of them.
    pub fn sync(&self) -> Result<(), TrainError> {
        let unwritable = |source| TrainError::Write { path: self.folder.join(METRICS), source };
        self.metrics.sync_data().map_err(unwritable)
    }

    /// Drops the metrics of steps after `step`, which will be taken again, and a line that a kill
    /// cut short. So no step is there twice.
    pub fn forget_after(&mut self, step: u64) -> Result<(), TrainError> {
        let path = self.path(METRICS);
        let text = fs::read(&path).map_err(TrainError::file(&path))?;
        let is_kept = |line: &&[u8]| {
            let record = serde_json::from_slice::<Value>(line);
            record.is_ok_and(|record| record["step"].as_u64().is_none_or(|of| of <= step))
        };
        let kept: Vec<u8> = text
            .split_inclusive(|&byte| byte == b'\n')
            .filter(is_kept)
            .flatten()
            .copied()
            .collect();
        if kept != text {
            write_atomically(&path, &kept)?;
            self.metrics = append_to(&path)?;
        }
        Ok(())
    }
}

/// Replaces a file: at every moment the old or the new content is under `path`.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    rszs_durable::replace(path, bytes).map_err(TrainError::write(path))
}

/// Creates a folder, if there is none.
pub(crate) fn make_folder(folder: &Path) -> Result<(), TrainError> {
    rszs_durable::create_folder(folder).map_err(TrainError::write(folder))
}

fn append_to(path: &Path) -> Result<File, TrainError> {
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.map_err(|source| TrainError::Write { path: path.to_owned(), source })
}

/// One line for a person, on stderr. A closed stderr is no reason to stop.
pub fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// A result, on stdout.
pub fn report(text: &str) -> Result<(), TrainError> {
    writeln!(io::stdout(), "{text}").map_err(TrainError::file("stdout"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn steps_that_are_taken_again_and_half_a_line_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let mut run = Run::open(folder.path()).unwrap();
        for record in [
            json!({"type": "start", "step": 0}),
            json!({"step": 4}),
            json!({"step": 5}),
            json!({"a": 1}),
        ] {
            run.record(&record).unwrap();
        }
        run.metrics.write_all(br#"{"step":"#).unwrap();
        run.forget_after(4).unwrap();
        run.record(&json!({"step": 5, "again": true})).unwrap();
        let lines = r#"{"step":0,"type":"start"}
{"step":4}
{"a":1}
{"again":true,"step":5}
"#;
        assert_eq!(fs::read_to_string(run.path(METRICS)).unwrap(), lines);
    }

    #[test]
    fn two_processes_do_not_train_in_one_folder() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = Run::open(folder.path()).unwrap();
        first.lock().unwrap();
        let mut second = Run::open(folder.path()).unwrap();
        assert!(second.lock().unwrap_err().to_string().contains("another process trains here"));
        drop(first);
        second.lock().unwrap();
    }
}
