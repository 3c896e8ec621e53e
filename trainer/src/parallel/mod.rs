//! Several processes that train one model: who is who, and how their numbers add up.
//!
//! Every process (a rank) draws its share of the same batch: rank r of W takes crops r, r + W, …
//! What must be the whole batch's is summed over all ranks: which sources it shows, what its losses
//! are means over, losses, gradients. Then every rank takes the same step. Rank 0 alone writes the
//! run's folder.
//!
//! Sums go through rank 0 over plain TCP (`tcp.rs`), which needs nothing. Gradients on CUDA
//! devices go from device to device by NCCL (`nccl.rs`), where there is one. A program that is
//! built for it sums over MPI (`mpi.rs`): that needs Open MPI and libclang wherever the trainer is
//! built. `reports/scaling.md` says where rank 0's one link becomes the limit.

mod environment;
mod gradient_sum;
mod kind;
mod launch;
#[cfg(feature = "mpi")]
mod mpi;
mod nccl;
mod sum_thread;
mod tcp;
mod tcp_all_reduce;

use std::fmt::Debug;

use tch::{Device, Tensor};

use crate::TrainError;
pub use environment::Environment;
pub use gradient_sum::GradientSum;
pub use kind::TransportKind;
pub use launch::{end_with_launcher, launch};
use nccl::nccl_or_tcp;
use tcp_all_reduce::TcpAllReduce;

/// What adds up numbers over ranks. All ranks make the same calls in the same order.
pub trait Transport: Debug {
    /// This process, from 0.
    fn rank(&self) -> usize;

    /// W, the number of processes.
    fn size(&self) -> usize;

    /// Replaces each number by its sum over all ranks, the same bits on every rank.
    fn sum(&mut self, numbers: &mut [f64]) -> Result<(), TrainError>;

    /// Begins to sum a bucket of gradients, `[numbers]`, and returns before it is summed.
    fn start(&mut self, bucket: Tensor) -> Result<(), TrainError>;

    /// Waits for the oldest bucket that was started: its sum over all ranks, the same bits on every
    /// rank.
    fn finish(&mut self) -> Result<Tensor, TrainError>;
}

/// How the processes of a run add up their numbers.
#[derive(Debug)]
pub enum Communicator {
    /// One process.
    Single,
    /// Several, each connected to the others.
    Ranks(Box<dyn Transport>),
}

impl Communicator {
    /// The ranks that the environment says, once all are there; one process where it says nothing.
    /// `job` must be the same text for all: what they train. This rank computes on `device`. Over
    /// MPI it is MPI that says who is who.
    pub fn from_environment(
        job: &str,
        kind: TransportKind,
        device: Device,
    ) -> Result<Self, TrainError> {
        if kind == TransportKind::Mpi {
            return Ok(Self::Ranks(over_mpi(job_number(job, kind))?));
        }
        let Some(environment) = Environment::read()? else { return Ok(Self::Single) };
        let ordinal = match device {
            Device::Cuda(number) => Some(number as u32),
            _ => None,
        };
        Self::connect(&environment, job, kind, ordinal)
    }

    /// The ranks of `environment`, once all are there. `ordinal` is the number of this rank's CUDA
    /// device; nothing on the processor.
    pub fn connect(
        environment: &Environment,
        job: &str,
        kind: TransportKind,
        ordinal: Option<u32>,
    ) -> Result<Self, TrainError> {
        let job = job_number(job, kind);
        Ok(Self::Ranks(match kind {
            TransportKind::Tcp => Box::new(tcp::over(TcpAllReduce::join(environment, job)?)?),
            TransportKind::Auto | TransportKind::Nccl => {
                nccl_or_tcp(TcpAllReduce::join(environment, job)?, kind, ordinal)?
            }
            TransportKind::Mpi => over_mpi(job)?,
        }))
    }

    /// This process, from 0.
    pub fn rank(&self) -> usize {
        match self {
            Self::Single => 0,
            Self::Ranks(transport) => transport.rank(),
        }
    }

    /// W, the number of processes.
    pub fn size(&self) -> usize {
        match self {
            Self::Single => 1,
            Self::Ranks(transport) => transport.size(),
        }
    }

    /// Whether this process writes the run's folder.
    pub fn leads(&self) -> bool {
        self.rank() == 0
    }

    /// One line for a person, said once however many processes there are.
    pub fn tell(&self, line: &str) {
        if self.leads() {
            crate::run::tell(line);
        }
    }

    /// Replaces each number by its sum over all ranks, the same bits on every rank.
    pub fn sum(&mut self, numbers: &mut [f64]) -> Result<(), TrainError> {
        match self {
            Self::Single => Ok(()),
            Self::Ranks(transport) => transport.sum(numbers),
        }
    }

    /// What every rank says, in the order of ranks; numbers that are not finite are not for this.
    pub fn gather<const COUNT: usize>(
        &mut self,
        own: [f64; COUNT],
    ) -> Result<Vec<[f64; COUNT]>, TrainError> {
        let mut all = vec![[0.0; COUNT]; self.size()];
        all[self.rank()] = own;
        self.sum(all.as_flattened_mut())?;
        Ok(all)
    }

    /// Whether any rank says so.
    pub fn any(&mut self, own: bool) -> Result<bool, TrainError> {
        Ok(self.gather([f64::from(u8::from(own))])?.iter().any(|&[says]| says > 0.0))
    }

    /// Returns when every rank has come here.
    pub fn wait_for_all(&mut self) -> Result<(), TrainError> {
        self.sum(&mut [])
    }

    fn transport(&mut self) -> Option<&mut dyn Transport> {
        match self {
            Self::Single => None,
            Self::Ranks(transport) => Some(&mut **transport),
        }
    }
}

/// What ranks compare: they train the same and sum alike.
fn job_number(job: &str, kind: TransportKind) -> u64 {
    rszs_data::rng::hash_name(&format!("{}\n{job}", kind.name()))
}

#[cfg(feature = "mpi")]
fn over_mpi(job: u64) -> Result<Box<dyn Transport>, TrainError> {
    Ok(Box::new(sum_thread::SumThread::start(move || mpi::Mpi::join(job))?))
}

#[cfg(not(feature = "mpi"))]
fn over_mpi(_: u64) -> Result<Box<dyn Transport>, TrainError> {
    Err(TrainError::Transport {
        transport: TransportKind::Mpi.name(),
        expected: "a program built for MPI".to_owned(),
        found: "one that is not".to_owned(),
        hint: "build with `--features mpi`, which needs Open MPI and libclang \
            (trainer/SCALING.md), or give --transport tcp"
            .to_owned(),
    })
}
