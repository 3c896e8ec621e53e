//! `rszs-edge` with TensorRT, without a GPU: a library that records and answers stands in for
//! TensorRT, a simulator for the driver.
//!
//! Everything of ours runs as on a device: plan, cache, engine, buffers, self-test, fallback. What
//! the engine computes is what a test hands to it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod again;
mod bad_input;
mod cache;
mod installation;
mod isolation;
mod lost_device;
mod serving;
