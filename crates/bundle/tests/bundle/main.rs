//! Bundles written, opened, and attacked.

mod contracts;
mod damage;
mod fixture;
mod forgery;
mod onnx_bytes;
mod onnx_files;
mod opening;
mod signatures;
mod writing;
