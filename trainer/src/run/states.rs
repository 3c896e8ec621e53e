//! The last states of a run: to go on from, and to go back to.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use tch::Tensor;

use crate::checkpoint::{self, Checkpoint, Origin};
use crate::run::{make_folder, tell};
use crate::{Parameters, TrainError};

/// A folder with one file a state, `step_00000120.safetensors`. To go back, move the newer ones
/// away.
#[derive(Debug)]
pub struct States {
    folder: PathBuf,
    keep: NonZeroUsize,
}

impl States {
    /// Opens or makes the folder. It will hold the newest `keep` states.
    pub fn open(folder: PathBuf, keep: NonZeroUsize) -> Result<Self, TrainError> {
        make_folder(&folder)?;
        rszs_durable::remove_leftovers(&folder, &[""]);
        Ok(Self { folder, keep })
    }

    /// The newest state that is whole, if there is any state. A damaged one is moved aside, so that
    /// it never counts as one of the last again; it is an error when none is whole.
    pub fn newest(&self) -> Result<Option<Checkpoint>, TrainError> {
        let files = self.files()?;
        for path in &files {
            match Checkpoint::read(path) {
                Ok(state) => return Ok(Some(state)),
                Err(error @ TrainError::Weights(_)) => {
                    let aside = path.with_extension("damaged");
                    fs::rename(path, &aside).map_err(TrainError::file(path))?;
                    tell(&format!(
                        "{error}; moved to {}, going back to the state before",
                        aside.display()
                    ));
                }
                Err(error) => return Err(error),
            }
        }
        if files.is_empty() {
            return Ok(None);
        }
        Err(TrainError::Checkpoint {
            path: self.folder.clone(),
            expected: "a state that is whole".to_owned(),
            found: format!("{} damaged", files.len()),
            hint: "put a copy of one back, or remove the folder to start again",
        })
    }

    /// Writes the state after `origin.step` steps, then removes all but the newest.
    pub fn save<'a>(
        &self,
        tensors: impl Iterator<Item = (&'a str, &'a Tensor)>,
        origin: &Origin,
    ) -> Result<(), TrainError> {
        checkpoint::save_tensors(
            &self.folder.join(format!("step_{:08}.safetensors", origin.step)),
            tensors,
            origin,
        )?;
        for path in self.files()?.iter().skip(self.keep.get()) {
            fs::remove_file(path).map_err(TrainError::file(path))?;
        }
        Ok(())
    }

    /// The files of states, newest first.
    fn files(&self) -> Result<Vec<PathBuf>, TrainError> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(TrainError::file(&self.folder))? {
            let path = entry.map_err(TrainError::file(&self.folder))?.path();
            files.extend(step_of(&path).map(|step| (step, path)));
        }
        files.sort_unstable();
        Ok(files.into_iter().rev().map(|(_, path)| path).collect())
    }
}

/// The tensors of a state whose name begins with `prefix`, without it.
pub(crate) fn with_prefix(state: &Checkpoint, prefix: &str) -> Result<Parameters, TrainError> {
    let mut parameters = Parameters::empty(tch::Device::Cpu);
    for (key, tensor) in &state.tensors {
        if let Some(name) = key.strip_prefix(prefix) {
            parameters.insert(name, tensor.shallow_clone())?;
        }
    }
    Ok(parameters)
}

/// The step in the name of a state's file; of any other file none.
fn step_of(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_prefix("step_")?.strip_suffix(".safetensors")?.parse().ok()
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "exact numbers")]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    fn states(folder: &Path, keep: usize) -> States {
        States::open(folder.join("states"), NonZeroUsize::new(keep).unwrap()).unwrap()
    }

    fn save(states: &States, steps: impl IntoIterator<Item = u64>) {
        for step in steps {
            let tensor = Tensor::full([4], step as f64, (Kind::Float, Device::Cpu));
            let origin = Origin { step, ..checkpoint::origin("{}".to_owned(), "train", 1) };
            states.save([("weights.a", &tensor)].into_iter(), &origin).unwrap();
        }
    }

    fn names(states: &States) -> Vec<String> {
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        states.files().unwrap().iter().map(name).collect()
    }

    /// The last byte of a file belongs to a tensor.
    fn flip_a_bit(path: &Path) {
        let mut bytes = fs::read(path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn the_newest_are_kept_and_the_newest_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let states = states(folder.path(), 2);
        assert!(states.newest().unwrap().is_none());
        save(&states, [5, 90, 100]);
        assert_eq!(names(&states), ["step_00000100.safetensors", "step_00000090.safetensors"]);
        assert_eq!(states.newest().unwrap().unwrap().origin.step, 100);
    }

    #[test]
    fn a_flipped_bit_or_a_lost_end_leads_to_the_state_before() {
        for damage in
            [flip_a_bit, |path: &Path| fs::write(path, &fs::read(path).unwrap()[..40]).unwrap()]
        {
            let folder = tempfile::tempdir().unwrap();
            let states = states(folder.path(), 3);
            save(&states, [1, 2]);
            damage(&states.files().unwrap()[0]);
            let state = states.newest().unwrap().unwrap();
            assert_eq!(state.origin.step, 1);
            assert_eq!(state.tensors["weights.a"].double_value(&[0]), 1.0);
            assert!(folder.path().join("states/step_00000002.damaged").is_file());
        }
    }

    #[test]
    fn a_damaged_state_never_pushes_out_a_whole_one() {
        let folder = tempfile::tempdir().unwrap();
        let states = states(folder.path(), 1);
        save(&states, [9]);
        flip_a_bit(&states.files().unwrap()[0]);
        assert!(states.newest().unwrap_err().to_string().contains("found 1 damaged"));
        save(&states, [3]);
        assert_eq!(states.newest().unwrap().unwrap().origin.step, 3);
    }
}
