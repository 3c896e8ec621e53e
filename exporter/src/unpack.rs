//! The way back: from a bundle to a checkpoint that training can start from.
//!
//! A bundle's ONNX files hold every weight under its parameter's name and the network's
//! configuration among their notes. Only a bundle that kept its text tower has all of a network: a
//! folded one does not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use prost::Message;
use rszs_bundle::{Bundle, Precision};
use rszs_checkpoint::{CheckpointError, Origin};
use rszs_graph::{GraphError, Tensor};
use rszs_network::{Config, Purpose, image_graph, text_graph};

use crate::checkpoint::{Checkpoint, to_json};
use crate::onnx::{ModelProto, TensorProto, data_type};

/// A bundle that no checkpoint can be made of.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// A file is not in the bundle.
    #[error("{}: expected {file}, found none (a folded bundle has no text tower: take the open \
        one)", bundle.display())]
    NoFile {
        /// The bundle.
        bundle: PathBuf,
        /// The file.
        file: &'static str,
    },
    /// A file was not written by `rszs-export`.
    #[error("{}: {file}: expected an ONNX file by rszs-export with the network's configuration, \
        found {found}", bundle.display())]
    Foreign {
        /// The bundle.
        bundle: PathBuf,
        /// The file.
        file: &'static str,
        /// What was found instead.
        found: String,
    },
    /// The configuration is of no network.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The weights are not those of the network.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// Every weight of `bundle` in float32, as `rszs-train` reads it.
pub fn unpack(bundle: &Bundle) -> Result<Checkpoint, UnpackError> {
    let path = || bundle.path().to_owned();
    let mut tensors = BTreeMap::new();
    let mut config: Option<Config> = None;
    for (file, bytes) in [
        ("model.fp32.onnx", bundle.model_bytes(Precision::Fp32)),
        ("text.fp32.onnx", bundle.text_bytes()),
    ] {
        let bytes = bytes.ok_or_else(|| UnpackError::NoFile { bundle: path(), file })?;
        let foreign = |found: String| UnpackError::Foreign { bundle: path(), file, found };
        let model = ModelProto::decode(bytes).map_err(|error| foreign(error.to_string()))?;
        let note = model.metadata_props.iter().find(|note| note.key.as_deref() == Some("config"));
        let note = note
            .and_then(|note| note.value.as_deref())
            .ok_or_else(|| foreign("no configuration".to_owned()))?;
        config = Some(serde_json::from_str(note).map_err(|error| foreign(error.to_string()))?);
        for weight in model.graph.unwrap_or_default().initializer {
            if let Some((name, tensor)) = float_tensor(weight) {
                tensors.insert(name, tensor);
            }
        }
    }
    let Some(config) = config else { unreachable!("both files were read") };
    let graphs = [image_graph(&config, Purpose::Train)?, text_graph(&config)?];
    let names: BTreeSet<&str> =
        graphs.iter().flat_map(rszs_graph::Graph::params).map(|node| node.name.as_str()).collect();
    // Constants of the lowered graph are among the weights and are no parameters.
    tensors.retain(|name, _| names.contains(name.as_str()));
    let manifest = bundle.manifest();
    let command =
        format!("rszs-export checkpoint, from {} release {}", manifest.name, manifest.counter);
    let git = "unknown".to_owned();
    let origin = Origin {
        config: to_json(&config),
        stage: "bundle".to_owned(),
        step: 0,
        seed: 0,
        command,
        git,
        data: None,
    };
    let checkpoint = Checkpoint { config, parameters: tensors, origin };
    checkpoint.expect(bundle.path(), &[&graphs[0], &graphs[1]])?;
    Ok(checkpoint)
}

fn float_tensor(weight: TensorProto) -> Option<(String, Tensor)> {
    if weight.data_type != Some(data_type::FLOAT) {
        return None;
    }
    let shape: Vec<usize> =
        weight.dims.iter().filter_map(|&length| usize::try_from(length).ok()).collect();
    let raw = weight.raw_data.unwrap_or_default();
    let values: Vec<f32> =
        raw.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    let is_whole =
        shape.len() == weight.dims.len() && shape.iter().product::<usize>() == values.len();
    is_whole.then(|| (weight.name.unwrap_or_default(), Tensor::new(shape, values)))
}
