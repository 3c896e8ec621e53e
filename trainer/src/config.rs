//! The file that a run is described by.

use std::fs;
use std::path::{Path, PathBuf};

use rszs_network::Config;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::TrainError;

/// What a file may hold; an unknown section is an error, so that a typing mistake is not a silent
/// default.
const SECTIONS: [&str; 7] = ["network", "data", "prompts", "pretrain", "text", "train", "evaluate"];

/// A run description: a TOML file, changed by `--set` lines. Each stage reads its own section.
#[derive(Debug, Clone)]
pub struct RunConfig {
    path: PathBuf,
    table: Table,
    network: Config,
    data: DataSettings,
}

/// Where data is and how it is read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSettings {
    /// Folder of the data sets; relative to the working folder.
    pub root: PathBuf,
    /// Threads that make batches.
    pub workers: usize,
    /// Finished batches that wait, per worker.
    pub ahead: usize,
}

impl RunConfig {
    /// Reads `path` and applies `changes`, each a line of TOML such as
    /// `train.schedule.steps = 100`.
    pub fn read(path: &Path, changes: &[String]) -> Result<Self, TrainError> {
        let text = fs::read_to_string(path).map_err(TrainError::file(path))?;
        Self::parse(path, &text, changes)
    }

    fn parse(path: &Path, text: &str, changes: &[String]) -> Result<Self, TrainError> {
        let invalid = |reason: &str| TrainError::Config {
            path: path.to_owned(),
            reason: reason.trim().to_owned(),
        };
        let table: Table =
            text.parse().map_err(|error: toml::de::Error| invalid(&error.to_string()))?;
        Self::from_table(path, table, changes)
    }

    /// The same description with further changes, as [`RunConfig::read`] takes them.
    pub fn changed(&self, changes: &[String]) -> Result<Self, TrainError> {
        Self::from_table(&self.path, self.table.clone(), changes)
    }

    fn from_table(path: &Path, mut table: Table, changes: &[String]) -> Result<Self, TrainError> {
        let invalid = |reason: &str| TrainError::Config {
            path: path.to_owned(),
            reason: reason.trim().to_owned(),
        };
        for change in changes {
            let change: Table = change.parse().map_err(|error: toml::de::Error| {
                invalid(&format!("--set {change}: {}", error.message()))
            })?;
            overlay(&mut table, change);
        }
        if let Some(unknown) = table.keys().find(|key| !SECTIONS.contains(&key.as_str())) {
            return Err(invalid(&format!(
                "section [{unknown}]: expected one of {}",
                SECTIONS.join(", ")
            )));
        }
        let network = network(&table).map_err(|reason| invalid(&format!("[network]: {reason}")))?;
        let mut config = Self {
            path: path.to_owned(),
            table,
            network,
            data: DataSettings { root: PathBuf::new(), workers: 1, ahead: 1 },
        };
        config.data = config.section("data")?;
        Ok(config)
    }

    /// One section as the settings of a stage.
    pub fn section<T: DeserializeOwned>(&self, name: &str) -> Result<T, TrainError> {
        let missing = || self.invalid(format!("section [{name}]: expected one, found none"));
        let value = self.table.get(name).ok_or_else(missing)?.clone();
        value.try_into().map_err(|error: toml::de::Error| {
            self.invalid(format!("[{name}]: {}", error.message()))
        })
    }

    /// An error about this description.
    pub(crate) fn invalid(&self, reason: String) -> TrainError {
        TrainError::Config { path: self.path.clone(), reason }
    }

    /// The network: the preset of `[network]` with its other fields changed.
    pub fn network(&self) -> &Config {
        &self.network
    }

    /// The section `[data]`.
    pub fn data(&self) -> &DataSettings {
        &self.data
    }

    /// The whole description with all changes and every field of the network: a file for
    /// [`RunConfig::read`] that does not change when a preset does.
    pub fn resolved(&self) -> Result<String, TrainError> {
        let mut table = self.table.clone();
        let network =
            Table::try_from(&self.network).map_err(|error| self.invalid(error.to_string()))?;
        overlay(&mut table, Table::from_iter([("network".to_owned(), Value::Table(network))]));
        toml::to_string(&table).map_err(|error| self.invalid(error.to_string()))
    }

    /// The whole description with all changes, for the record.
    pub fn table(&self) -> &Table {
        &self.table
    }
}

fn network(table: &Table) -> Result<Config, String> {
    let Some(Value::Table(section)) = table.get("network") else {
        return Err("expected a table with a preset".to_owned());
    };
    let mut changes = section.clone();
    let known = || Config::presets().map(|(name, _)| name).join(", ");
    let preset = match changes.remove("preset") {
        Some(Value::String(name)) => Config::preset(&name)
            .ok_or_else(|| format!("preset {name}: expected one of {}", known()))?,
        _ => return Err(format!("expected preset = one of {}", known())),
    };
    let mut resolved = Table::try_from(&preset).map_err(|error| error.to_string())?;
    overlay(&mut resolved, changes);
    resolved.try_into().map_err(|error: toml::de::Error| error.message().to_owned())
}

/// Puts `changes` over `base`, table by table.
fn overlay(base: &mut Table, changes: Table) {
    for (key, change) in changes {
        match (base.get_mut(&key), change) {
            (Some(Value::Table(inner)), Value::Table(change)) => overlay(inner, change),
            (_, change) => {
                base.insert(key, change);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[network]\npreset = \"nano\"\nnetwork.vlm.drop_path = 0.1\n";

    fn parse(text: &str, changes: &[&str]) -> Result<RunConfig, String> {
        let changes: Vec<String> = changes.iter().map(|&change| change.to_owned()).collect();
        RunConfig::parse(Path::new("run.toml"), text, &changes).map_err(|error| error.to_string())
    }

    fn valid() -> String {
        "[network]\npreset = \"nano\"\nvlm.drop_path = 0.1\n[data]\nroot = \"d\"\nworkers = \
         1\nahead = 2\n"
            .to_owned()
    }

    #[test]
    fn a_preset_is_changed_field_by_field() {
        let config = parse(&valid(), &["network.decoder_width = 48", "data.workers = 3"]).unwrap();
        let mut expected = Config::nano();
        expected.vlm.drop_path = 0.1;
        expected.decoder_width = 48;
        assert_eq!(*config.network(), expected);
        assert_eq!(config.data().workers, 3);
    }

    #[test]
    fn a_resolved_description_is_read_back_as_the_same_and_names_every_size() {
        let config = parse(&valid(), &["network.decoder_width = 48"]).unwrap();
        let resolved = config.resolved().unwrap();
        let again = parse(&resolved, &[]).unwrap();
        assert_eq!(again.network(), config.network());
        assert_eq!(again.resolved().unwrap(), resolved);
        assert!(
            resolved.contains("preset = \"nano\"") && resolved.contains("joint_width = 512"),
            "{resolved}"
        );
    }

    #[test]
    fn unknown_sections_presets_and_fields_name_what_is_known() {
        let wrong = |text: &str, changes: &[&str]| parse(text, changes).unwrap_err();
        assert!(
            wrong(&valid(), &["trian.steps = 1"])
                .contains("section [trian]: expected one of network")
        );
        assert!(
            wrong(&valid(), &["network.preset = \"nona\""]).contains("expected one of nano, b32")
        );
        assert!(wrong(TEXT, &[]).contains("unknown field `network`"));
        assert!(wrong(&valid(), &["data.rot = 1"]).contains("unknown field `rot`"));
    }
}
