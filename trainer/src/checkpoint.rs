//! Weights on disk: one safetensors file with what made them and a hash that shows damage.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensorError, SafeTensors};
use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use crate::run::write_atomically;
use crate::{Parameters, TrainError};

/// Metadata: SHA-256 of all names and values, see [`hash`]. Files of older versions have none.
const SHA256: &str = "sha256";

/// What made the weights of a checkpoint; the file's metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The resolved network config as JSON.
    pub config: String,
    /// `pretrain`, `text`, `train`.
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
    /// An origin at step 0 with this process's command line and this source tree's commit.
    pub fn new(config: String, stage: &str, seed: u64) -> Self {
        // Without the program's folder: where it lay on somebody's machine is nobody's business.
        let program = std::iter::once("rszs-train".to_owned());
        let command = program.chain(std::env::args().skip(1)).collect::<Vec<_>>().join(" ");
        Self { config, stage: stage.to_owned(), step: 0, seed, command, git: git_commit(), data: None }
    }

    fn to_metadata(&self) -> HashMap<String, String> {
        let pairs = [
            ("config", self.config.clone()),
            ("stage", self.stage.clone()),
            ("step", self.step.to_string()),
            ("seed", self.seed.to_string()),
            ("command", self.command.clone()),
            ("git", self.git.clone()),
        ];
        let data = self.data.clone().map(|data| ("data", data));
        pairs.into_iter().chain(data).map(|(key, value)| (key.to_owned(), value)).collect()
    }

    fn from_metadata(path: &Path, metadata: &HashMap<String, String>) -> Result<Self, TrainError> {
        let text = |key: &str| {
            metadata.get(key).cloned().ok_or_else(|| TrainError::Checkpoint {
                path: path.to_owned(),
                expected: format!("metadata {key}"),
                found: "none".to_owned(),
                hint: "this is not a checkpoint of this trainer",
            })
        };
        let number = |key: &str| {
            let value = text(key)?;
            value.parse().map_err(|_| TrainError::Checkpoint {
                path: path.to_owned(),
                expected: format!("metadata {key} as a whole number"),
                found: value,
                hint: "the file was changed by another program",
            })
        };
        Ok(Self {
            config: text("config")?,
            stage: text("stage")?,
            step: number("step")?,
            seed: number("seed")?,
            command: text("command")?,
            git: text("git")?,
            data: metadata.get("data").cloned(),
        })
    }
}

/// The tensors of a checkpoint, on the CPU, before any graph has claimed them.
#[derive(Debug)]
pub struct Checkpoint {
    /// The file.
    pub path: PathBuf,
    /// What made it.
    pub origin: Origin,
    /// `f32` tensors by parameter name.
    pub tensors: BTreeMap<String, Tensor>,
}

