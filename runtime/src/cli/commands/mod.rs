//! What `rszs-edge` does beside segmenting: each command its arguments, its run and its output.

mod advice;
mod build;
mod compare;
mod doctor;
mod engine_line;
mod self_test;

use clap::Subcommand;

pub use build::BuildArguments;
pub use compare::CompareArguments;
pub use doctor::DoctorArguments;
pub use self_test::SelfTestArguments;

use crate::cli::console::Console;
use crate::cli::exit::ExitStatus;
use crate::error::Error;

/// A command instead of images. An image of such a name is written with its folder: `./selftest`.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Try every engine on the bundle's golden set and say how far each is off
    #[command(name = "selftest")]
    SelfTest(SelfTestArguments),
    /// Build now what TensorRT would build at the first start, test it, and keep it
    Build(BuildArguments),
    /// Segment the same images twice, by two bundles or engines, and say where they differ
    Compare(CompareArguments),
    /// Say what was found on this machine, what is missing, and what to do about it
    Doctor(DoctorArguments),
}

impl Command {
    /// Does it and says how it ended.
    pub(crate) fn run(&self, console: &mut Console) -> Result<ExitStatus, Error> {
        match self {
            Self::SelfTest(arguments) => arguments.run(console),
            Self::Build(arguments) => arguments.run(console),
            Self::Compare(arguments) => arguments.run(console),
            Self::Doctor(arguments) => arguments.run(console),
        }
    }
}
