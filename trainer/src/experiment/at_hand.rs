//! Which sets a table can be made of here, and why not of the others.

use std::path::Path;

use rszs_data::catalogue;

use super::Experiment;

/// Sets that the paper's tables are about, with the names that each goes by here.
const PAPER: [(&str, &[&str]); 4] = [
    ("FLAIR", &["FLAIR"]),
    ("FAST", &["FAST"]),
    ("Potsdam", &["Potsdam", "PotsdamSplit"]),
    ("FloodNet", &["FloodNet"]),
];

/// Sets to score, and what is left out.
pub(super) struct AtHand {
    pub(super) sets: Vec<String>,
    /// `name, reason`.
    pub(super) missing: Vec<String>,
}

impl AtHand {
    /// Tables 1 and 4 are made of what is there; the others want every set that was asked for, and
    /// stop where one is missing.
    pub(super) fn of(
        experiment: Experiment,
        asked: &[String],
        hides_words: bool,
        data_root: &Path,
    ) -> Self {
        if !matches!(experiment, Experiment::Table1 | Experiment::Table4) {
            return Self { sets: asked.to_vec(), missing: Vec::new() };
        }
        let (mut sets, mut missing) = (Vec::new(), Vec::new());
        for set in asked {
            let reason = match catalogue::open(set, data_root) {
                Err(error) => Some(error.to_string()),
                Ok(_)
                    if experiment == Experiment::Table4
                        && !hides_words
                        && catalogue::protocol(set).is_none() =>
                {
                    Some("no split of it into base and novel classes is published".to_owned())
                }
                Ok(_) => None,
            };
            match reason {
                None => sets.push(set.clone()),
                Some(reason) => missing.push(format!("{set}, {reason}")),
            }
        }
        for (name, here) in PAPER {
            if !asked.iter().any(|set| here.contains(&set.as_str())) {
                missing.push(format!("{name}, --sets does not name it"));
            }
        }
        Self { sets, missing }
    }
}
