//! `cargo xtask gpu`: everything that only a GPU can show, one program after the other, each with a
//! time limit.

mod context;
mod machine;
mod measurements;
mod numbers;
mod plan;
mod programs;
mod step;
mod summary;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::error::Error;
use crate::report;
use context::Context;
use machine::Machine;
use numbers::Findings;
use programs::Programs;
use step::{Outcome, Report, Step, Surroundings};
use summary::{Line, SCHEMA, Summary};

/// The script that times training steps, carried in this program.
const STEP_TIME: &str = include_str!("../../../trainer/python/step_time.py");

/// What `cargo xtask gpu` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct GpuArguments {
    /// Folder for the reports, a folder of the device's name and the day in it [default:
    /// reports/gpu]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// Take the programs from this folder instead of building them: rszs-edge, rszs-bench,
    /// rszs-export, check, `step_time`
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,

    /// Folder of the model bundle [default: bundles/nano beside the programs or in the workspace]
    #[arg(long, value_name = "DIR")]
    bundle: Option<PathBuf>,

    /// Images to compare and to measure with [default: the built-in scene]
    #[arg(long, value_name = "IMAGE", num_args = 1..)]
    images: Vec<OsString>,

    /// Begin nothing after so many minutes, building not counted
    #[arg(long, value_name = "COUNT", default_value_t = 10.0)]
    minutes: f64,

    /// Python interpreter whose packages torch and onnxruntime are used
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    python: PathBuf,
}

/// Runs everything and writes the reports. A step that failed is an error at the end.
pub(crate) fn run(arguments: &GpuArguments, root: &Path) -> Result<(), Error> {
    let programs = match &arguments.programs {
        Some(folder) => Programs::carried(&fs::canonicalize(folder).map_err(Error::io(folder))?),
        None => Programs::built(root)?,
    };
    let output = arguments.output.clone().unwrap_or_else(|| match arguments.programs {
        Some(_) => "reports/gpu".into(),
        None => root.join("reports/gpu"),
    });
    // Bundles of gigabytes are made on the way, and a folder for temporary files may be in memory.
    let work = std::path::absolute(&output)
        .map_err(Error::io(&output))?
        .join(format!("work-{}", std::process::id()));
    fs::create_dir_all(&work).map_err(Error::io(&work))?;
    let context = Context {
        programs,
        machine: Machine::ask(&arguments.python),
        python: arguments.python.clone(),
        bundle: arguments
            .bundle
            .clone()
            .unwrap_or_else(|| plan::default_bundle(arguments.programs.as_deref(), root)),
        images: arguments.images.clone(),
        work: work.clone(),
        reports: output,
    };
    let commit = commit(arguments.programs.as_deref().unwrap_or(root));
    let result =
        all_steps(context, Duration::from_secs_f64(60.0 * arguments.minutes.max(0.0)), commit);
    // What is left there is not worth an error of its own.
    let _ = fs::remove_dir_all(&work);
    let (folder, failed) = result?;
    report::line(&format!("reports: {}", folder.display()));
    if failed == 0 { Ok(()) } else { Err(Error::Gpu { failed, folder }) }
}

/// Returns the folder of the reports and how many steps failed.
fn all_steps(
    mut context: Context,
    minutes: Duration,
    commit: String,
) -> Result<(PathBuf, usize), Error> {
    for (name, text) in [("words.txt", plan::WORDS), ("step_time.py", STEP_TIME)] {
        let path = context.work.join(name);
        fs::write(&path, text).map_err(Error::io(&path))?;
    }
    let mut session = Session {
        surroundings: Surroundings {
            variables: context.machine.variables(&context.work.join("cache")),
            folder: context.work.clone(),
        },
        end: Instant::now() + minutes,
        reports: Vec::new(),
    };
    let doctor = session.run(&plan::doctor(&context));
    let findings = match &doctor {
        Ok(text) => numbers::findings(text).unwrap_or_default(),
        Err(reason) => Findings { description: format!("doctor: {reason}"), ..Findings::default() },
    };
    let date = today();
    context.reports.push(format!("{}-{date}", folder_name(findings.device.as_deref())));
    fs::create_dir_all(&context.reports).map_err(Error::io(&context.reports))?;

    for step in plan::before_engines(&context, &findings) {
        // What it says is in its report.
        let _ = session.run(&step);
    }
    let tested = session.run(&plan::self_test(&context)).and_then(|text| numbers::engines(&text));
    for step in plan::after_engines(&context, &findings, &tested) {
        let _ = session.run(&step);
    }

    for report in &session.reports {
        write_json(&context.reports.join(format!("{}.json", report.step)), report)?;
    }
    let summary = Summary {
        schema: SCHEMA,
        device: findings.description,
        driver: findings.driver,
        date,
        commit,
        torch: context.machine.torch_version,
        steps: session.reports.iter().map(Line::from).collect(),
    };
    write_json(&context.reports.join("summary.json"), &summary)?;
    let path = context.reports.join("summary.md");
    fs::write(&path, summary.markdown()).map_err(Error::io(&path))?;
    Ok((context.reports, summary.failed()))
}

/// Steps so far.
struct Session {
    surroundings: Surroundings,
    end: Instant,
    reports: Vec<Report>,
}

impl Session {
    /// Runs a step and tells how it ended. Returns its standard output, or why there is none to
    /// use.
    fn run(&mut self, step: &Step) -> Result<String, String> {
        let left = self.end.saturating_duration_since(Instant::now());
        let done = step.run(left, &self.surroundings);
        let (word, reason) = match &done.outcome {
            Outcome::Ran { .. } => ("ran", ""),
            Outcome::Skipped { reason } => ("skipped", reason.as_str()),
            Outcome::Failed { reason } => ("FAILED", reason.as_str()),
        };
        report::line(&format!("{:<26} {word:<8} {:>6.1} s  {reason}", done.step, done.duration_s));
        let result = if word == "ran" { Ok(done.text.clone()) } else { Err(reason.to_owned()) };
        self.reports.push(done);
        result
    }
}

/// Of the sources: the file `commit` in the folder, or what git says of it.
fn commit(folder: &Path) -> String {
    let carried = fs::read_to_string(folder.join("commit")).ok();
    let from_git = || {
        let output =
            Command::new("git").arg("-C").arg(folder).args(["rev-parse", "HEAD"]).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    carried.or_else(from_git).map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// `2026-11-27`, in UTC.
fn today() -> String {
    let output = Command::new("date")
        .args(["-u", "+%F"])
        .output()
        .ok()
        .filter(|output| output.status.success());
    output.map_or_else(
        || "undated".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

/// `NVIDIA GeForce RTX 3090` as `nvidia-geforce-rtx-3090`.
fn folder_name(device: Option<&str>) -> String {
    let name = device.unwrap_or("no gpu").to_lowercase();
    let words =
        name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let text =
        serde_json::to_string_pretty(value).expect("texts, numbers and lists are JSON") + "\n";
    fs::write(path, text).map_err(Error::io(path))
}
