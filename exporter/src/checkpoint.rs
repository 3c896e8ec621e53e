//! A checkpoint: one safetensors file of `f32` tensors by parameter name, with the network's configuration inside.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use rszs_graph::{Graph, Tensor, initial_parameters};
use rszs_network::{Config, Purpose, image_graph, text_graph};
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensorError, SafeTensors};

/// Key of the configuration in the file's metadata.
const CONFIG: &str = "config";

/// Weights and what they belong to.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Sizes of the network.
    pub config: Config,
    /// `f32` tensors by parameter name.
    pub parameters: BTreeMap<String, Tensor>,
    /// What else the file says about itself: stage, step, seed, command, git.
    pub notes: BTreeMap<String, String>,
}

/// A checkpoint that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The system says no.
    #[error("{}: expected a file that can be {doing}, found: {source}", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// What was tried, as a participle.
        doing: &'static str,
        /// The system's word.
        source: io::Error,
    },
    /// Not a safetensors file.
    #[error("{}: expected a safetensors file, found: {source} (truncated, or another format?)", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: SafeTensorError,
    },
    /// No configuration in the metadata, or one of another version.
    #[error("{}: expected metadata `config` with the network's configuration, found: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Why it is none.
        reason: String,
    },
    /// A tensor of another element type.
    #[error("{}: {tensor}: expected F32, found {found}", path.display())]
    ElementType {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its type.
        found: String,
    },
    /// A tensor with a value that is not a number.
    #[error("{}: {tensor}: expected finite numbers, found {found} at {index} (did training diverge?)", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The value.
        found: f32,
        /// Where in the flat tensor.
        index: usize,
    },
    /// Tensors and network do not fit.
    #[error("{}: {difference} (a checkpoint of another version of the network?)", path.display())]
    Difference {
        /// The file.
        path: PathBuf,
        /// What does not fit, tensor by tensor.
        difference: Difference,
    },
}

/// How the tensors of a file differ from the parameters of a network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Parameters without a tensor.
    pub missing: Vec<String>,
    /// Tensors without a parameter.
    pub unexpected: Vec<String>,
    /// Tensors of another shape, as `name: expected …, found …`.
    pub misshapen: Vec<String>,
}

impl Difference {
    /// Compares tensors with the parameters of all `graphs` together.
    pub fn between(graphs: &[&Graph], tensors: &BTreeMap<String, Tensor>) -> Self {
        let mut difference = Self::default();
        let mut known = BTreeSet::new();
        for node in graphs.iter().flat_map(|graph| graph.params()) {
            if !known.insert(&node.name) {
                continue;
            }
            match tensors.get(&node.name) {
                None => difference.missing.push(node.name.clone()),
                Some(tensor) if node.shape.as_fixed().as_ref() != Some(&tensor.shape) => {
                    let text = format!("{}: expected {}, found {:?}", node.name, node.shape, tensor.shape);
                    difference.misshapen.push(text);
                }
                Some(_) => {}
            }
        }
        difference.unexpected = tensors.keys().filter(|name| !known.contains(name)).cloned().collect();
        difference
    }

    /// Whether everything fits.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.misshapen.is_empty()
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds =
            [("missing", &self.missing), ("unexpected", &self.unexpected), ("of another shape", &self.misshapen)];
        write!(f, "expected exactly the tensors of the network, found")?;
        let mut separator = "";
        for (kind, names) in kinds.into_iter().filter(|(_, names)| !names.is_empty()) {
            write!(f, "{separator} {} {kind}: {}", names.len(), names.join(", "))?;
            separator = ";";
        }
        Ok(())
    }
}

impl Checkpoint {
    /// Every parameter at its initial value: a checkpoint before any training, for tests and measurements.
    pub fn initial(config: Config, seed: u64) -> Result<Self, rszs_graph::GraphError> {
        let mut parameters = initial_parameters(&image_graph(&config, Purpose::Deploy)?, seed);
        parameters.extend(initial_parameters(&text_graph(&config)?, seed));
        let notes = [("stage", "initial".to_owned()), ("seed", seed.to_string())];
        let notes = notes.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Ok(Self { config, parameters, notes })
    }

