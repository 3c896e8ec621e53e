//! Published weights in, a checkpoint to train from out.
//!
//! CLIP's two towers become `vlm` and `text`, DINO's tower becomes `rsi`. A file is read ([`Published`]), its names and layouts become
//! ours ([`Towers`]), position tables are brought to the network's grid the way each model's own users do it. Nothing is loaded "as
//! far as it fits": every tensor of a file is used, or known not to be needed, or the import stops and lists it.
//!
//! Not done: whether a file's model is CLIP with `QuickGELU` or with GELU does not show in its tensors. The network has `QuickGELU`, as
//! `OpenAI`'s models do; most models that `open_clip` trained itself have not.

mod archive;
mod error;
mod naming;
mod pickle;
mod published;
mod tokenizer;
mod towers;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rszs_graph::{Graph, Node};
use rszs_network::{Config, Purpose};
use tch::Device;

use crate::checkpoint::{self, Origin};
use crate::durable::write_atomically;
use crate::run::tell;
use crate::train::TOKENIZER;
use crate::{Parameters, TrainError, group};

pub use error::ImportError;
pub use naming::Model;
pub use pickle::PickleError;
pub use published::Published;
pub use towers::{Difference, Towers};

/// What to import and where to.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// CLIP's weights.
    pub clip: PathBuf,
    /// CLIP's merges: `bpe_simple_vocab_16e6.txt`, gzipped or not, `merges.txt` or our `tokenizer.json`.
    pub tokenizer: PathBuf,
    /// DINO's weights; without them the remote-sensing stream starts from nothing.
    pub dino: Option<PathBuf>,
    /// The checkpoint to write. The tokenizer is written beside it.
    pub output: PathBuf,
    /// Whether PyTorch archives may be read.
    pub allow_pickle: bool,
}

/// Writes a checkpoint of `network` that [`crate::train::train`] can start from.
pub fn import(network: &Config, options: &ImportOptions) -> Result<(), TrainError> {
    let tokenizer = tokenizer::read(&options.tokenizer, network.text.vocabulary)?;
    let shapes = shapes(network)?;
    let mut parameters = Parameters::empty(Device::Cpu);
    let clip = (Model::Clip, &options.clip);
    for (model, path) in [clip].into_iter().chain(options.dino.as_ref().map(|path| (Model::Dino, path))) {
        let published = Published::read(path, options.allow_pickle)?;
        let (tensors, part) = (published.tensors.len(), published.part);
        let towers = Towers::take(published, model, &shapes)?;
        describe(path, tensors, part, &towers);
        for (name, tensor) in towers.parameters {
            parameters.insert(&name, tensor)?;
        }
    }
    let origin = Origin::new(serde_json::to_string(network)?, "import", 0);
    checkpoint::save(&options.output, &parameters, &origin)?;
    write_atomically(&options.output.with_file_name(TOKENIZER), &tokenizer.to_json())?;
    let count = |wanted: &str| parameters.iter().filter(|(name, _)| group(name) == wanted).count();
    let groups: Vec<String> =
        parameters.groups().into_iter().map(|group| format!("{} of {group}", count(group))).collect();
    tell(&format!("{}: {} parameters", options.output.display(), groups.join(", ")));
    Ok(())
}

/// Names and shapes of all parameters of a network and its text tower.
fn shapes(network: &Config) -> Result<BTreeMap<String, Vec<i64>>, TrainError> {
    let graphs = [rszs_network::image_graph(network, Purpose::Train)?, rszs_network::text_graph(network)?];
    let shape = |node: &Node| node.shape.at(1, 1).into_iter().map(|length| length as i64).collect();
    Ok(graphs.iter().flat_map(Graph::params).map(|node| (node.name.clone(), shape(node))).collect())
}

/// Says what became of a file's tensors.
fn describe(path: &Path, tensors: usize, part: Option<&str>, towers: &Towers) {
    let part = part.map_or(String::new(), |part| format!(" in its part {part}"));
    let used = tensors - towers.unused.len();
    tell(&format!("{}: {}{part}, {used} of {tensors} tensors used", path.display(), towers.origin));
    let reasons: BTreeSet<&str> = towers.unused.iter().map(|(_, reason)| *reason).collect();
    for reason in reasons {
        let names = towers.unused.iter().filter(|entry| entry.1 == reason).map(|(name, _)| name.as_str());
        tell(&format!("  not used: {} ({reason})", names.collect::<Vec<_>>().join(", ")));
    }
    for (name, from, to) in &towers.interpolated {
        tell(&format!("  {name}: from a grid of {from} to one of {to}"));
    }
}
