//! Results as a table beside the paper's.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::paper::PaperRow;
use super::result::SetResult;
use super::{Experiment, Plan, RunResult, paper};
use crate::TrainError;
use crate::run::write_atomically;

/// A table of one experiment; runs that are not finished have no numbers yet.
#[derive(Debug, Serialize)]
pub struct Table {
    experiment: Experiment,
    title: &'static str,
    /// Names of the cells before the numbers.
    labels: &'static [&'static str],
    /// Names of our numbers.
    ours: Vec<String>,
    /// Names of the paper's numbers.
    paper: &'static [&'static str],
    rows: Vec<Row>,
    /// What a reader must know.
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Row {
    /// Of ours; none for a row of the paper alone.
    run: Option<String>,
    label: Vec<String>,
    ours: Vec<Option<f64>>,
    paper: Vec<Option<f64>>,
}

impl Table {
    /// `results` are those of the first runs of `plan`.
    pub(super) fn new(plan: &Plan, results: &[RunResult]) -> Self {
        let experiment = plan.experiment;
        let ours = columns(plan);
        let paper = paper::columns(experiment);
        let papers = |row: PaperRow| {
            paper.iter().enumerate().map(|(place, _)| row.get(place).copied()).collect()
        };
        let others = paper::others(experiment).iter().map(|&(name, row)| Row {
            run: None,
            label: vec![name.to_owned()],
            ours: vec![None; ours.len()],
            paper: papers(row),
        });
        let runs = plan.runs.iter().enumerate().map(|(index, run)| Row {
            run: Some(run.name.clone()),
            label: run.label.clone(),
            ours: results
                .get(index)
                .map_or(vec![None; ours.len()], |result| numbers(experiment, result)),
            paper: papers(run.paper),
        });
        let rows = others.chain(runs).collect();
        let notes = notes(plan, results);
        Self {
            experiment,
            title: experiment.title(),
            labels: experiment.label_columns(),
            ours,
            paper,
            rows,
            notes,
        }
    }

    /// Writes `table.md` and `table.json`.
    pub(super) fn write(&self, folder: &Path) -> Result<(), TrainError> {
        write_atomically(&folder.join("table.json"), &serde_json::to_vec_pretty(self)?)?;
        write_atomically(&folder.join("table.md"), format!("{self}\n").as_bytes())
    }
}

impl fmt::Display for Table {
    /// Markdown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
        let labels = self.labels.iter().map(|&label| label.to_owned());
        let paper = self.paper.iter().map(|name| format!("paper: {name}"));
        let head: Vec<String> = labels.chain(self.ours.iter().cloned()).chain(paper).collect();
        writeln!(
            f,
            "**{}**\n\n{}\n{}",
            self.title,
            cells(head.clone()),
            cells(vec!["---".to_owned(); head.len()])
        )?;
        for row in &self.rows {
            let numbers = row.ours.iter().chain(&row.paper);
            let numbers = numbers
                .map(|number| number.map_or("–".to_owned(), |number| format!("{number:.2}")));
            writeln!(f, "{}", cells(row.label.iter().cloned().chain(numbers).collect()))?;
        }
        for note in &self.notes {
            write!(f, "\n* {note}")?;
        }
        Ok(())
    }
}

/// Names of our numbers.
fn columns(plan: &Plan) -> Vec<String> {
    match plan.experiment {
        Experiment::Figure4 => ["image, M", "text, M", "trainable, M", "GMACs", "latency, ms"]
            .map(str::to_owned)
            .to_vec(),
        Experiment::Table4 => {
            let of_set = |set: &String| {
                ["base", "novel", "harmonic mean"].map(|part| format!("{set} {part}"))
            };
            plan.sets.iter().flat_map(of_set).collect()
        }
        Experiment::Table7 => Vec::new(),
        _ => plan.sets.iter().cloned().chain(["mean".to_owned()]).collect(),
    }
}