impl Checkpoint {
    /// Reads a whole file.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let bytes = fs::read(path).map_err(TrainError::file(path))?;
        let malformed = |error: SafeTensorError| TrainError::Checkpoint {
            path: path.to_owned(),
            expected: "a safetensors file".to_owned(),
            found: error.to_string(),
            hint: "the file is damaged or of another kind",
        };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(malformed)?;
        let origin = Origin::from_metadata(path, header.metadata().as_ref().unwrap_or(&HashMap::new()))?;
        let file = SafeTensors::deserialize(&bytes).map_err(malformed)?;
        let views: BTreeMap<&str, TensorView> = file.iter().collect();
        let found = hash(views.iter().map(|(name, view)| (*name, view.data())));
        if let Some(expected) = header.metadata().as_ref().and_then(|metadata| metadata.get(SHA256))
            && *expected != found
        {
            return Err(TrainError::Checkpoint {
                path: path.to_owned(),
                expected: format!("values with the SHA-256 {expected}"),
                found,
                hint: "the file is damaged",
            });
        }
        let mut tensors = BTreeMap::new();
        for (name, view) in views {
            if view.dtype() != Dtype::F32 {
                return Err(TrainError::Checkpoint {
                    path: path.to_owned(),
                    expected: format!("{name} in F32"),
                    found: format!("{:?}", view.dtype()),
                    hint: "this is not a checkpoint of this trainer",
                });
            }
            let size: Vec<i64> = view.shape().iter().map(|&length| length as i64).collect();
            tensors.insert(name.to_owned(), Tensor::f_from_data_size(view.data(), &size, Kind::Float)?);
        }
        Ok(Self { path: path.to_owned(), origin, tensors })
    }

    /// Moves the values into `parameters`. Strict: both sides must have the same names and shapes.
    pub fn load_into(self, parameters: &mut Parameters) -> Result<Origin, TrainError> {
        self.load_group_into(parameters, |_| true)
    }

    /// Moves the values of the parameters whose name `wanted` accepts into `parameters`. Strict about those: both sides must
    /// have the same names and shapes, or the first that differ are named.
    pub fn load_group_into(
        self,
        parameters: &mut Parameters,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Origin, TrainError> {
        self.expect_shapes(parameters, &wanted)?;
        let mut chosen = Parameters::empty(Device::Cpu);
        for (name, tensor) in &self.tensors {
            if wanted(name) {
                chosen.insert(name, tensor.shallow_clone())?;
            }
        }
        parameters.copy_values_from(&chosen)?;
        Ok(self.origin)
    }

    /// Names by how many and by which, at most three, tensors of this checkpoint and `parameters` differ.
    fn expect_shapes(&self, parameters: &Parameters, wanted: impl Fn(&str) -> bool) -> Result<(), TrainError> {
        const NAMED: usize = 3;
        let shapes = |tensors: &mut dyn Iterator<Item = (&str, &Tensor)>| -> BTreeMap<String, Vec<i64>> {
            tensors.filter(|(name, _)| wanted(name)).map(|(name, tensor)| (name.to_owned(), tensor.size())).collect()
        };
        let expected = shapes(&mut parameters.iter());
        let found = shapes(&mut self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)));
        let names: std::collections::BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
        let differing: Vec<&String> = names.into_iter().filter(|&name| expected.get(name) != found.get(name)).collect();
        if differing.is_empty() {
            return Ok(());
        }
        let shape = |shape: Option<&Vec<i64>>| shape.map_or("none".to_owned(), |shape| format!("{shape:?}"));
        let named = differing
            .iter()
            .take(NAMED)
            .map(|&name| format!("{name}: expected {}, found {}", shape(expected.get(name)), shape(found.get(name))));
        let mut named = named.collect::<Vec<_>>().join("; ");
        if differing.len() > NAMED {
            named += "; …";
        }
        Err(self.error(
            format!("the {} tensors of this config", expected.len()),
            format!("{} that differ: {named}", differing.len()),
            "checkpoint of another config or stage?",
        ))
    }

    fn error(&self, expected: String, found: String, hint: &'static str) -> TrainError {
        TrainError::Checkpoint { path: self.path.clone(), expected, found, hint }
    }
}

/// Writes `parameters` to `path`; a crash leaves the old file or the new one.
pub fn save(path: &Path, parameters: &Parameters, origin: &Origin) -> Result<(), TrainError> {
    save_tensors(path, parameters.iter(), origin)
}

/// [`save`] for any named tensors; they are written as `f32`.
pub fn save_tensors<'a>(
    path: &Path,
    tensors: impl Iterator<Item = (&'a str, &'a Tensor)>,
    origin: &Origin,
) -> Result<(), TrainError> {
    let mut shapes_and_bytes = BTreeMap::new();
    for (name, tensor) in tensors {
        let shape: Vec<usize> = tensor.size().into_iter().map(|length| length as usize).collect();
        shapes_and_bytes.insert(name, (shape, little_endian_bytes(tensor)?));
    }
    let mut metadata = origin.to_metadata();
    let sha256 = hash(shapes_and_bytes.iter().map(|(name, (_, bytes))| (*name, bytes.as_slice())));
    metadata.insert(SHA256.to_owned(), sha256);
    let unwritable = |error: SafeTensorError| TrainError::Checkpoint {
        path: path.to_owned(),
        expected: "tensors that can be written".to_owned(),
        found: error.to_string(),
        hint: "this is a fault of the trainer",
    };
    let mut views = Vec::new();
    for (name, (shape, bytes)) in &shapes_and_bytes {
        views.push((*name, TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(unwritable)?));
    }
    let bytes = safetensors::serialize(views, Some(metadata)).map_err(unwritable)?;
    write_atomically(path, &bytes)
}

/// SHA-256 of names and values in the order of the names, each name and each value after its length.
fn hash<'a>(tensors: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut hasher = Sha256::new();
    for (name, bytes) in tensors {
        for part in [name.as_bytes(), bytes] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    hexadecimal(hasher)
}

