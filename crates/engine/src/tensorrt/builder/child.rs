//! The process that builds.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rszs_cuda::Device;
use rszs_tensorrt::{LogLine, Logger, Severity};
use rustix::process::{Pid, getppid};

use super::message::{Message, ReadOrder, write_built};
use crate::Interrupt;
use crate::tensorrt::build::{self, Built};
use crate::tensorrt::{PlanRequest, TensorRtError, library};
use crate::{BuildNews, BuildWatch, ORDINAL};

/// How often the parent gets a line that only shows that the child is alive.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// What this process adds to its score when the system, out of memory, chooses one to kill; the
/// most is 1000.
const OUT_OF_MEMORY_SCORE: &str = "500";

/// Builds what stdin asks for. The parent ignores the exit code and reads messages.
pub(super) fn serve() -> ExitCode {
    if try_serve().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// An error is that of a pipe: the parent is gone, or there never was one.
fn try_serve() -> io::Result<()> {
    // No library of TensorRT's is known elsewhere.
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let parent = Parent::take_stdout()?;
    let order = match ReadOrder::read(BufReader::new(io::stdin())) {
        Ok(order) => order,
        Err(error) => {
            let found = format!("stdin: expected an order of this program's, found: {error}");
            let reason = format!("{found} (to build a plan ahead: rszs-edge build)");
            parent.write(|to| Message::Failed { reason }.write(to))?;
            return Err(error);
        }
    };
    if getppid().map(Pid::as_raw_pid) != Some(order.line.parent as i32) {
        // It ended before the signal was set.
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    // Where that is not allowed, the system chooses as it would have.
    let _ = fs::write("/proc/self/oom_score_adj", OUT_OF_MEMORY_SCORE);
    match build(&order, &parent) {
        Ok(built) => parent.write(|to| write_built(to, &built)),
        Err(error) => parent.write(|to| Message::Failed { reason: error.to_string() }.write(to)),
    }
}

fn build(order: &ReadOrder, parent: &Parent) -> Result<Built, TensorRtError> {
    let ReadOrder { line, timings, model } = order;
    let request = PlanRequest { model, ..line.request };
    let device = Device::open(ORDINAL)?;
    let (listener, said) = (parent.clone(), parent.clone());
    let library = library::library(line.kind, Logger::new(move |line| said.log(line)))?;
    device.make_current()?;
    let watch = BuildWatch::new(move |news| listener.news(news), Interrupt::new());
    build::build(library, &request, timings, &watch)
}

/// The way to the parent, from every thread.
#[derive(Clone)]
struct Parent(Arc<Mutex<Pipe>>);

struct Pipe {
    file: File,
    /// When something was last written.
    last: Instant,
}

impl Parent {
    /// Stdout, which from now on is stderr to everybody else: libraries write to it at times.
    fn take_stdout() -> io::Result<Self> {
        const ABOVE_STANDARD: i32 = 3;
        let pipe = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), ABOVE_STANDARD)?;
        rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
        Ok(Self(Arc::new(Mutex::new(Pipe { file: pipe.into(), last: Instant::now() }))))
    }

    fn write(&self, write: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
        // A message is written in one piece or by a thread that is gone, and then nothing is as it
        // should be anyway.
        let mut pipe = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pipe.last = Instant::now();
        write(&pipe.file)
    }

    /// A parent that is gone needs no news, and this process ends with it.
    fn tell(&self, message: &Message) {
        let _ = self.write(|to| message.write(to));
    }

    fn news(&self, news: &BuildNews<'_>) {
        match *news {
            BuildNews::Phase { name, steps } => {
                self.tell(&Message::Phase { name: name.to_owned(), steps });
            }
            BuildNews::Step { done } => self.tell(&Message::Step { done }),
            // The parent's own news.
            BuildNews::Started { .. }
            | BuildNews::Finished { .. }
            | BuildNews::Failed
            | BuildNews::Waiting
            | BuildNews::Warning(_) => {}
        }
    }

    fn log(&self, line: &LogLine) {
        if line.severity <= Severity::Warning {
            self.tell(&Message::Said { line: line.to_string() });
        } else if self.0.lock().unwrap_or_else(PoisonError::into_inner).last.elapsed() >= HEARTBEAT
        {
            self.tell(&Message::Alive {});
        }
    }
}
