//! Published weights in, a checkpoint to train from out.
//!
//! CLIP's two towers become `vlm` and `text`, DINO's tower becomes `rsi`. A file is read
//! ([`Published`]), its names and layouts become ours ([`Towers`]), position tables are brought to
//! the network's grid the way each model's own users do it. Nothing is loaded "as far as it fits":
//! every tensor of a file is used, or known not to be needed, or the import stops and lists it.
//!
//! Not done: whether a file's model is CLIP with `QuickGELU` or with GELU does not show in its
//! tensors. The network has `QuickGELU`, as `OpenAI`'s models do; most models that `open_clip`
//! trained itself have not.

mod archive;
mod error;
mod legacy;
mod naming;
mod pickle;
mod published;
mod state_dict;
mod stem;
mod tokenizer;
mod towers;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rszs_graph::{Graph, Node};
use rszs_network::{Config, Purpose};
use rszs_tokenizer::Tokenizer;
use tch::Device;

use crate::checkpoint::TOKENIZER;
use crate::checkpoint::{self, Checkpoint};
use crate::run::{tell, write_atomically};
use crate::{Parameters, TrainError, group};

pub use error::ImportError;
pub use naming::Model;
pub use pickle::PickleError;
pub use published::Published;
pub use towers::{Difference, Towers};

/// What to import and where to.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// Where the text tower comes from, and with it the words.
    pub words: WordSource,
    /// EfficientNet-Lite's weights, for a network with a stem.
    pub stem: Option<PathBuf>,
    /// DINO's weights; without them the remote-sensing stream starts from nothing.
    pub dino: Option<PathBuf>,
    /// The checkpoint to write. The tokenizer is written beside it.
    pub output: PathBuf,
    /// Whether PyTorch archives may be read.
    pub allow_pickle: bool,
}

/// Where a text tower comes from.
#[derive(Debug, Clone)]
pub enum WordSource {
    /// CLIP, both towers.
    Clip {
        /// CLIP's weights.
        weights: PathBuf,
        /// CLIP's merges: `bpe_simple_vocab_16e6.txt`, gzipped or not, `merges.txt` or our
        /// `tokenizer.json`.
        tokenizer: PathBuf,
    },
    /// The text tower alone of a checkpoint of this trainer, with `tokenizer.json` beside it.
    Checkpoint(PathBuf),
}

/// Writes a checkpoint of `network` that [`crate::train::train`] can start from.
pub fn import(network: &Config, options: &ImportOptions) -> Result<(), TrainError> {
    let shapes = shapes(network)?;
    let mut parameters = Parameters::empty(Device::Cpu);
    let mut take = |path: &Path, towers_of: &dyn Fn(Published) -> Result<Towers, TrainError>| {
        let published = Published::read(path, options.allow_pickle)?;
        let (tensors, part) = (published.tensors.len(), published.part);
        let towers = towers_of(published)?;
        describe(path, tensors, part, &towers);
        towers
            .parameters
            .into_iter()
            .try_for_each(|(name, tensor)| parameters.insert(&name, tensor))
    };
    if let Some(path) = &options.stem {
        take(path, &|published| Towers::take_stem(published, &shapes))?;
    }
    if let Some(path) = &options.dino {
        take(path, &|published| Towers::take(published, Model::Dino, &shapes))?;
    }
    let tokenizer = match &options.words {
        WordSource::Clip { weights, tokenizer } => {
            take(weights, &|published| Towers::take(published, Model::Clip, &shapes))?;
            tokenizer::read(tokenizer, network.text.vocabulary)?
        }
        WordSource::Checkpoint(path) => {
            text_tower(path, &shapes, &mut parameters)?;
            let path = path.with_file_name(TOKENIZER);
            let bytes = std::fs::read(&path).map_err(TrainError::no_tokenizer(&path))?;
            Tokenizer::from_json(&bytes)?
        }
    };
    let origin = checkpoint::origin(serde_json::to_string(network)?, "import", 0);
    checkpoint::save(&options.output, &parameters, &origin)?;
    write_atomically(&options.output.with_file_name(TOKENIZER), &tokenizer.to_json())?;
    let count = |wanted: &str| parameters.iter().filter(|(name, _)| group(name) == wanted).count();
    let groups: Vec<String> = parameters
        .groups()
        .into_iter()
        .map(|group| format!("{} of {group}", count(group)))
        .collect();
    tell(&format!("{}: {} parameters", options.output.display(), groups.join(", ")));
    Ok(())
}

/// Names and shapes of all parameters of a network and its text tower.
fn shapes(network: &Config) -> Result<BTreeMap<String, Vec<i64>>, TrainError> {
    let graphs =
        [rszs_network::image_graph(network, Purpose::Train)?, rszs_network::text_graph(network)?];
    let shape = |node: &Node| node.shape.at(1, 1).into_iter().map(|length| length as i64).collect();
    Ok(graphs.iter().flat_map(Graph::params).map(|node| (node.name.clone(), shape(node))).collect())
}

/// The text tower of a checkpoint, each tensor of the shape that the network wants.
fn text_tower(
    path: &Path,
    shapes: &BTreeMap<String, Vec<i64>>,
    parameters: &mut Parameters,
) -> Result<(), TrainError> {
    let mut tensors = Checkpoint::read(path)?.tensors;
    for (name, shape) in shapes.iter().filter(|(name, _)| group(name) == "text") {
        let found = tensors.remove(name).filter(|tensor| tensor.size() == *shape);
        let tensor = found.ok_or_else(|| TrainError::Checkpoint {
            path: path.to_owned(),
            expected: format!("{name} of shape {shape:?}"),
            found: "none".to_owned(),
            hint: "the text tower has other sizes than [network.text]",
        })?;
        parameters.insert(name, tensor)?;
    }
    Ok(())
}

/// Unused tensors that are named for one reason.
const LISTED: usize = 8;

/// Says what became of a file's tensors.
fn describe(path: &Path, tensors: usize, part: Option<&str>, towers: &Towers) {
    let part = part.map_or(String::new(), |part| format!(" in its part {part}"));
    let used = tensors - towers.unused.len();
    tell(&format!("{}: {}{part}, {used} of {tensors} tensors used", path.display(), towers.origin));
    let reasons: BTreeSet<&str> = towers.unused.iter().map(|(_, reason)| *reason).collect();
    for reason in reasons {
        let names =
            towers.unused.iter().filter(|entry| entry.1 == reason).map(|(name, _)| name.as_str());
        let names: Vec<&str> = names.collect();
        let more = match names.len().saturating_sub(LISTED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        tell(&format!(
            "  not used: {}{more} ({reason})",
            names[..names.len().min(LISTED)].join(", ")
        ));
    }
    for (name, from, to) in &towers.interpolated {
        tell(&format!("  {name}: from a grid of {from} to one of {to}"));
    }
}
