//! What `--transport` asks for.

use clap::ValueEnum;

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
}
