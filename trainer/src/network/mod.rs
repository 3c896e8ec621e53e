//! A graph of `rszs-graph` in libtorch.
//!
//! | module | what it is |
//! |---|---|
//! | `eager` | interprets a graph node by node |
//! | `attention` | finds what libtorch computes in one operation |
//! | [`segments`] | cuts it where activations are computed again or gradients are sent early |
//! | `parameters`, `positions` | trained tensors; position tables brought to another grid |
//! | `precision` | float32, TF32 and bfloat16 |

pub(crate) mod attention;
pub(crate) mod eager;
pub(crate) mod parameters;
pub(crate) mod positions;
pub(crate) mod precision;
pub mod segments;
mod symbols;
