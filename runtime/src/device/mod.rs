//! The frame path on a CUDA device: a frame goes up, classes, mask words, statistics and presences come down.
//!
//! Tiles are cut, logits blended and pixels decided on the device, by kernels that give the bits of `rszs_hot`: where the engine's logits
//! are the same, so is every mask. See `rszs_cuda::frame`.

mod segmenter;

pub use segmenter::DeviceSegmenter;
