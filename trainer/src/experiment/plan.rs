//! The runs of one experiment, and the folder they are in.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::at_hand::AtHand;
use super::paper::PaperRow;
use super::{Experiment, ExperimentOptions, runs};
use crate::evaluate::Protocol;
use crate::run::write_atomically;
use crate::train::TrainSettings;
use crate::{RunConfig, TrainError};

/// The runs of one experiment.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// What is repeated.
    pub experiment: Experiment,
    /// The experiment's folder.
    #[serde(skip)]
    pub folder: PathBuf,
    /// Sets that every run is evaluated on.
    pub sets: Vec<String>,
    /// Why there is no number of ours for other sets, a sentence each.
    #[serde(skip)]
    pub missing: Vec<String>,
    /// Images of each; all without it.
    pub limit: Option<usize>,
    /// How an image becomes scores.
    pub protocol: Protocol,
    /// Words that no run sees, and that count as novel; without any, [`Experiment::Table4`] takes
    /// each set's published split.
    pub novel: Vec<String>,
    /// One a row of the table, in its order.
    pub runs: Vec<PlannedRun>,
}

/// One row of a table, and what has to be done for it.
#[derive(Debug, Serialize)]
pub struct PlannedRun {
    /// Its folder below the experiment's.
    pub name: String,
    /// The cells of the row before its numbers.
    pub label: Vec<String>,
    /// How it differs from the description, as `--set` takes it.
    pub changes: Vec<String>,
    /// Checkpoint to start from; none where nothing is trained.
    pub from: Option<PathBuf>,
    /// Steps of training.
    pub steps: u64,
    /// The whole description, with every size of the network.
    pub description: String,
    /// The paper's numbers.
    #[serde(skip)]
    pub(super) paper: PaperRow,
}

impl Plan {
    /// The runs of `experiment` for this description.
    pub fn new(
        experiment: Experiment,
        config: &RunConfig,
        options: &ExperimentOptions,
    ) -> Result<Self, TrainError> {
        let ExperimentOptions { from, runs, sets, limit, protocol, novel } = options;
        let folder = runs.join(experiment.name());
        let refuse = |reason: &str| {
            Err(TrainError::Config { path: folder.clone(), reason: reason.to_owned() })
        };
        if experiment != Experiment::Table4 && !novel.is_empty() {
            return refuse("expected no --novel, found some; table4 is the one that hides words");
        }
        let AtHand { sets, missing } =
            AtHand::of(experiment, sets, !novel.is_empty(), &config.data().root);
        let trains = experiment.trains();
        if trains && sets.is_empty() {
            let expected = match experiment {
                Experiment::Table4 if novel.is_empty() => {
                    "--novel WORDS, to hide from training, or --sets with a published split \
                     (FLAIR, FAST, Potsdam, PotsdamSplit, FloodNet)"
                }
                _ => "a set to score",
            };
            return refuse(&format!("expected {expected}, found none: {}", missing.join("; ")));
        }
        if trains && from.is_none() {
            return refuse(
                "expected --from FILE, a checkpoint that its runs start from; found none",
            );
        }
        let (mut planned, mut networks) = (Vec::new(), Vec::new());
        for variant in experiment.variants(config)? {
            let changed = config.changed(&variant.changes)?;
            let settings: TrainSettings = changed.section("train")?;
            let from =
                from.as_ref().filter(|_| trains).map(|path| with_preset(path, &variant.name));
            // How large an input is says nothing of which preset it is.
            let mut network = changed.network().clone();
            (network.vlm.input_px, network.rsi.input_px) = (0, 0);
            networks.push(network);
            planned.push(PlannedRun {
                name: variant.name,
                label: variant.label,
                changes: variant.changes,
                from,
                steps: if trains { settings.schedule.steps } else { 0 },
                description: changed.resolved()?,
                paper: variant.paper,
            });
        }
        let of_presets = matches!(experiment, Experiment::Table5 | Experiment::Figure4);
        if of_presets && networks.windows(2).any(|pair| pair[0] == pair[1]) {
            let reason = "[network]: expected a preset whose sizes are open, found all of them \
                named; no preset differs";
            return Err(config.invalid(reason.to_owned()));
        }
        Ok(Self {
            experiment,
            folder,
            sets: if trains { sets } else { Vec::new() },
            missing,
            limit: *limit,
            protocol: *protocol,
            novel: novel.clone(),
            runs: planned,
        })
    }

    /// The folder of a run.
    pub fn path(&self, run: &PlannedRun) -> PathBuf {
        self.folder.join(&run.name)
    }

    /// Whether base and novel are those of the published sets.
    pub(super) fn has_published_split(&self) -> bool {
        self.experiment == Experiment::Table4 && self.novel.is_empty()
    }

    /// Writes `plan.json`, or refuses a folder that was begun with another plan: rows of two plans
    /// are no table.
    pub(super) fn begin(&self) -> Result<(), TrainError> {
        let path = self.folder.join("plan.json");
        let plan = serde_json::to_vec_pretty(self)?;
        match std::fs::read(&path) {
            Ok(begun) if begun == plan => Ok(()),
            Ok(begun) => {
                let what = difference(&begun, &plan);
                let reason = format!(
                    "expected the plan that this folder was begun with, found another {what}; give \
                     the same description \
                     and options, or choose another --runs"
                );
                Err(TrainError::Config { path, reason })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                write_atomically(&path, &plan)
            }
            Err(error) => Err(TrainError::file(path)(error)),
        }
    }
}

impl fmt::Display for Plan {
    /// A Markdown table with a line for each run.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} runs, in {}\n",
            self.experiment.title(),
            self.runs.len(),
            self.folder.display()
        )?;
        writeln!(
            f,
            "| run | steps | differs from the description by | state |\n|---|---|---|---|"
        )?;
        for run in &self.runs {
            let changes = match run.changes.join("`, `") {
                none if none.is_empty() => "nothing".to_owned(),
                changes => format!("`{changes}`"),
            };
            writeln!(
                f,
                "| {} | {} | {changes} | {} |",
                run.name,
                run.steps,
                runs::state(&self.path(run))
            )?;
        }
        if !self.sets.is_empty() {
            write!(
                f,
                "\nEvaluated on {} by the protocol {}.",
                self.sets.join(", "),
                self.protocol.name()
            )?;
        }
        for missing in &self.missing {
            write!(f, " No number of ours for {missing}.")?;
        }
        if self.has_published_split() {
            write!(
                f,
                " Nothing is hidden from training; novel is what LandDiscover50K has no class for."
            )?;
        }
        if !self.novel.is_empty() {
            write!(f, " Hidden from training: {}.", self.novel.join(", "))?;
        }
        Ok(())
    }
}

fn with_preset(path: &Path, preset: &str) -> PathBuf {
    path.to_string_lossy().replace("{preset}", preset).into()
}

/// The first of a plan's fields that differs, in parentheses.
fn difference(begun: &[u8], plan: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Fields(std::collections::BTreeMap<String, serde_json::Value>);
    let [Ok(Fields(begun)), Ok(Fields(plan))] = [begun, plan].map(serde_json::from_slice) else {
        return "(the file is damaged)".to_owned();
    };
    let changed = plan.iter().find(|(name, value)| begun.get(*name) != Some(value));
    changed.map_or_else(String::new, |(name, _)| format!("(`{name}` differs)"))
}
