//! Ranks connected by TCP.

use super::sum_thread::{Ranks, SumThread};
use super::tcp_all_reduce::TcpAllReduce;
use crate::TrainError;

/// Sums over connections that stand.
pub(super) fn over(tcp: TcpAllReduce) -> Result<SumThread, TrainError> {
    SumThread::start(|| Ok(tcp))
}

impl Ranks for TcpAllReduce {
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
