//! One look at an accelerator.

use serde::{Deserialize, Serialize};

use crate::clock_reasons::ClockReasons;

/// State of the chip in one sample.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChipState {
    /// Clock of the multiprocessors.
    pub clock_mhz: Option<f64>,
    /// Clock of the memory.
    pub memory_clock_mhz: Option<f64>,
    /// Temperature of the chip.
    pub celsius: Option<f64>,
    /// Most that a card may draw: its power mode. That of a Jetson is in the description of the
    /// machine.
    pub power_limit_w: Option<f64>,
    /// Times that a Jetson was slowed down for its supply since it was started.
    pub over_current_count: Option<u64>,
}

/// One look.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sample {
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) power_w: Option<f64>,
    pub(crate) reasons: Option<ClockReasons>,
    pub(crate) chip: ChipState,
}
