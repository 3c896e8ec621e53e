//! Several processes that train one model: who is who, and how their numbers add up.
//!
//! Every process (a rank) draws its share of the same batch: rank r of W takes crops r, r + W, … What must be the whole batch's
//! is summed over all ranks: which sources it shows, what its losses are means over, losses, gradients. Then every rank takes
//! the same step. Rank 0 alone writes the run's folder.
//!
//! The sum goes through rank 0 over plain TCP (`star.rs`). MPI would need Open MPI and libclang wherever the trainer is built;
//! this needs nothing. NCCL would need tensors on a GPU, where this trainer has none yet. `SCALING.md` says where the star's
//! one link becomes the limit.

mod environment;
mod launch;
mod star;

use tch::{Kind, Tensor};

use crate::{Parameters, TrainError};
pub use environment::Environment;
pub use launch::launch;
use star::Star;

/// How the processes of a run add up their numbers.
#[derive(Debug)]
pub enum Communicator {
    /// One process.
    Single,
    /// Several, each connected to rank 0.
    Tcp(Star),
}

impl Communicator {
    /// The ranks that the environment says, once all are there; one process where it says nothing. `job` must be the same text
    /// for all: what they train.
    pub fn from_environment(job: &str) -> Result<Self, TrainError> {
        Ok(match Environment::read()? {
            None => Self::Single,
            Some(environment) => Self::Tcp(Star::join(&environment, rszs_data::rng::hash_name(job))?),
        })
    }

    /// This process, from 0.
    pub fn rank(&self) -> usize {
        match self {
            Self::Single => 0,
            Self::Tcp(star) => star.rank(),
        }
    }

    /// W, the number of processes.
    pub fn size(&self) -> usize {
        match self {
            Self::Single => 1,
            Self::Tcp(star) => star.size(),
        }
    }

    /// Whether this process writes the run's folder.
    pub fn leads(&self) -> bool {
        self.rank() == 0
    }

    /// Replaces each number by its sum over all ranks, the same bits on every rank.
    pub fn sum(&mut self, numbers: &mut [f64]) -> Result<(), TrainError> {
        match self {
            Self::Single => Ok(()),
            Self::Tcp(star) => star.sum(numbers),
        }
    }

    /// Returns when every rank has come here.
    pub fn wait_for_all(&mut self) -> Result<(), TrainError> {
        self.sum(&mut [])
    }

    /// Replaces each gradient by its sum over all ranks, in one message: where every rank waits for the others anyway, buckets gain nothing.
    pub fn sum_gradients(&mut self, parameters: &Parameters) -> Result<(), TrainError> {
        let Self::Tcp(star) = self else { return Ok(()) };
        let gradients: Vec<Tensor> =
            parameters.trainable().map(|(_, tensor)| tensor.grad()).filter(Tensor::defined).collect();
        let flat: Result<Vec<Tensor>, _> = gradients.iter().map(|gradient| gradient.f_flatten(0, -1)).collect();
        let flat = Tensor::f_cat(&flat?, 0)?;
        let mut numbers = vec![0.0_f32; flat.numel()];
        flat.f_copy_data(&mut numbers, flat.numel())?;
        star.sum(&mut numbers)?;
        let lengths: Vec<i64> = gradients.iter().map(|gradient| gradient.numel() as i64).collect();
        let sums = Tensor::f_from_slice(&numbers)?.f_to_kind(Kind::Float)?.f_split_with_sizes(lengths, 0)?;
        for (mut gradient, sum) in gradients.into_iter().zip(sums) {
            let sum = sum.f_view_as(&gradient)?;
            gradient.f_copy_(&sum)?;
        }
        Ok(())
    }
}
