//! The crate on the simulator (`simulator/`): host memory, the kernels' own sources, streams that
//! do nothing before they must.
//!
//! Nothing here shows that a GPU does the same; `examples/check.rs` shows that on one.
#![expect(
    clippy::unwrap_used,
    reason = "these are tests; the lint knows functions marked as such alone"
)]

mod codes;
mod driver;
mod faults;
mod frames;
mod network;
#[path = "../../examples/check/oracle.rs"]
mod oracle;
#[path = "../../examples/check/replay.rs"]
mod replay;
mod replayed;
mod streams;
