//! Checkpoints as tensors of libtorch.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rszs_checkpoint::{Difference, Shapes, Writer};
use tch::{Device, Kind, Tensor};

/// File of the tokenizer, beside the weights of a text tower.
pub const TOKENIZER: &str = "tokenizer.json";

pub use rszs_checkpoint::Origin;

use crate::{Parameters, TrainError};

/// This program in [`Origin::command`].
const PROGRAM: &str = "rszs-train";

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
        let rszs_checkpoint::Checkpoint { origin, tensors } =
            rszs_checkpoint::Checkpoint::read(path)?;
        let to_torch = |(name, tensor): (String, rszs_graph::Tensor)| {
            let size: Vec<i64> = tensor.shape.iter().map(|&length| length as i64).collect();
            Ok((name, Tensor::f_from_slice(&tensor.values)?.f_reshape(size)?))
        };
        let tensors = tensors.into_iter().map(to_torch).collect::<Result<_, TrainError>>()?;
        Ok(Self { path: path.to_owned(), origin, tensors })
    }

    /// Moves the values into `parameters`. Strict: both sides must have the same names and shapes.
    pub fn load_into(self, parameters: &mut Parameters) -> Result<Origin, TrainError> {
        self.load_group_into(parameters, |_| true)
    }

    /// Moves the values of the parameters whose name `wanted` accepts into `parameters`. Strict
    /// about those: both sides must have the same names and shapes.
    pub fn load_group_into(
        self,
        parameters: &mut Parameters,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Origin, TrainError> {
        let expected: Shapes =
            parameters.iter().filter(|(name, _)| wanted(name)).map(shape_of).collect();
        let found = self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor));
        let found: Shapes = found.filter(|(name, _)| wanted(name)).map(shape_of).collect();
        Difference::between(&expected, &found).expect_none(&self.path)?;
        let mut chosen = Parameters::empty(Device::Cpu);
        for (name, tensor) in self.tensors.iter().filter(|(name, _)| wanted(name)) {
            chosen.insert(name, tensor.shallow_clone())?;
        }
        parameters.copy_values_from(&chosen)?;
        Ok(self.origin)
    }
}

fn shape_of<'a>((name, tensor): (&'a str, &Tensor)) -> (&'a str, Vec<usize>) {
    (name, tensor.size().into_iter().map(|length| length as usize).collect())
}

/// An origin at step 0 with this process's command line.
pub fn origin(config: String, stage: &str, seed: u64) -> Origin {
    Origin::new(PROGRAM, config, stage, seed)
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
    let tensors: Vec<(&str, &Tensor)> = tensors.collect();
    let mut writer = Writer::new(origin);
    for (name, tensor) in tensors {
        let flat =
            tensor.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
        let mut values = vec![0.0_f32; flat.numel()];
        flat.f_copy_data(&mut values, flat.numel())?;
        writer.add(name, shape_of((name, tensor)).1, &values);
    }
    Ok(writer.write(path)?)
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "exact numbers")]
mod tests {
    use std::fs;

    use super::*;

    fn parameters(names: &[&str], value: f64) -> Parameters {
        let mut parameters = Parameters::empty(Device::Cpu);
        for name in names {
            parameters
                .insert(name, Tensor::full([2, 3], value, (Kind::Float, Device::Cpu)))
                .unwrap();
        }
        parameters
    }

    /// A file of parameters `names` in a folder of its own.
    fn saved(names: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/weights.safetensors");
        save(&path, &parameters(names, 1.5), &origin("{}".to_owned(), "train", 3)).unwrap();
        (folder, path)
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let (_folder, path) = saved(&["vlm.a", "rsi.b"]);
        let mut loaded = parameters(&["vlm.a", "rsi.b"], 0.0);
        let found = Checkpoint::read(&path).unwrap().load_into(&mut loaded).unwrap();
        assert_eq!((found.stage.as_str(), found.seed), ("train", 3));
        assert_eq!(loaded.get("vlm.a").unwrap().double_value(&[1, 2]), 1.5);
        assert!(loaded.get("vlm.a").unwrap().requires_grad());
    }

    #[test]
    fn missing_and_surplus_parameters_and_other_shapes_stop_the_load() {
        let (_folder, path) = saved(&["vlm.a", "rsi.b"]);
        let mut other = parameters(&["rsi.b", "vlm.c"], 0.0);
        other.insert("vlm.a", Tensor::zeros([4], (Kind::Float, Device::Cpu))).unwrap();
        let message =
            Checkpoint::read(&path).unwrap().load_into(&mut other).unwrap_err().to_string();
        let expected = "expected exactly the 3 tensors of the network, found 1 missing: vlm.c; 1 \
            of another shape: \
                        vlm.a: expected [4], found [2, 3] (a checkpoint of another config or \
                        stage?)";
        assert_eq!(message, format!("{}: {expected}", path.display()));
        assert_eq!(other.get("rsi.b").unwrap().double_value(&[0, 0]), 0.0, "nothing was loaded");
    }

    #[test]
    fn a_group_can_be_loaded_alone() {
        let (_folder, path) = saved(&["text.a"]);
        let mut loaded = parameters(&["vlm.a", "text.a"], 0.0);
        Checkpoint::read(&path)
            .unwrap()
            .load_group_into(&mut loaded, |name| name.starts_with("text."))
            .unwrap();
        assert_eq!(loaded.get("text.a").unwrap().double_value(&[0, 0]), 1.5);
        assert_eq!(loaded.get("vlm.a").unwrap().double_value(&[0, 0]), 0.0);
    }

    #[test]
    fn a_flipped_byte_is_refused_with_file_and_tensor() {
        let (_folder, path) = saved(&["vlm.a"]);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        let message = Checkpoint::read(&path).unwrap_err().to_string();
        assert!(
            message.starts_with(&format!("{}: vlm.a: expected values with ", path.display())),
            "{message}"
        );
    }
}
