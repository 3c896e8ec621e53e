//! What made the weights of a checkpoint.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use crate::CheckpointError;

/// What made the weights of a checkpoint; the file's metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The resolved network config as JSON.
    pub config: String,
    /// `pretrain`, `text`, `train`, `import`, `initial`, `bundle`.
    pub stage: String,
    /// Optimiser steps taken in this stage.
    pub step: u64,
    /// Seed of the stage.
    pub seed: u64,
    /// The command line.
    pub command: String,
    /// Commit of the source, `-dirty` if the tree had changes, `unknown` outside a repository.
    pub git: String,
    /// Hash of the data: see `data` of `run.json`. Files of older versions have none.
    pub data: Option<String>,
}

impl Origin {
    /// An origin at step 0 with this process's command line, as one of `program`, and this source
    /// tree's commit.
    pub fn new(program: &str, config: String, stage: &str, seed: u64) -> Self {
        // Without the program's folder: where it lay on somebody's machine is nobody's business.
        let command = std::iter::once(program.to_owned()).chain(std::env::args().skip(1));
        let command = command.collect::<Vec<_>>().join(" ");
        Self {
            config,
            stage: stage.to_owned(),
            step: 0,
            seed,
            command,
            git: git_commit(),
            data: None,
        }
    }

    /// Everything but the config, by key, in alphabetical order.
    pub fn notes(&self) -> Vec<(&'static str, String)> {
        let mut notes = vec![("command", self.command.clone())];
        notes.extend(self.data.clone().map(|data| ("data", data)));
        notes.push(("git", self.git.clone()));
        notes.push(("seed", self.seed.to_string()));
        notes.push(("stage", self.stage.clone()));
        notes.push(("step", self.step.to_string()));
        notes
    }

    pub(crate) fn to_metadata(&self) -> HashMap<String, String> {
        let config = ("config", self.config.clone());
        self.notes()
            .into_iter()
            .chain([config])
            .map(|(key, value)| (key.to_owned(), value))
            .collect()
    }

    pub(crate) fn from_metadata(
        path: &Path,
        metadata: &HashMap<String, String>,
    ) -> Result<Self, CheckpointError> {
        let text = |key: &'static str, expected: &'static str| {
            metadata.get(key).cloned().ok_or_else(|| CheckpointError::Metadata {
                path: path.to_owned(),
                key,
                expected,
                found: "none".to_owned(),
            })
        };
        let number = |key: &'static str| {
            let expected = "a whole number";
            let value = text(key, expected)?;
            value.parse().map_err(|_| CheckpointError::Metadata {
                path: path.to_owned(),
                key,
                expected,
                found: value,
            })
        };
        Ok(Self {
            config: text("config", "the network's configuration")?,
            stage: text("stage", "a stage of training")?,
            step: number("step")?,
            seed: number("seed")?,
            command: text("command", "a command line")?,
            git: text("git", "a commit")?,
            data: metadata.get("data").cloned(),
        })
    }
}

/// The commit of the source tree that this program was built from, as git says it at run time.
fn git_commit() -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(root).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    match (
        git(&["rev-parse", "HEAD"]),
        git(&["status", "--porcelain", "--untracked-files=no", "."]),
    ) {
        (Some(commit), Some(changes)) if changes.is_empty() => commit,
        (Some(commit), _) => format!("{commit}-dirty"),
        (None, _) => "unknown".to_owned(),
    }
}
