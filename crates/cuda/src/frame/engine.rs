//! The network, as the frame path sees it.

use crate::Stream;

/// Where an engine reads and writes on the device. The addresses stay the same while the frame path
/// lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineTensors {
    /// `[N, T, T, 3]` of u8.
    pub tiles: u64,
    /// `[K, D]` of f32; 0 for a folded model.
    pub queries: u64,
    /// `[N, K, T / 4, T / 4]` of [`LogitType`].
    pub logits: u64,
    /// `[N, K]` of f32.
    pub presence: u64,
}

/// What logits are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogitType {
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
}

impl LogitType {
    /// Of one logit.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }
}

/// Sizes that an engine was asked for, all its batches together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineShape {
    /// Most tiles of one call.
    pub batch: usize,
    /// T.
    pub tile_px: usize,
    /// K.
    pub rows: usize,
    /// D; 0 for a folded model.
    pub width: usize,
}

/// What turns tiles into logits on the device: TensorRT, or a test's own.
pub trait DeviceEngine {
    /// What its logits are.
    fn logits(&self) -> LogitType;

    /// Whether what it asks of a stream can be captured into a graph. The frame path asks once for
    /// each number of tiles, and waits, before it captures.
    ///
    /// What was captured must stay valid while other numbers of tiles are asked for: TensorRT wants
    /// an execution context of its own for each graph. TensorRT-RTX allocates while it runs, and
    /// compiles better kernels meanwhile, so it is not to be captured.
    fn is_capturable(&self) -> bool;

    /// Asks `stream` for the logits of the first `count` tiles, and does not wait for them. The
    /// error is a sentence for people.
    ///
    /// # Safety
    /// The tensors are memory of the stream's device, have room for `shape`, whose batch is at
    /// least `count`, and live until the stream is done; where it captures, as long as what it
    /// captured is launched.
    unsafe fn enqueue(
        &mut self,
        stream: &Stream,
        tensors: &EngineTensors,
        shape: &EngineShape,
        count: usize,
    ) -> Result<(), String>;
}

impl<E: DeviceEngine + ?Sized> DeviceEngine for &mut E {
    fn logits(&self) -> LogitType {
        (**self).logits()
    }

    fn is_capturable(&self) -> bool {
        (**self).is_capturable()
    }

    unsafe fn enqueue(
        &mut self,
        stream: &Stream,
        tensors: &EngineTensors,
        shape: &EngineShape,
        count: usize,
    ) -> Result<(), String> {
        // SAFETY: the caller's word.
        unsafe { (**self).enqueue(stream, tensors, shape, count) }
    }
}