    /// Reads a whole file. Whether the tensors are those of the network is for [`Checkpoint::expect`] to say.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        let bytes = fs::read(path).map_err(|source| disk(path, "read", source))?;
        let format = |source| CheckpointError::Format { path: path.to_owned(), source };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(format)?;
        let config_error = |reason| CheckpointError::Config { path: path.to_owned(), reason };
        let mut notes: BTreeMap<String, String> = header.metadata().clone().unwrap_or_default().into_iter().collect();
        let config = notes.remove(CONFIG).ok_or_else(|| config_error("none".to_owned()))?;
        let config = serde_json::from_str(&config).map_err(|error| config_error(error.to_string()))?;
        let mut parameters = BTreeMap::new();
        for (name, view) in SafeTensors::deserialize(&bytes).map_err(format)?.iter() {
            parameters.insert(name.to_owned(), tensor(path, name, &view)?);
        }
        Ok(Self { config, parameters, notes })
    }

    /// Accepts the checkpoint only if its tensors are exactly the parameters of `graphs`. `path` is for the error.
    pub fn expect(&self, path: &Path, graphs: &[&Graph]) -> Result<(), CheckpointError> {
        match Difference::between(graphs, &self.parameters) {
            difference if difference.is_empty() => Ok(()),
            difference => Err(CheckpointError::Difference { path: path.to_owned(), difference }),
        }
    }

    /// Writes the file.
    pub fn write(&self, path: &Path) -> Result<(), CheckpointError> {
        let format = |source| CheckpointError::Format { path: path.to_owned(), source };
        let config = serde_json::to_string(&self.config);
        let config =
            config.map_err(|error| CheckpointError::Config { path: path.to_owned(), reason: error.to_string() })?;
        let mut notes: HashMap<String, String> = self.notes.clone().into_iter().collect();
        notes.insert(CONFIG.to_owned(), config);
        let bytes = |tensor: &Tensor| tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let tensors: Vec<(&String, &Tensor, Vec<u8>)> =
            self.parameters.iter().map(|(name, tensor)| (name, tensor, bytes(tensor))).collect();
        let mut views = Vec::with_capacity(tensors.len());
        for (name, tensor, bytes) in &tensors {
            views.push((name, TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).map_err(format)?));
        }
        let file = safetensors::serialize(views, Some(notes)).map_err(format)?;
        rszs_durable::replace(path, &file).map_err(|source| disk(path, "written", source))
    }
}

fn disk(path: &Path, doing: &'static str, source: io::Error) -> CheckpointError {
    CheckpointError::Disk { path: path.to_owned(), doing, source }
}

fn tensor(path: &Path, name: &str, view: &TensorView<'_>) -> Result<Tensor, CheckpointError> {
    if view.dtype() != Dtype::F32 {
        let found = format!("{:?}", view.dtype());
        return Err(CheckpointError::ElementType { path: path.to_owned(), tensor: name.to_owned(), found });
    }
    let (chunks, _) = view.data().as_chunks();
    let values: Vec<f32> = chunks.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(Tensor::new(view.shape(), values)),
        Some(index) => Err(CheckpointError::NotFinite {
            path: path.to_owned(),
            tensor: name.to_owned(),
            found: values[index],
            index,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rszs_graph::{Builder, Init};

    fn small() -> Checkpoint {
        let parameters = [("a.weight", Tensor::new([2], vec![1.0, -2.5])), ("b", Tensor::zeros([1, 3]))];
        let parameters = parameters.map(|(name, tensor)| (name.to_owned(), tensor)).into();
        let notes = [("step".to_owned(), "7".to_owned())].into();
        Checkpoint { config: Config::nano(), parameters, notes }
    }

    #[test]
    fn a_checkpoint_survives_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("small.safetensors");
        small().write(&path).unwrap();
        assert_eq!(Checkpoint::read(&path).unwrap(), small());
    }

    #[test]
    fn every_difference_is_listed_by_name() {
        let builder = Builder::new();
        let init = Init::Constant(0.0);
        let outputs = [builder.param("b", [2, 3], init).id(), builder.param("c", [1], init).id()];
        let graph = builder.finish(&[("x", outputs[0]), ("y", outputs[1])]).unwrap();
        let error = small().expect(Path::new("small.safetensors"), &[&graph]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "small.safetensors: expected exactly the tensors of the network, found 1 missing: c; 1 unexpected: a.weight; \
             1 of another shape: b: expected [2, 3], found [1, 3] (a checkpoint of another version of the network?)"
        );
    }

    #[test]
    fn a_truncated_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cut.safetensors");
        small().write(&path).unwrap();
        let bytes = fs::read(&path).unwrap();
        for length in [0, 4, 100, bytes.len() - 1] {
            fs::write(&path, &bytes[..length]).unwrap();
            assert!(matches!(Checkpoint::read(&path), Err(CheckpointError::Format { .. })), "{length} bytes");
        }
    }

    #[test]
    fn a_value_that_is_not_a_number_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nan.safetensors");
        let mut checkpoint = small();
        checkpoint.parameters.insert("b".to_owned(), Tensor::new([2], vec![0.0, f32::NAN]));
        checkpoint.write(&path).unwrap();
        let error = Checkpoint::read(&path).unwrap_err().to_string();
        assert!(error.ends_with("b: expected finite numbers, found NaN at 1 (did training diverge?)"), "{error}");
    }

    #[test]
    fn initial_parameters_are_those_of_both_graphs() {
        let checkpoint = Checkpoint::initial(Config::nano(), 0).unwrap();
        let graphs = [image_graph(&Config::nano(), Purpose::Deploy).unwrap(), text_graph(&Config::nano()).unwrap()];
        checkpoint.expect(Path::new("initial"), &[&graphs[0], &graphs[1]]).unwrap();
        let training = image_graph(&Config::nano(), Purpose::Train).unwrap();
        checkpoint.expect(Path::new("initial"), &[&training, &graphs[1]]).unwrap();
    }
}
