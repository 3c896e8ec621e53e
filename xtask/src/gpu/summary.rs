//! What all steps came to, for programs and for people.

use std::fmt::Write;

use serde::Serialize;
use serde_json::Value;

use super::step::{Outcome, Report};

/// Version of the form of the reports.
pub(crate) const SCHEMA: u32 = 1;

/// `summary.json`.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) schema: u32,
    /// As doctor describes it, or why there is none.
    pub(crate) device: String,
    pub(crate) driver: Option<String>,
    /// The day, in UTC.
    pub(crate) date: String,
    /// Of the sources that the programs were built from.
    pub(crate) commit: String,
    pub(crate) torch: Option<String>,
    pub(crate) steps: Vec<Line>,
}

/// One step in it; its own report has the rest.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    step: String,
    shows: &'static str,
    duration_s: f64,
    #[serde(flatten)]
    outcome: Outcome,
}

impl From<&Report> for Line {
    fn from(report: &Report) -> Self {
        let Report { step, shows, duration_s, outcome, .. } = report.clone();
        Self { step, shows, duration_s, outcome }
    }
}

impl Summary {
    /// Steps that failed.
    pub(crate) fn failed(&self) -> usize {
        self.steps.iter().filter(|line| matches!(line.outcome, Outcome::Failed { .. })).count()
    }

    /// `summary.md`.
    pub(crate) fn markdown(&self) -> String {
        let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
        let mut text = format!(
            "# {}\n\n{}, commit {}. Driver: {}. PyTorch: {}.\n\n| step | | s | \
             |\n|---|---|---:|---|\n",
            self.device,
            self.date,
            self.commit,
            known(&self.driver),
            known(&self.torch)
        );
        for Line { step, duration_s, outcome, .. } in &self.steps {
            let (word, rest) = match outcome {
                Outcome::Ran { numbers } => {
                    let pairs =
                        numbers.iter().map(|(name, value)| format!("{name}: {}", plain(value)));
                    ("ran", pairs.collect::<Vec<_>>().join(", "))
                }
                Outcome::Skipped { reason } => ("skipped", reason.clone()),
                Outcome::Failed { reason } => ("FAILED", reason.clone()),
            };
            // Writing into a text cannot fail.
            let _ = writeln!(
                text,
                "| {step} | {word} | {duration_s:.1} | {} |",
                rest.replace('|', "\\|").replace('\n', " ")
            );
        }
        text
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