/// In the order of [`columns`]; scores in percent.
fn numbers(experiment: Experiment, result: &RunResult) -> Vec<Option<f64>> {
    let percent = |score: f64| 100.0 * score;
    match result {
        RunResult::Efficiency(cost) => {
            let counts = [cost.image_parameters, cost.text_parameters, cost.trainable_parameters];
            let millions = counts.map(|count| count as f64 / 1e6);
            millions
                .into_iter()
                .chain([cost.macs as f64 / 1e9, cost.latency_ms])
                .map(Some)
                .collect()
        }
        RunResult::Scores(sets) if experiment == Experiment::Table4 => {
            let of_set = |set: &SetResult| {
                [set.base, set.novel, set.harmonic_mean].map(|score| score.map(percent))
            };
            sets.iter().flat_map(of_set).collect()
        }
        RunResult::Scores(sets) => {
            let scores: Vec<f64> = sets.iter().map(|set| percent(set.mean_iou)).collect();
            let mean = scores.iter().sum::<f64>() / scores.len().max(1) as f64;
            scores.into_iter().chain([mean]).map(Some).collect()
        }
    }
}

/// Where the runs were timed; by run where they differ, because finished ones are not repeated.
fn devices(plan: &Plan, results: &[RunResult]) -> String {
    let timed = plan.runs.iter().zip(results).filter_map(|(run, result)| match result {
        RunResult::Efficiency(cost) => Some((&run.name, cost.device.as_str())),
        RunResult::Scores(_) => None,
    });
    let timed: Vec<(&String, &str)> = timed.collect();
    match timed.first() {
        Some((_, first)) if timed.iter().all(|(_, device)| device == first) => (*first).to_owned(),
        _ => timed
            .iter()
            .map(|(run, device)| format!("{run} on {device}"))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// Why a set has no mean over its base classes, over its novel ones, or either.
fn without_split(set: &SetResult) -> Option<String> {
    let name = &set.set;
    match (set.base, set.novel) {
        _ if !set.exclusive => Some(format!(
            "{name} labels not every pixel, so there is no label to be right or wrong: no means."
        )),
        (None, None) => {
            Some(format!("{name} has none of the novel words among its classes: nothing to split."))
        }
        (Some(_), None) => {
            Some(format!("{name} shows no novel class: no true pixel of one in these images."))
        }
        (None, Some(_)) => {
            Some(format!("{name} shows no base class: no true pixel of one in these images."))
        }
        (Some(_), Some(_)) => None,
    }
}

fn notes(plan: &Plan, results: &[RunResult]) -> Vec<String> {
    let mut notes = Vec::new();
    match results.first() {
        None => {}
        Some(RunResult::Efficiency(cost)) => notes.push(format!(
            "One tile, K = {}; latency: libtorch, float32, {}, {} threads, median. Twice the MACs \
             are FLOPs.",
            cost.queries,
            devices(plan, results),
            cost.threads
        )),
        Some(RunResult::Scores(sets)) => {
            let steps = plan.runs.iter().map(|run| run.steps).max().unwrap_or_default();
            let images: Vec<String> =
                sets.iter().map(|set| format!("{} of {}", set.images, set.set)).collect();
            notes.push(format!(
                "Ours: mIoU in percent, protocol {}, images: {}; {steps} steps, one seed: small \
                 differences may be chance.",
                plan.protocol.name(),
                images.join(", ")
            ));
            let partly: Vec<&str> =
                sets.iter().filter(|set| !set.exclusive).map(|set| set.set.as_str()).collect();
            if !partly.is_empty() {
                notes.push(format!(
                    "Not every pixel is labelled in {}: there, each query at the threshold that is \
                     best on these images.",
                    partly.join(", ")
                ));
            }
            if plan.experiment == Experiment::Table4 {
                notes.extend(sets.iter().filter_map(without_split));
            }
            if plan.has_published_split() {
                notes.push(
                    "Novel: what LandDiscover50K has no class for, by meaning; neither GSNet nor \
                     the paper publishes its list. \
                     Nothing was hidden from training: this says something only of a model trained \
                     on that set."
                        .to_owned(),
                );
            }
            if !plan.novel.is_empty() {
                notes.push(format!("Hidden from training, and novel: {}.", plan.novel.join(", ")));
            }
        }
    }
    notes.extend(plan.missing.iter().map(|missing| format!("No number of ours for {missing}.")));
    notes.push(paper::note(plan.experiment).to_owned());
    notes
}
