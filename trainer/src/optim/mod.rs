//! The optimiser: `AdamW`, its schedule, loss scaling, and the running average of weights.

pub(crate) mod average;
pub(crate) mod flat;
pub(crate) mod loss_scale;
pub(crate) mod optimizer;
pub(crate) mod schedule;
