//! A checkpoint with the network's configuration.

use std::collections::BTreeMap;
use std::path::Path;

use rszs_checkpoint::{CheckpointError, Difference, Origin, Shapes, Writer};
use rszs_graph::{Graph, GraphError, Tensor, initial_parameters};
use rszs_network::{Config, Purpose, image_graph, text_graph};

/// Weights and what they belong to.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Sizes of the network.
    pub config: Config,
    /// `f32` tensors by parameter name.
    pub parameters: BTreeMap<String, Tensor>,
    /// What made them.
    pub origin: Origin,
}

impl Checkpoint {
    /// Every parameter at its initial value: a checkpoint before any training, for tests and
    /// measurements.
    pub fn initial(config: Config, seed: u64) -> Result<Self, GraphError> {
        let mut parameters = initial_parameters(&image_graph(&config, Purpose::Deploy)?, seed);
        parameters.extend(initial_parameters(&text_graph(&config)?, seed));
        let origin = Origin::new("rszs-export", to_json(&config), "initial", seed);
        Ok(Self { config, parameters, origin })
    }

    /// Reads a whole file. Whether the tensors are those of the network is for
    /// [`Checkpoint::expect`] to say.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        let checkpoint = rszs_checkpoint::Checkpoint::read(path)?;
        checkpoint.expect_finite(path)?;
        let rszs_checkpoint::Checkpoint { origin, tensors } = checkpoint;
        let config =
            serde_json::from_str(&origin.config).map_err(|error| CheckpointError::Metadata {
                path: path.to_owned(),
                key: "config",
                expected: "the network's configuration",
                found: error.to_string(),
            })?;
        Ok(Self { config, parameters: tensors, origin })
    }

    /// Accepts the checkpoint only if its tensors are exactly the parameters of `graphs`. `path` is
    /// for the error.
    pub fn expect(&self, path: &Path, graphs: &[&Graph]) -> Result<(), CheckpointError> {
        let parameters = graphs.iter().flat_map(|graph| graph.params());
        let expected: Shapes = parameters
            .map(|node| (node.name.as_str(), node.shape.as_fixed().unwrap_or_default()))
            .collect();
        let found = self
            .parameters
            .iter()
            .map(|(name, tensor)| (name.as_str(), tensor.shape.clone()))
            .collect();
        Difference::between(&expected, &found).expect_none(path)
    }

    /// Writes the file.
    pub fn write(&self, path: &Path) -> Result<(), CheckpointError> {
        let origin = Origin { config: to_json(&self.config), ..self.origin.clone() };
        let mut writer = Writer::new(&origin);
        for (name, tensor) in &self.parameters {
            writer.add(name, tensor.shape.clone(), &tensor.values);
        }
        writer.write(path)
    }
}

/// A configuration as a checkpoint holds it.
pub(crate) fn to_json(config: &Config) -> String {
    match serde_json::to_string(config) {
        Ok(json) => json,
        Err(error) => unreachable!("numbers and names are JSON: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_survives_its_file_and_a_flipped_byte_is_refused_with_file_and_tensor() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("small.safetensors");
        let parameters = [("a.weight".to_owned(), Tensor::new([2], vec![1.0, -2.5]))].into();
        let origin = Origin::new("rszs-export", to_json(&Config::nano()), "initial", 1);
        let checkpoint = Checkpoint { config: Config::nano(), parameters, origin };
        checkpoint.write(&path).unwrap();
        assert_eq!(Checkpoint::read(&path).unwrap(), checkpoint);

        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let message = Checkpoint::read(&path).unwrap_err().to_string();
        assert!(
            message.starts_with(&format!("{}: a.weight: expected values with ", path.display())),
            "{message}"
        );
    }

    #[test]
    fn initial_parameters_are_those_of_both_graphs() {
        let checkpoint = Checkpoint::initial(Config::nano(), 0).unwrap();
        let graphs = [
            image_graph(&Config::nano(), Purpose::Deploy).unwrap(),
            text_graph(&Config::nano()).unwrap(),
        ];
        checkpoint.expect(Path::new("initial"), &[&graphs[0], &graphs[1]]).unwrap();
        let training = image_graph(&Config::nano(), Purpose::Train).unwrap();
        checkpoint.expect(Path::new("initial"), &[&training, &graphs[1]]).unwrap();
    }
}
