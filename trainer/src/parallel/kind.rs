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
}

impl TransportKind {
    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Tcp => "tcp",
            Self::Nccl => "nccl",
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
}