/// What was hashed, as text.
pub(crate) fn hexadecimal(hasher: Sha256) -> String {
    hasher.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn little_endian_bytes(tensor: &Tensor) -> Result<Vec<u8>, TrainError> {
    let flat = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
    let mut values = vec![0.0_f32; flat.numel()];
    flat.f_copy_data(&mut values, flat.numel())?;
    Ok(values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// The commit of the source tree that this program was built from, as git says it at run time.
fn git_commit() -> String {
    let git = |arguments: &[&str]| {
        let folder = env!("CARGO_MANIFEST_DIR");
        let output = std::process::Command::new("git").arg("-C").arg(folder).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    match (git(&["rev-parse", "HEAD"]), git(&["status", "--porcelain", "--untracked-files=no", "."])) {
        (Some(commit), Some(changes)) if changes.is_empty() => commit,
        (Some(commit), _) => format!("{commit}-dirty"),
        (None, _) => "unknown".to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "exact numbers")]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin {
            config: "{}".to_owned(),
            stage: "train".to_owned(),
            step: 7,
            seed: 3,
            command: "rszs-train".to_owned(),
            git: "unknown".to_owned(),
            data: Some("5eed".to_owned()),
        }
    }

    fn parameters(names: &[&str], value: f64) -> Parameters {
        let mut parameters = Parameters::empty(Device::Cpu);
        for name in names {
            parameters.insert(name, Tensor::full([2, 3], value, (Kind::Float, Device::Cpu))).unwrap();
        }
        parameters
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/weights.safetensors");
        save(&path, &parameters(&["vlm.a", "rsi.b"], 1.5), &origin()).unwrap();
        let mut loaded = parameters(&["vlm.a", "rsi.b"], 0.0);
        assert_eq!(Checkpoint::read(&path).unwrap().load_into(&mut loaded).unwrap(), origin());
        assert_eq!(loaded.get("vlm.a").unwrap().double_value(&[1, 2]), 1.5);
        assert!(loaded.get("vlm.a").unwrap().requires_grad());
    }

    #[test]
    fn missing_and_surplus_parameters_and_other_shapes_stop_the_load_and_three_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        save(&path, &parameters(&["vlm.a", "rsi.b"], 1.5), &origin()).unwrap();
        let load = |parameters: &mut Parameters| {
            Checkpoint::read(&path).unwrap().load_into(parameters).unwrap_err().to_string()
        };
        let expected = format!(
            "{}: expected the 1 tensors of this config, found 1 that differ: rsi.b: expected none, found [2, 3]; \
             checkpoint of another config or stage?",
            path.display()
        );
        assert_eq!(load(&mut parameters(&["vlm.a"], 0.0)), expected);
        let mut other = parameters(&["rsi.b", "vlm.c", "vlm.d"], 0.0);
        other.insert("vlm.a", Tensor::zeros([4], (Kind::Float, Device::Cpu))).unwrap();
        let message = load(&mut other);
        let three = "found 3 that differ: vlm.a: expected [4], found [2, 3]; vlm.c: expected [2, 3], found none; vlm.d: \
                     expected [2, 3], found none; checkpoint";
        assert!(message.contains(three), "{message}");
        other.insert("vlm.e", Tensor::zeros([4], (Kind::Float, Device::Cpu))).unwrap();
        assert!(load(&mut other).contains("found 4 that differ: vlm.a: "), "{}", load(&mut other));
        assert!(!load(&mut other).contains("vlm.e"), "only three are named");
        assert_eq!(other.get("rsi.b").unwrap().double_value(&[0, 0]), 0.0, "nothing was loaded");
    }

    #[test]
    fn a_group_can_be_loaded_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        save(&path, &parameters(&["text.a"], 2.0), &origin()).unwrap();
        let mut loaded = parameters(&["vlm.a", "text.a"], 0.0);
        Checkpoint::read(&path).unwrap().load_group_into(&mut loaded, |name| name.starts_with("text.")).unwrap();
        assert_eq!(loaded.get("text.a").unwrap().double_value(&[0, 0]), 2.0);
        assert_eq!(loaded.get("vlm.a").unwrap().double_value(&[0, 0]), 0.0);
    }

    #[test]
    fn a_file_without_a_hash_is_of_an_older_version_and_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        let bytes = 1.5_f32.to_le_bytes();
        let view = TensorView::new(Dtype::F32, vec![1], &bytes).unwrap();
        fs::write(&path, safetensors::serialize([("vlm.a", view)], Some(origin().to_metadata())).unwrap()).unwrap();
        assert_eq!(Checkpoint::read(&path).unwrap().tensors["vlm.a"].double_value(&[0]), 1.5);
    }

    #[test]
    fn a_damaged_file_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        fs::write(&path, b"not a checkpoint").unwrap();
        assert!(Checkpoint::read(&path).unwrap_err().to_string().contains("weights.safetensors"));
    }
}
