//! Ranks that sum by NCCL, on stand-ins for NCCL and for the driver: each is a process of its own,
//! its tensors lie on the processor.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod faults;
mod rank;
mod sums;
#[path = "../support/mod.rs"]
mod support;
