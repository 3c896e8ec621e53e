//! One loaded model in one engine.

use super::EngineError;
use super::embedded::EmbeddedSession;
use super::onnxruntime::OnnxRuntimeSession;
use super::tensorrt::SharedTensorRt;
use super::values::{NamedInput, NamedOutput};

/// A loaded model. This is the one place that tells engines apart after start-up.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "one or two in a process, never in a list")]
pub enum Session {
    /// In TensorRT or TensorRT-RTX.
    TensorRt(SharedTensorRt),
    /// In ONNX Runtime.
    OnnxRuntime(OnnxRuntimeSession),
    /// In the engine inside this program.
    Embedded(EmbeddedSession),
}

impl Session {
    /// Runs the model once. Outputs are copied to where the caller wants them; nothing else of ours
    /// is allocated per call, but the engines allocate as they please.
    pub fn run(
        &mut self,
        inputs: &[NamedInput<'_>],
        outputs: &mut [NamedOutput<'_>],
    ) -> Result<(), EngineError> {
        match self {
            Self::TensorRt(session) => session.run(inputs, outputs),
            Self::OnnxRuntime(session) => session.run(inputs, outputs),
            Self::Embedded(session) => session.run(inputs, outputs),
        }
    }
}
