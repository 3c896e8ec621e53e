//! NVIDIA's own libraries, without a GPU: TensorRT-RTX parses and builds, lean TensorRT is loaded
//! and refuses.
//!
//! `cargo xtask tensorrt` fetches them into the cache. Where they are not, each test says that it
//! was skipped.
#![expect(
    clippy::unwrap_used,
    reason = "these are tests; the lint knows functions marked as such alone"
)]

mod installed;
mod lean;
mod nano;
mod onnx;
mod rtx;
