//! Builds in a process of their own: what crashes, hangs or is killed in NVIDIA's parser or builder
//! ends that process and not the caller's, and the memory of a build goes back to the system.
//!
//! The program starts itself, with [`ARGUMENT`] as the only one, and so needs no second program and
//! no second version of it. What is to be built goes to the child's stdin, what comes of it back
//! through its stdout (`message`), plan included: cache and lock stay with the parent, which needs
//! a plan as much where no cache can be used. The child ends with its parent.
//!
//! A program that does not call [`serve_builds`] cannot be started in this way (tests, users of the
//! library), and builds in its own process.

mod child;
mod message;
mod parent;

use std::env;
use std::ffi::OsStr;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rszs_tensorrt::Library;

use super::build::{self, Built};
use super::library::name_of;
use super::{PlanRequest, TensorRtError};
use crate::{BuildWatch, EngineKind};

/// What a program is started with to build a plan. No command of the help's: only a parent knows
/// what to write to stdin.
const ARGUMENT: &str = "build-plan";

/// The program of this process, also where its file was replaced since.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// How long a library may say nothing at all, not even a line for debugging, before its build
/// counts as hung. The longest step of a large model on a small board takes some minutes.
const SILENCE: Duration = Duration::from_hours(1);

/// Whether this program can be started to build.
static SERVES: AtomicBool = AtomicBool::new(false);

/// To be called by `main` before it looks at its arguments. Where the process was started to build
/// a plan, that is done, and the exit code given back; otherwise, builds of this process will be
/// done by such ones.
pub fn serve_builds() -> Option<ExitCode> {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    if arguments == [OsStr::new(ARGUMENT)] {
        return Some(child::serve());
    }
    SERVES.store(true, Ordering::Relaxed);
    None
}

/// Builds a plan with the library of `kind` for the device that is current. `timings` are those of
/// an earlier build, or nothing.
pub(super) fn build(
    kind: EngineKind,
    library: &Library,
    request: &PlanRequest<'_>,
    timings: &[u8],
    watch: &BuildWatch,
) -> Result<Built, TensorRtError> {
    if !SERVES.load(Ordering::Relaxed) {
        return build::build(library, request, timings, watch);
    }
    let mut command = Command::new(THIS_PROGRAM);
    command.arg(ARGUMENT);
    let order = message::Order { parent: std::process::id(), kind, request, timings };
    parent::Builder { library: name_of(library), silence: SILENCE, watch }.build(command, &order)
}
