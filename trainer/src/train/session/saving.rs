//! What a session leaves in the run's folder, and how it is taken up again.

use tch::Tensor;

use super::Session;
use crate::checkpoint::{self, Checkpoint};
use crate::run::data_digest::DataDigest;
use crate::run::states::with_prefix;
use crate::run::{Run, tell, write_atomically};
use crate::train::records::StartRecord;
use crate::train::{BEST, STATES, TrainOptions, WEIGHTS};
use crate::{RunConfig, TrainError};

/// In a state: the factor on the loss and what it follows.
const LOSS_SCALE: &str = "loss_scale";

impl Session {
    /// Writes into the run's folder what makes it what it is.
    pub(super) fn describe(
        &self,
        config: &RunConfig,
        options: &TrainOptions,
        data: &DataDigest,
        run: &mut Run,
    ) -> Result<(), TrainError> {
        let record = StartRecord {
            kind: "start",
            step: self.optimizer.steps(),
            config: config.table(),
            exclude_queries: &options.exclude_queries,
            seed: self.settings.seed,
            command: &self.origin.command,
            git: &self.origin.git,
            data,
        };
        let (path, resolved) = (run.path("config.toml"), config.resolved()?);
        if record.step > 0 && std::fs::read(&path).is_ok_and(|before| before != resolved.as_bytes())
        {
            tell(&format!(
                "{}: settings changed since, metrics.jsonl has those of every start",
                path.display()
            ));
        }
        write_atomically(&path, resolved.as_bytes())?;
        write_atomically(&run.path("run.json"), &serde_json::to_vec_pretty(&record)?)?;
        run.record(&record)
    }

    /// Writes the state to go on from and the weights that are used; refuses weights that are not
    /// finite.
    pub(in crate::train) fn save(&mut self, run: &Run) -> Result<(), TrainError> {
        run.sync()?;
        self.origin.step = self.optimizer.steps();
        for (name, tensor) in self.parameters.trainable() {
            // A gradient can be finite and the step along it not: such weights never take the place
            // of good ones. sync: once a tensor of a checkpoint, which is copied to the processor
            // anyway
            if tensor.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
                return Err(TrainError::NotFinite {
                    what: format!("weight {name}"),
                    step: self.origin.step,
                });
            }
        }
        let mut state: Vec<(String, &Tensor)> = self.optimizer.state().collect();
        state.extend(
            self.parameters.iter().map(|(name, tensor)| (format!("weights.{name}"), tensor)),
        );
        state.extend(
            self.average.weights().iter().map(|(name, tensor)| (format!("average.{name}"), tensor)),
        );
        let loss_scale = self.loss_scale.state()?;
        state.push((LOSS_SCALE.to_owned(), &loss_scale));
        self.states
            .save(state.iter().map(|(name, tensor)| (name.as_str(), *tensor)), &self.origin)?;
        checkpoint::save(&run.path(WEIGHTS), self.average.weights(), &self.origin)
    }

    /// Writes the weights that were just evaluated.
    pub(in crate::train) fn save_best(&mut self, run: &Run) -> Result<(), TrainError> {
        self.origin.step = self.optimizer.steps();
        checkpoint::save(&run.path(BEST), self.average.weights(), &self.origin)
    }

    /// Goes on from the newest state, if there is one of this network and seed.
    pub(super) fn resume(&mut self, run: &Run) -> Result<(), TrainError> {
        let refuse = |path, expected, found, hint| {
            Err(TrainError::Checkpoint { path, expected, found, hint })
        };
        let weights = run.path(WEIGHTS);
        let Some(state) = self.states.newest()? else {
            if weights.exists() {
                let expected = format!("a state beside it, in {STATES}, to go on from");
                return refuse(
                    weights,
                    expected,
                    "none".to_owned(),
                    "choose another --run, or move it away to start again",
                );
            }
            return Ok(());
        };
        if state.origin.config != self.origin.config || state.origin.seed != self.origin.seed {
            let expected = format!("a state of this network and of seed {}", self.origin.seed);
            let found = format!("one of another network or of seed {}", state.origin.seed);
            return refuse(
                state.path,
                expected,
                found,
                "choose another --run, or remove the states to start again",
            );
        }
        let step = state.origin.step;
        self.parameters.copy_values_from(&with_prefix(&state, "weights.")?)?;
        // States of older versions have none.
        if let Some(loss_scale) = state.tensors.get(LOSS_SCALE) {
            self.loss_scale.restore(loss_scale)?;
        }
        let skipped = self.loss_scale.skipped();
        self.average.restore(&with_prefix(&state, "average.")?, step - skipped)?;
        self.optimizer.restore(&state.tensors, step, skipped, &self.parameters)?;
        self.communicator.tell(&format!("{}: going on at step {step}", state.path.display()));
        if state.origin.data != self.origin.data {
            self.communicator.tell(
                "the data changed since: names or sizes of files differ, see run.json and \
                    metrics.jsonl",
            );
        }
        // The run may have ended between the two files, or somebody went back to an older state.
        if self.communicator.leads()
            && !Checkpoint::read(&weights).is_ok_and(|weights| weights.origin.step == step)
        {
            checkpoint::save(&weights, self.average.weights(), &state.origin)?;
        }
        Ok(())
    }
}
