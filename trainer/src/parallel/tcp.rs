//! Ranks connected by TCP.

use super::Environment;
use super::star::Star;
use super::sum_thread::{Ranks, SumThread};
use crate::TrainError;

/// Connects this rank; returns when its connections stand. `job` is what all ranks must agree on.
pub(crate) fn join(environment: &Environment, job: u64) -> Result<SumThread, TrainError> {
    let environment = environment.clone();
    SumThread::start(move || Star::join(&environment, job))
}

impl Ranks for Star {
    fn rank(&self) -> usize {
        self.rank()
    }

    fn size(&self) -> usize {
        self.size()
    }

    fn sum_exact(&mut self, numbers: &mut [f64]) -> Result<(), TrainError> {
        self.sum(numbers)
    }

    fn sum_bucket(&mut self, numbers: &mut [f32]) -> Result<(), TrainError> {
        self.sum(numbers)
    }
}
