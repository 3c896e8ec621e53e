//! Ranks connected by TCP.

use super::star::Star;
use super::sum_thread::{Ranks, SumThread};
use crate::TrainError;

/// Sums over connections that stand.
pub(super) fn over(star: Star) -> Result<SumThread, TrainError> {
    SumThread::start(|| Ok(star))
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
