//! Developer chores of this workspace:
//! `cargo xtask setup | tensorrt | test | arrows | columns | kernels | gpu`.

mod arrows;
mod cache;
mod cargo;
mod columns;
mod component;
mod error;
mod gpu;
mod kernels;
mod nvrtc;
mod pip;
mod report;
mod setup;
mod tensorrt;
mod wheel;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::component::Component;
use crate::error::Error;

/// Developer chores of the rszs workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Fetch libtorch, ONNX Runtime, NVRTC and the Python packages of the tests, once, into a cache
    /// outside the project
    ///
    /// Downloads go through pip and are checked against the hashes in xtask/requirements and
    /// tests/python. The cache is `$XDG_CACHE_HOME/rszs`, or `~/.cache/rszs`. Links to it are put
    /// into `third_party`, where every build looks. A second run finds everything in place and uses
    /// no network. With LIBTORCH set, libtorch is taken from there instead.
    Setup(SetupArguments),
    /// Fetch NVIDIA's TensorRT-RTX and lean TensorRT into the same cache: 270 MB, for the tests of
    /// crates/tensorrt and of rszs-edge alone
    ///
    /// They parse ONNX, build plans and refuse what is wrong without a GPU. Those tests skip
    /// themselves where the libraries are not, so neither `setup` nor `test` fetches them. NVIDIA's
    /// licence, which is in the wheels, forbids to pass the libraries on.
    Tensorrt(SetupArguments),
    /// Set up, then run every test of every package, documentation examples included
    Test(SetupArguments),
    /// Check that no package depends on one that the design does not allow it to
    Arrows,
    /// Check that no line of code or prose is longer than 100 characters
    ///
    /// Rows of tables may be longer, and what cannot be broken, such as a link. Looks at every
    /// tracked file of Rust, Markdown, Python, TOML, C++, CUDA and shell.
    Columns,
    /// Compile the CUDA kernels: write the PTX that the programs carry, and prove that every
    /// architecture's assembler takes it
    ///
    /// Needs NVRTC, which `setup` fetches, and no GPU.
    Kernels(KernelArguments),
    /// Run everything that only a GPU can show, in ten minutes, and write a report of each step
    ///
    /// For a machine with a card or a Jetson: kernels against their oracle, every engine on the
    /// golden set and beside the processor, latencies, training steps beside PyTorch's. What cannot
    /// run is skipped with its reason. With --programs no cargo is needed: see
    /// reports/gpu/README.md.
    Gpu(gpu::GpuArguments),
}

#[derive(clap::Args)]
struct KernelArguments {
    /// Write nothing; fail where the committed PTX is not what the sources give
    #[arg(long)]
    check: bool,
}

#[derive(clap::Args)]
struct SetupArguments {
    /// Python interpreter (with pip) that downloads and that the Python tests run on, 3.11 or newer
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    python: PathBuf,
}

/// The root of the workspace. Cargo names this package's folder at run time; the one known when
/// this program was built is another if the project has been moved, or shares its target folder
/// with a second clone.
fn workspace_root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    package.parent().map(Path::to_owned).unwrap_or(package)
}

fn run(chore: &Chore) -> Result<(), Error> {
    let root = &workspace_root();
    match chore {
        Chore::Setup(arguments) => setup::run(&Component::SETUP, root, &arguments.python),
        Chore::Tensorrt(arguments) => setup::run(&Component::TENSORRT, root, &arguments.python),
        Chore::Test(arguments) => {
            setup::run(&Component::SETUP, root, &arguments.python)?;
            cargo::run_every_test(root)
        }
        Chore::Arrows => {
            let dependencies = arrows::check_workspace(root)?;
            report::line(&format!(
                "arrows: {dependencies} dependencies between workspace packages, all allowed"
            ));
            Ok(())
        }
        Chore::Columns => {
            let files = columns::check_workspace(root)?;
            report::line(&format!("columns: {files} files, no line is too long"));
            Ok(())
        }
        Chore::Gpu(arguments) => gpu::run(arguments, root),
        Chore::Kernels(arguments) => {
            let sizes = if arguments.check { kernels::check(root)? } else { kernels::write(root)? };
            for (architecture, bytes) in sizes {
                report::line(&format!("{architecture}: {bytes} bytes"));
            }
            Ok(())
        }
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::error(&error);
            ExitCode::FAILURE
        }
    }
}
