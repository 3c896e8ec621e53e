//! Starts the ranks of one machine.

use std::io;
use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getppid, kill_process, set_parent_process_death_signal};

use crate::{Ending, Stop, TrainError};

/// The process that started a rank.
const LAUNCHER: &str = "RSZS_LAUNCHER";
/// What the other ranks get to notice a lost one and say so themselves.
const GRACE: Duration = Duration::from_secs(5);

/// Starts this program `size` times with the same arguments, each with its rank in the environment,
/// and waits for all. If one ends in failure, the others are ended, too. What asks this process to
/// stop is passed on to all ranks.
pub fn launch(size: NonZeroUsize, stop: &Stop) -> Result<Ending, TrainError> {
    let size = size.get();
    let failed = |rank, reason: String| TrainError::Rank { rank, size, reason };
    let port = free_port().map_err(|error| failed(0, error.to_string()))?;
    let mut ranks = Vec::new();
    for rank in 0..size {
        let child = start(rank, size, port - 1).map_err(|error| failed(rank, error.to_string()));
        match child {
            Ok(child) => ranks.push(child),
            Err(error) => {
                ranks.iter_mut().for_each(end);
                return Err(error);
            }
        }
    }
    match wait(&mut ranks, stop) {
        None => Ok(Ending::Done),
        Some((_, status)) if status.code() == Some(Ending::STOPPED_CODE.into()) => {
            Ok(Ending::Stopped)
        }
        Some((rank, status)) => Err(failed(rank, status.to_string())),
    }
}

/// Makes a rank that [`launch`] started end with the process that did, even if that one is killed.
/// Other processes go on.
pub fn end_with_launcher() -> Result<(), TrainError> {
    let Some(launcher) = std::env::var(LAUNCHER).ok().and_then(|number| number.parse::<u32>().ok())
    else {
        return Ok(());
    };
    let failed = |reason: String| TrainError::Environment {
        name: LAUNCHER,
        expected: format!("the process {launcher}, which started this one"),
        found: reason,
    };
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| failed(error.to_string()))?;
    // It may have ended before it could be watched.
    let parent = getppid().map(|parent| parent.as_raw_nonzero().get().unsigned_abs());
    if parent == Some(launcher) { Ok(()) } else { Err(failed("it has ended".to_owned())) }
}

/// A port that is free now. If another program takes it before rank 0 does, rank 0 says so.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn start(rank: usize, size: usize, port: u16) -> io::Result<Child> {
    Command::new(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env("RANK", rank.to_string())
        .env("LOCAL_RANK", rank.to_string())
        .env("LOCAL_WORLD_SIZE", size.to_string())
        .env("WORLD_SIZE", size.to_string())
        .env("MASTER_ADDR", "127.0.0.1")
        .env(LAUNCHER, std::process::id().to_string())
        .env("MASTER_PORT", port.to_string())
        .spawn()
}

/// Waits for all; returns the first that failed or was stopped, once all have ended.
fn wait(ranks: &mut [Child], stop: &Stop) -> Option<(usize, ExitStatus)> {
    let mut first: Option<(usize, ExitStatus, Instant)> = None;
    let mut is_passed_on = false;
    loop {
        if stop.is_asked() && !is_passed_on {
            for child in ranks.iter() {
                // It fails only for a rank that has ended.
                let _ = kill_process(Pid::from_child(child), Signal::TERM);
            }
            is_passed_on = true;
        }
        let mut running = false;
        for (rank, child) in ranks.iter_mut().enumerate() {
            match child.try_wait() {
                Ok(None) => running = true,
                Ok(Some(status)) if !status.success() && first.is_none() => {
                    first = Some((rank, status, Instant::now()));
                }
                Ok(Some(_)) | Err(_) => {}
            }
        }
        if first.as_ref().is_some_and(|(_, _, since)| since.elapsed() > GRACE) {
            ranks.iter_mut().for_each(end);
        }
        if !running {
            return first.map(|(rank, status, _)| (rank, status));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Ends a rank, if it has not ended by itself.
fn end(child: &mut Child) {
    // Both fail only for a process that has ended.
    drop(child.kill());
    drop(child.wait());
}
