//! SIGTERM and SIGINT as a question that is asked between two steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::{register, register_conditional_shutdown};

use crate::TrainError;

/// Whether somebody asked this process to stop training.
#[derive(Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

/// How a run ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All steps are taken.
    Done,
    /// Somebody asked for it; the state is saved.
    Stopped,
}

impl Ending {
    /// What the shell sees of a run that was stopped, as of SIGINT.
    pub const STOPPED_CODE: u8 = 130;
}

impl Stop {
    /// Nobody asks: signals keep their meaning.
    pub fn never() -> Self {
        Self::default()
    }

    /// SIGTERM and SIGINT ask. A second SIGINT, from someone who will not wait, ends the process at
    /// once.
    pub fn on_signals() -> Result<Self, TrainError> {
        let (stop, interrupted) = (Self::never(), Arc::new(AtomicBool::new(false)));
        register_conditional_shutdown(
            SIGINT,
            Ending::STOPPED_CODE.into(),
            Arc::clone(&interrupted),
        )
        .and_then(|_| register(SIGINT, interrupted))
        .and_then(|_| register(SIGINT, Arc::clone(&stop.0)))
        .and_then(|_| register(SIGTERM, Arc::clone(&stop.0)))
        .map_err(TrainError::Signals)?;
        Ok(stop)
    }

    /// Whether to stop.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
