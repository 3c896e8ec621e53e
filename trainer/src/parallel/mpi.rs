//! Sums over MPI, for clusters that have it.
//!
//! Rank and size are those of `MPI_COMM_WORLD`, as `mpirun` made it. Every call, the first
//! included, comes from the thread of [`SumThread`](super::sum_thread::SumThread), so that MPI need
//! not be safe for threads. The standard asks for the same result on all ranks of an all-reduce
//! (MPI 3.1, section 5.9.6), to the bit.
//!
//! An error in MPI ends the process and, by MPI's own default, the job: the `mpi` crate passes on
//! no error codes, so asking for them (`MPI_ERRORS_RETURN`) would make wrong sums of lost ranks.
//! `mpirun` notices a rank that is killed, names it and ends the others.

use std::time::{Duration, Instant};

use mpi::Threading;
use mpi::collective::SystemOperation;
use mpi::environment::Universe;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives, Equivalence};

use super::sum_thread::Ranks;
use crate::TrainError;

/// How long a rank that ends waits for the others to end as well.
const FAREWELL: Duration = Duration::from_secs(5);
/// Between two looks for them.
const PAUSE: Duration = Duration::from_millis(5);

/// One rank of `MPI_COMM_WORLD`.
pub(super) struct Mpi {
    /// Nothing once this rank took its leave.
    universe: Option<Universe>,
    world: SimpleCommunicator,
    /// The same ranks, for the leave alone: others may still be in a sum of `world`.
    leave: Option<SimpleCommunicator>,
}

impl Mpi {
    /// Waits for all ranks. `job` is what they must agree on.
    pub(super) fn join(job: u64) -> Result<Self, TrainError> {
        let refused =
            |reason: &str| TrainError::Rank { rank: 0, size: 1, reason: reason.to_owned() };
        let Some((universe, threading)) = mpi::initialize_with_threading(Threading::Funneled)
        else {
            return Err(refused("MPI was started before in this process; train once in each"));
        };
        if threading < Threading::Funneled {
            return Err(refused("MPI without threads; use one that has MPI_THREAD_FUNNELED"));
        }
        let world = universe.world();
        let leave = Some(world.duplicate());
        let ranks = Self { universe: Some(universe), world, leave };
        let mut jobs = vec![0_u64; ranks.size()];
        ranks.world.all_gather_into(&job, &mut jobs[..]);
        match jobs.iter().position(|&theirs| theirs != jobs[0]) {
            None => Ok(ranks),
            Some(rank) => {
                let reason = "trains another description, --from or words than rank 0".to_owned();
                Err(TrainError::Rank { rank, size: ranks.size(), reason })
            }
        }
    }

    fn sum<T: Equivalence + Copy>(&self, numbers: &mut [T]) {
        let own = numbers.to_vec();
        self.world.all_reduce_into(&own[..], numbers, SystemOperation::sum());
    }
}

impl Ranks for Mpi {
    fn rank(&self) -> usize {
        self.world.rank().unsigned_abs() as usize
    }

    fn size(&self) -> usize {
        self.world.size().unsigned_abs() as usize
    }

    fn sum_exact(&mut self, numbers: &mut [f64]) -> Result<(), TrainError> {
        // A sum of nothing is asked for to wait, which an all-reduce of nothing need not do.
        if numbers.is_empty() {
            self.world.barrier();
        } else {
            self.sum(numbers);
        }
        Ok(())
    }

    fn sum_bucket(&mut self, numbers: &mut [f32]) -> Result<(), TrainError> {
        self.sum(numbers);
        Ok(())
    }
}

impl Drop for Mpi {
    /// Where all ranks end, MPI ends in order. A rank that ends alone leaves without
    /// `MPI_Finalize`, which would wait for the others for ever: `mpirun` then names it and ends
    /// them.
    fn drop(&mut self) {
        let Some((universe, leave)) = self.universe.take().zip(self.leave.take()) else { return };
        let (mut arrival, end) = (leave.immediate_barrier(), Instant::now() + FAREWELL);
        loop {
            match arrival.test() {
                Ok(_) => {
                    drop(leave);
                    return drop(universe);
                }
                Err(waiting) if Instant::now() < end => arrival = waiting,
                Err(waiting) => {
                    std::mem::forget(waiting);
                    std::mem::forget(leave);
                    return std::mem::forget(universe);
                }
            }
            std::thread::sleep(PAUSE);
        }
    }
}
