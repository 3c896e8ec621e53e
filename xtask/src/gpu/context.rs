//! What every step may need, and how one is made of it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::machine::Machine;
use super::numbers::{EngineLine, Findings};
use super::programs::Programs;
use super::step::{Numbers, Step};

/// How much longer a step may take than on a card: a Jetson builds plans and computes slower.
const PATIENCE: u32 = if cfg!(target_arch = "aarch64") { 4 } else { 1 };

/// What every step may need.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) programs: Programs,
    pub(crate) machine: Machine,
    pub(crate) python: PathBuf,
    /// The bundle that was given.
    pub(crate) bundle: PathBuf,
    /// Images for the comparisons and the benches; none: the built-in scene.
    pub(crate) images: Vec<OsString>,
    /// Where what is made on the way lies, to be deleted.
    pub(crate) work: PathBuf,
    /// Where reports go.
    pub(crate) reports: PathBuf,
}

pub(super) type Command = Result<Vec<OsString>, String>;
/// What the self-test said of every engine, or why it said nothing.
pub(crate) type Tested = Result<Vec<EngineLine>, String>;

impl Context {
    /// The bundle with FP16, if one was made.
    pub(super) fn best_bundle(&self) -> PathBuf {
        let made = self.work.join("nano");
        if made.join("manifest.json").is_file() { made } else { self.bundle.clone() }
    }

    pub(super) fn run(
        &self,
        program: &str,
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Command {
        let program = self.programs.find(program)?;
        Ok(std::iter::once(program.into()).chain(arguments).collect())
    }

    /// Writes the checkpoint `name` as a bundle of that name.
    pub(super) fn export(&self, name: &str) -> Command {
        let work = |file: String| OsString::from(self.work.join(file));
        let mut arguments: Vec<OsString> = vec!["bundle".into()];
        for (option, value) in [
            ("--checkpoint", work(format!("{name}.safetensors"))),
            ("--tokenizer", work("tokenizer.json".to_owned())),
            ("--vocabulary", work("words.txt".to_owned())),
            ("--precision", "fp32,fp16".into()),
            ("--output", work(name.to_owned())),
        ] {
            arguments.extend([option.into(), value]);
        }
        self.run("rszs-export", arguments)
    }
}

pub(super) fn step(
    name: &str,
    shows: &'static str,
    limit_s: u64,
    command: Command,
    read: fn(&str) -> Result<Numbers, String>,
) -> Step {
    let limit = Duration::from_secs(limit_s) * PATIENCE;
    Step {
        name: name.to_owned(),
        shows,
        command,
        needs: None,
        limit,
        expected_codes: &[0],
        results: None,
        read,
    }
}

pub(super) fn on_device(findings: &Findings, command: Command) -> Command {
    if findings.device.is_some() { command } else { Err(findings.description.clone()) }
}

/// What the self-test says of an engine that did not pass.
pub(super) fn why_not(engine: &str, tested: &Tested) -> String {
    let engines = match tested {
        Ok(engines) => engines,
        Err(reason) => return format!("the self-test: {reason}"),
    };
    let reasons: Vec<&str> = engines
        .iter()
        .filter(|line| line.engine == engine)
        .filter_map(|line| line.reason.as_deref())
        .collect();
    if reasons.is_empty() { "the self-test did not try it".to_owned() } else { reasons.join("; ") }
}
