//! What `--transport` asks for.

use clap::ValueEnum;
use tch::Device;

use crate::TrainError;
use crate::device;

/// How ranks sum their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TransportKind {
    /// NCCL where every rank has it and computes on a CUDA device of its own, else TCP
    Auto,
    /// Through rank 0 over TCP: any device, nothing to install
    Tcp,
    /// Gradients by NCCL, from device to device
    Nccl,
    /// MPI's all-reduce, between ranks that mpirun started; only in a program built with --features
    /// mpi
    Mpi,
}

impl TransportKind {
    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Tcp => "tcp",
            Self::Nccl => "nccl",
            Self::Mpi => "mpi",
        }
    }

    /// Refuses what cannot be on `device`, before processes are started.
    pub fn expect_on(self, device: Device) -> Result<(), TrainError> {
        if self != Self::Nccl || device.is_cuda() {
            return Ok(());
        }
        Err(TrainError::Transport {
            transport: self.name(),
            expected: "a CUDA device for every rank".to_owned(),
            found: device::name(device),
            hint: "give --device cuda, or --transport tcp".to_owned(),
        })
    }

    /// Refuses `--nproc`, whose ranks mpirun would not know.
    pub fn expect_launcher(self) -> Result<(), TrainError> {
        if self != Self::Mpi {
            return Ok(());
        }
        Err(TrainError::Transport {
            transport: self.name(),
            expected: "ranks that mpirun starts".to_owned(),
            found: "--nproc".to_owned(),
            hint: "start `mpirun -n COUNT rszs-train train --transport mpi …`, without --nproc"
                .to_owned(),
        })
    }
}
